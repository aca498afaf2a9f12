"""External delegates of TensorFlow Lite: shared libraries that take operations to an accelerator, as Coral's does.

A delegate that is missing, that is none, or that takes nothing is an error. TensorFlow Lite itself would run the model
on the processor without a word.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.errors import AcceleratorError, UsageError

# What TensorFlow Lite looks for in the library.
_ENTRY_POINTS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
_EDGE_TPU = "libedgetpu"


@dataclass(frozen=True, slots=True)
class DelegateSpec:
    """An external delegate.

    Attributes:
        library: A path, or a name that the system's loader finds, as ``libedgetpu.so.1``.
        options: What it is told, by name.
    """

    library: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The library's own name, without folders."""
        return Path(self.library).name


def parse_delegate(text: str) -> DelegateSpec:
    """Read ``PATH`` or ``PATH,key=value,…``.

    Raises:
        UsageError: There is no path, or an option is no ``key=value``.
    """
    library, *parts = (part.strip() for part in text.split(","))
    options = []
    for part in parts:
        key, equals, value = part.partition("=")
        if not key or not equals:
            raise UsageError(
                f"delegate {text!r}: {part!r} is no option", hint="write PATH,key=value: libedgetpu.so.1,device=usb"
            )
        options.append((key, value))
    if not library:
        raise UsageError(f"delegate {text!r}: no library is named", hint="write its path: libedgetpu.so.1")
    return DelegateSpec(library, tuple(options))


def load_delegate(package: Any, spec: DelegateSpec) -> object:  # noqa: ANN401 - untyped package
    """Load a delegate's library and let it make a delegate.

    Args:
        package: The module ``interpreter`` of LiteRT or tflite-runtime.
        spec: Which library, and what it is told.

    Returns:
        What an ``Interpreter`` takes in ``experimental_delegates``.

    Raises:
        UsageError: The path does not exist.
        AcceleratorError: It is no delegate, or it refused: no such device, a wrong option.
    """
    library = _located(spec)
    try:
        loaded = ctypes.PyDLL(library)
    except OSError as error:
        raise AcceleratorError(
            f"delegate {spec.library}: cannot be loaded: {error}", hint=_hint_install(spec)
        ) from error
    # Asked here, because the runtimes' own wrapper, where they are missing, leaves an object that fails once more when
    # it is thrown away.
    missing = [name for name in _ENTRY_POINTS if not hasattr(loaded, name)]
    if missing:
        raise AcceleratorError(
            f"delegate {spec.library}: a library, but no TensorFlow Lite delegate: it lacks {', '.join(missing)}",
            hint="name the library of the delegate itself: --delegate libedgetpu.so.1",
        )
    try:
        return package.load_delegate(library, dict(spec.options))
    except (ValueError, RuntimeError) as error:
        # Its message begins with a line of the runtime's, then has the delegate's own words, if it said any.
        told = " ".join(str(error).split("\n", 1)[-1].split())
        refused = told if "\n" in str(error) and told else "it gave no reason"
        hint = "check that the device is plugged in and that you may use it, and the options"
        raise AcceleratorError(f"delegate {spec.library}: it refused: {refused}", hint=hint) from error


def refuse_idle(path: Path, spec: DelegateSpec) -> AcceleratorError:
    """Say that a delegate takes no operation of a model."""
    hint = "leave --delegate out, or use a file made for it"
    if spec.name.startswith(_EDGE_TPU):
        hint = f"compile an int8 file for it first: edgetpu_compiler {path.name}"
    return AcceleratorError(
        f"{path}: delegate {spec.library} takes none of its operations; all would run on the processor", hint=hint
    )


def _located(spec: DelegateSpec) -> str:
    path = Path(spec.library)
    if path.is_file():
        # The loader looks for a name without a slash in the system's folders only.
        return str(path.resolve())
    if path.parent != Path():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"delegate {spec.library}: {what}; a shared library was expected", hint="check the path")
    return spec.library


def _hint_install(spec: DelegateSpec) -> str:
    if spec.name.startswith(_EDGE_TPU):
        return "install Coral's runtime, libedgetpu1-std, or give the library's whole path"
    return "give the path of a delegate that was built for this machine, and install what it needs"
