"""Converting to one format: the file with its card, inspected, not proven."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fcn_edge import atomic, model_file
from fcn_edge.card import ModelCard
from fcn_edge.errors import ExportError, FcnEdgeError
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.formats import FormatSpec
from fcn_edge.export.summary import WrittenFile
from fcn_edge.scoring import raw_threshold


def convert_file(name: str, spec: FormatSpec, job: Conversion, card: ModelCard, folder: Path) -> WrittenFile:
    """Convert to one format and write the file with its card into a folder; nothing is proven yet.

    Raises:
        ExportError: The converter failed, or the file breaks the contract.
        OutputError: The file cannot be written.
    """
    try:
        data = spec.convert(job)
        inspection = spec.inspect(data, spec.precision, job.float_layers)
        described = dataclasses.replace(
            card, precision=spec.precision, output=job.output, score_quantization=inspection.quantization
        )
        data = spec.describe(data, described)
    except (FcnEdgeError, OSError):
        raise
    except Exception as error:
        # Converters raise whatever they like, from ValueError to their own C++ classes.
        reason = " ".join(str(error).split())[:300]
        raise ExportError(
            f"{name}: the converter failed: {type(error).__name__}: {reason}",
            hint="run again with --debug to see what it says; leave this format out to get the others",
        ) from error
    path = folder / model_file.file_name(card.name, spec.precision, spec.format, job.output)
    atomic.write_bytes(path, data)
    return WrittenFile(path, model_file.write_card(path, described), inspection)


def threshold_of(card: ModelCard) -> float:
    """Give the threshold in the unit of real scores; 0 where the card has none."""
    return 0.0 if card.threshold is None else raw_threshold(card.threshold, card.score_activation)
