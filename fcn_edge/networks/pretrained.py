"""Weights of encoders that were trained on ImageNet, shipped as plain arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import shipped_encoder

_PREFIX = "enc"
_STEM = "enc_stem/kernel"


def load_encoder(model: Any, name: str) -> None:  # noqa: ANN401 - keras.Model
    """Put the shipped weights of an encoder into the layers of *model* whose names begin with ``enc``.

    The file holds ``LAYER/WEIGHT`` (``enc_stem/kernel``), made by ``tools/convert_encoder``, for input 0..1. An encoder
    that ends earlier takes its part.

    Raises:
        ModelFileError: The file is missing, damaged or of another encoder.
    """
    path = shipped_encoder(name)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path}: cannot be read as encoder weights: {error}", hint="install fcn-edge again, or pretrained=False"
        ) from error
    for layer in model.layers:
        if layer.name.startswith(_PREFIX):
            for variable in layer.weights:
                variable.assign(_find(arrays, f"{layer.name}/{variable.name}", tuple(variable.shape), str(path)))


def _find(arrays: Mapping[str, NDArray[Any]], key: str, shape: tuple[int, ...], path: str) -> NDArray[np.float32]:
    found = arrays.get(key)
    if key == _STEM and found is not None and shape[0] == 2 * found.shape[0]:
        # Twice the kernel at twice the stride is the same convolution of means over 2x2 pixels.
        found = found.astype(np.float32).repeat(2, axis=0).repeat(2, axis=1) / 4
    if found is None or found.shape != shape:
        has = "nothing" if found is None else f"shape {found.shape}"
        raise ModelFileError(
            f"{path}: holds {has} for {key}, expected shape {shape}", hint="install fcn-edge again, or pretrained=False"
        )
    return found.astype(np.float32)
