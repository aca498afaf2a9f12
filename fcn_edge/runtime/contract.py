"""What a model has to look like to be run here, whichever runtime opens it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.errors import ModelFileError
from fcn_edge.runtime.backend import Layout, TensorInfo

INPUT_DTYPES = ("uint8", "int8", "float32", "float16")
SCORE_DTYPES = ("int8", "uint8", "float32", "float16")
LABEL_DTYPES = ("uint8", "int32", "int64")

_COLOUR_CHANNELS = 3
_RANK_IMAGES = 4
_RANK_LABELS = 3

_HINT_EXPORT = "export it with a fixed size: fcn-edge export MODEL --size HxW --formats tflite-int8 --out DIR"


@dataclass(frozen=True, slots=True)
class RawTensor:
    """An input or output as a runtime describes it; an unknown length is None or negative."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


def describe(path: Path, inputs: Sequence[RawTensor], outputs: Sequence[RawTensor]) -> tuple[TensorInfo, TensorInfo]:
    """Check a model's input and output and name their axes.

    Returns:
        The one input and the one output.

    Raises:
        ModelFileError: Not exactly one input image and one output map of fixed size in types that can be handled.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        message = (
            f"{path}: {_count(inputs, 'input')} and {_count(outputs, 'output')}, but one image and one map of scores "
            "were expected"
        )
        hint = "export the part of the model that goes from one image to the scores"
        raise ModelFileError(message, hint=hint)
    source = _input(path, inputs[0])
    return source, _output(path, outputs[0], source)


def image_hw(tensor: TensorInfo) -> tuple[int, int]:
    """Give height and width of an image, scores or labels tensor."""
    first = 2 if tensor.layout == "NCHW" else 1
    return tensor.shape[first], tensor.shape[first + 1]


def channels(tensor: TensorInfo) -> int:
    """Give C or K of a tensor; 1 for class ids."""
    if tensor.layout == "NHW":
        return 1
    return tensor.shape[1 if tensor.layout == "NCHW" else 3]


def _input(path: Path, tensor: RawTensor) -> TensorInfo:
    shape = _fixed(path, "input", tensor)
    if tensor.dtype not in INPUT_DTYPES:
        raise _wrong(path, f"its input is {tensor.dtype}", f"one of {', '.join(INPUT_DTYPES)}")
    if len(shape) != _RANK_IMAGES or _COLOUR_CHANNELS not in (shape[1], shape[3]):
        raise _wrong(path, f"its input is {_text(shape)}", "a colour image, 1xHxWx3 or 1x3xHxW")
    layout: Layout = "NHWC" if shape[3] == _COLOUR_CHANNELS else "NCHW"
    return TensorInfo(tensor.name, shape, tensor.dtype, tensor.scale, tensor.zero_point, layout, "RGB")


def _output(path: Path, tensor: RawTensor, source: TensorInfo) -> TensorInfo:
    shape = _fixed(path, "output", tensor)
    if len(shape) == _RANK_LABELS:
        layout: Layout = "NHW"
        known: tuple[str, ...] = LABEL_DTYPES
    elif len(shape) == _RANK_IMAGES:
        layout = _score_layout(shape, source)
        known = SCORE_DTYPES
    else:
        raise _wrong(path, f"its output is {_text(shape)}", "scores, 1xHxWxK or 1xKxHxW, or class ids, 1xHxW")
    if tensor.dtype not in known:
        raise _wrong(path, f"its output is {_text(shape)} {tensor.dtype}", f"one of {', '.join(known)}")
    return TensorInfo(tensor.name, shape, tensor.dtype, tensor.scale, tensor.zero_point, layout, None)


def _score_layout(shape: tuple[int, ...], source: TensorInfo) -> Layout:
    height, width = image_hw(source)
    fits_last = shape[1] * width == shape[2] * height
    fits_first = shape[2] * width == shape[3] * height
    if fits_last != fits_first:
        return "NHWC" if fits_last else "NCHW"
    return source.layout


def _fixed(path: Path, what: str, tensor: RawTensor) -> tuple[int, ...]:
    # An unknown batch can be fed one image; an unknown height or width cannot be chosen by us.
    shape = tuple(1 if i == 0 and _unknown(n) else n for i, n in enumerate(tensor.shape))
    fixed = tuple(n for n in shape if n is not None and n > 0)
    if len(fixed) != len(shape):
        raise ModelFileError(
            f"{path}: its {what} is {_text(shape)}: a fixed height, width and number of channels were expected",
            hint=_HINT_EXPORT,
        )
    if not fixed or fixed[0] != 1:
        raise _wrong(path, f"its {what} is {_text(fixed)}", "a batch of 1")
    return fixed


def _unknown(length: int | None) -> bool:
    return length is None or length < 0


def _wrong(path: Path, found: str, expected: str) -> ModelFileError:
    return ModelFileError(f"{path}: {found}, but {expected} was expected", hint=_HINT_EXPORT)


def _text(shape: Sequence[int | None]) -> str:
    return "x".join("?" if _unknown(n) else str(n) for n in shape)


def _count(tensors: Sequence[RawTensor], noun: str) -> str:
    names = ", ".join(t.name for t in tensors)
    return f"{len(tensors)} {noun}{'' if len(tensors) == 1 else 's'} ({names})"
