"""Every error this package raises on purpose.

    FcnEdgeError                 exit code 1
    ├── UsageError               2   an unknown option, a path that does not exist
    ├── ModelFileError           1   a model file that cannot be read or does not keep the contract
    ├── ResultFileError          1   a result file (JSON) that cannot be read or is of a kind we do not know
    ├── DatasetError             1   a data folder with faults; they are listed in ``faults``
    ├── ImageError               1   an image that cannot be decoded
    ├── SourceError              1   a camera, film or stream that cannot be opened or was lost
    ├── OutputError              1   a file or device that cannot be written
    ├── MissingPackageError      1   an optional package that is not installed
    ├── AcceleratorError         1   a GPU or delegate that was asked for and cannot be used
    ├── UnreliableError          1   a measurement that is not good enough to be kept
    ├── TrainingError            1   a training that diverged
    ├── ExportError              1   a conversion that failed
    │   └── LostRungError        1   a rung of the export ladder missed its tolerance
    └── ThresholdMissedError     3   a limit the user set was missed

Each carries a *message* (what, where, what was expected) and a *hint* (how to mend it). The library raises; only the
command line turns an error into two lines and an exit code. This module imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Sequence


class FcnEdgeError(Exception):
    """An error with a message for what happened and a hint for how to mend it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})"


class UsageError(FcnEdgeError):
    """A wrong argument, or a path that does not exist."""

    exit_code = 2


class ModelFileError(FcnEdgeError):
    """A model file that cannot be read, or that does not keep the input and output contract."""


class ResultFileError(FcnEdgeError):
    """A result file that cannot be read, or that is of a kind we do not know."""


class DatasetError(FcnEdgeError):
    """A data folder that cannot be used; every fault found is in ``faults``, one line each."""

    def __init__(self, message: str, *, hint: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class ImageError(FcnEdgeError):
    """An image that cannot be decoded."""


class SourceError(FcnEdgeError):
    """A camera, film or stream that cannot be opened, or that was lost."""


class OutputError(FcnEdgeError):
    """A file or device that cannot be written."""


class MissingPackageError(FcnEdgeError):
    """An optional package that a feature needs and that is not installed."""


class AcceleratorError(FcnEdgeError):
    """A GPU or delegate that was asked for and cannot be used: never replaced by the processor in silence."""


class UnreliableError(FcnEdgeError):
    """A measurement that is not good enough to be kept."""


class TrainingError(FcnEdgeError):
    """A training that cannot go on: its loss is no longer a number."""


class ExportError(FcnEdgeError):
    """A model that could not be converted."""


class LostRungError(ExportError):
    """A rung of the export ladder missed its tolerance, so nothing was exported."""


class ThresholdMissedError(FcnEdgeError):
    """A limit the user set (``--max-drop``, a gate) was missed."""

    exit_code = 3
