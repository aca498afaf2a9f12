"""Pieces that every network here is made of: the door, crops to a skip, the head's shape."""

from __future__ import annotations

import sys
from typing import Any

from fcn_edge.errors import UsageError
from fcn_edge.optional import load
from fcn_edge.runtime.native_log import held_back


def load_tensorflow() -> Any:  # noqa: ANN401 - a module without type information
    """Import TensorFlow, as :func:`load_keras` does.

    Raises:
        MissingPackageError: It is not installed.
    """
    load_keras()
    return load("tensorflow", feature="building a network", extra="train")


def load_keras() -> Any:  # noqa: ANN401 - a module without type information
    """Import Keras with TensorFlow below it.

    Raises:
        MissingPackageError: One of them is not installed.
    """
    needs = {"feature": "building a network", "extra": "train"}
    if "tensorflow" not in sys.modules:
        # Without a GPU, TensorFlow prints three lines about CUDA, at import and when it looks for devices.
        with held_back():
            load("tensorflow", **needs).config.list_physical_devices("GPU")
    return load("keras", **needs)


def open_input(input_shape: tuple[int, int, int], *, rescale: bool) -> tuple[Any, Any]:
    """Make the input, and rescale it from 0..255 to 0..1 where asked.

    Returns:
        The input tensor ``(N, H, W, C)`` and the tensor to go on with.

    Raises:
        UsageError: The shape is not three positive sizes.
    """
    if len(input_shape) != 3 or any(size is None or size < 1 for size in input_shape):  # noqa: PLR2004 - H, W, C
        raise UsageError(
            f"input shape {tuple(input_shape)} is not (height, width, channels) of at least 1 each",
            hint="give for example (128, 128, 3)",
        )
    keras = load_keras()
    entry = keras.Input(tuple(input_shape), name="image")
    return entry, keras.layers.Rescaling(1 / 255, name="rescale")(entry) if rescale else entry


def head_channels(classes: int) -> int:
    """Tell K, the number of score channels: 1 for one foreground class, else one for each class.

    Raises:
        UsageError: *classes* is below 1.
    """
    if classes < 1:
        raise UsageError(f"{classes} classes cannot be told apart", hint="give 1 for background and one foreground")
    return classes


def head_activation(classes: int, *, logits: bool) -> str | None:
    """Name the last activation: sigmoid for one score channel, softmax for more, none for logits."""
    if logits:
        return None
    return "sigmoid" if classes == 1 else "softmax"


def crop_to(tensor: Any, size_hw: tuple[int, int], *, name: str) -> Any:  # noqa: ANN401 - symbolic Keras tensors
    """Cut *tensor* ``(N, H, W, C)`` to *size_hw* at the bottom and the right.

    Pools with ``padding="same"`` pad there, so what lies above and to the left stays where it was.
    """
    bottom, right = tensor.shape[1] - size_hw[0], tensor.shape[2] - size_hw[1]
    if (bottom, right) == (0, 0):
        return tensor
    return load_keras().layers.Cropping2D(((0, bottom), (0, right)), name=name)(tensor)


def size_hw(tensor: Any) -> tuple[int, int]:  # noqa: ANN401 - symbolic Keras tensors
    """Give height and width of a symbolic ``(N, H, W, C)`` tensor."""
    return tensor.shape[1], tensor.shape[2]
