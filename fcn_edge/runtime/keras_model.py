"""Keras, for ``.keras`` files: the float model that everything is compared with. TensorFlow is imported on opening."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.card import Activation
from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import keras_format
from fcn_edge.runtime import native_log
from fcn_edge.runtime.backend import Backend, BackendInfo, check_out
from fcn_edge.runtime.contract import RawTensor, describe

_ACTIVATIONS: dict[str, Activation] = {"sigmoid": "sigmoid", "softmax": "softmax", "linear": "none"}


class KerasBackend:
    """A model in Keras. A last sigmoid or softmax is taken off: the scores are logits, as those of exported files.

    Resizing does not commute with a sigmoid: on 30 microscope images brought from 128x128 to their own size, resized
    probabilities and resized logits disagreed on 0.16 % of the pixels, more than a faithful export may differ.
    """

    def __init__(self, keras: Any, path: Path) -> None:  # noqa: ANN401 - untyped package
        keras_format.read_text(path)
        with native_log.held_back(), warnings.catch_warnings():
            # A model saved by another version of Keras may warn of options that do not matter for inference.
            warnings.simplefilter("ignore")
            try:
                model = keras.models.load_model(path, compile=False)
            except Exception as error:
                # Whatever class the layers of a foreign file raise from.
                raise _cannot_run(path, error) from error
        last: Any = getattr(getattr(model.outputs[0], "_keras_history", None), "operation", None)
        activation = _ACTIVATIONS.get(getattr(getattr(last, "activation", None), "__name__", ""))
        if activation in ("sigmoid", "softmax"):
            # The model is this object's own, and is traced below.
            last.activation, activation = keras.activations.linear, "none"
        source, result = describe(path, _raw(model.inputs, "float32"), _raw(model.outputs, "float32"))
        self._model: Any | None = model
        self._call: Any = _compiled(model, source.shape)
        self._info = BackendInfo("keras", keras.__version__, "cpu", None, source, result, activation)

    @property
    def info(self) -> BackendInfo:
        """What runs, what goes in and what comes out."""
        return self._info

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model once; see :meth:`fcn_edge.runtime.backend.Backend.infer`."""
        if self._model is None:
            raise RuntimeError("infer after close")
        if out is not None:
            check_out(out, self._info.output)
        result = self._call(pixels)
        if out is None:
            return np.array(result)
        np.copyto(out, result)
        return out

    def close(self) -> None:
        """Free the model."""
        self._model = self._call = None


def open_model(path: Path, *, threads: int | None) -> Backend:  # noqa: ARG001 - TensorFlow sets threads per process, not per model
    """Load a ``.keras`` file; see :func:`fcn_edge.runtime.open_backend`."""
    with native_log.held_back():
        optional.load("tensorflow", feature="running .keras files", extra="train")
        keras = optional.load("keras", feature="running .keras files", extra="train")
    return KerasBackend(keras, path)


def _compiled(model: Any, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - untyped package
    tensorflow = optional.load("tensorflow", feature="running .keras files", extra="train")
    signature = [tensorflow.TensorSpec(shape, tensorflow.float32)]
    return tensorflow.function(lambda pixels: model(pixels, training=False), input_signature=signature)


def _raw(tensors: list[Any], dtype: str) -> list[RawTensor]:
    return [RawTensor(tensor.name, tuple(tensor.shape), dtype) for tensor in tensors]


def _cannot_run(path: Path, error: Exception) -> ModelFileError:
    reason = " ".join(str(error).split())[:300]
    return ModelFileError(
        f"{path}: Keras cannot run it: {reason}",
        hint="check that it is a Keras 3 file and that the installed Keras is not older than the one that saved it",
    )
