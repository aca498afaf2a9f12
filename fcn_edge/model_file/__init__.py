"""Model files: their names, and the card that travels inside them. Standard library only.

One module per format (``tflite_format``, ``onnx_format``, ``keras_format``), each with the same four functions;
``card_file`` picks the module by the file's suffix, ``name`` reads file names, ``shipped`` finds the models that come
with the package, ``choice`` keeps what ``tune`` chose for this device.
"""

from __future__ import annotations

from fcn_edge.model_file.card_file import fingerprint, read_card, write_card
from fcn_edge.model_file.choice import Family, TuneChoice
from fcn_edge.model_file.name import ModelName, file_name, parse_name
from fcn_edge.model_file.shipped import (
    ShippedInfo,
    find_choice,
    find_family,
    resolve,
    shipped_encoder,
    shipped_info,
    shipped_models,
)

__all__ = [
    "Family",
    "ModelName",
    "ShippedInfo",
    "TuneChoice",
    "file_name",
    "find_choice",
    "find_family",
    "fingerprint",
    "parse_name",
    "read_card",
    "resolve",
    "shipped_encoder",
    "shipped_info",
    "shipped_models",
    "write_card",
]
