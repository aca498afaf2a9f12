"""Encoders of inverted residuals as tables: EfficientNet-Lite0, and a light one to train from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fcn_edge.errors import UsageError
from fcn_edge.networks.inverted_residual import convolve, inverted_residual


@dataclass(frozen=True, slots=True)
class Stage:
    """Inverted residuals of the same width.

    Attributes:
        filters: Channels of the result.
        repeats: Blocks.
        stride: Of the first block; the others have 1.
        expand: Factor of the widening inside.
        kernel: Side of the depthwise kernels.
    """

    filters: int
    repeats: int
    stride: int
    expand: int
    kernel: int


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """A mobile encoder: a convolution of stride 2, then stages down to stride 32."""

    stem: int
    stages: tuple[Stage, ...]


# Tan and Le, "EfficientNet" (ICML 2019), in the variant of tensorflow/tpu, models/official/efficientnet/lite: ReLU6 in
# place of swish, no squeeze-and-excitation, both for the sake of int8. Without the 1280 filters of the classifier.
EFFICIENTNET_LITE0 = EncoderSpec(
    32,
    (
        Stage(16, 1, 1, 1, 3),
        Stage(24, 2, 2, 6, 3),
        Stage(40, 2, 2, 6, 5),
        Stage(80, 3, 2, 6, 3),
        Stage(112, 3, 1, 6, 5),
        Stage(192, 4, 2, 6, 5),
        Stage(320, 1, 1, 6, 3),
    ),
)
# A tenth of the parameters, for what learns from hundreds of pictures without help.
LIGHT = EncoderSpec(
    16,
    (
        Stage(16, 1, 1, 1, 3),
        Stage(24, 2, 2, 4, 3),
        Stage(32, 3, 2, 4, 3),
        Stage(64, 3, 2, 4, 3),
        Stage(96, 2, 2, 4, 3),
    ),
)

_DEEPEST = (16, 32)
_SHRINKS = (1, 2)


def encode(
    x: Any,  # noqa: ANN401 - symbolic Keras tensor
    spec: EncoderSpec,
    *,
    width: float = 1.0,
    deepest: int = 32,
    shrink: int = 1,
) -> dict[int, Any]:
    """Run an encoder.

    Args:
        x: Symbolic ``(N, H, W, 3)`` tensor, 0..1.
        spec: What it is made of.
        width: Factor on all filters; they stay multiples of 8.
        deepest: Stride at which it ends, 16 or 32, times *shrink*.
        shrink: Factor by which the first convolution shrinks in addition, 1 or 2: what would come of an image of half
            the size, with weights of its own for all pixels.

    Returns:
        By stride (2, 4, 8, 16 and 32, times *shrink*) the last map of that stride, ``(N, H/stride, W/stride, C)``,
        sizes rounded up.

    Raises:
        UsageError: An option is out of range.
    """
    if width <= 0 or deepest not in _DEEPEST or shrink not in _SHRINKS:
        raise UsageError(
            f"an encoder of width {width} down to stride {deepest}, shrunk by {shrink}, cannot be built",
            hint="width is above 0, deepest is 16 or 32, shrink is 1 or 2",
        )
    stride, deepest = 2 * shrink, deepest * shrink
    x = convolve(x, _multiple_of_8(spec.stem * width), kernel=3 * shrink, stride=stride, name="enc_stem")
    found = {stride: x}
    for number, stage in enumerate(spec.stages, start=1):
        if stride * stage.stride > deepest:
            break
        stride *= stage.stride
        for repeat in range(1, stage.repeats + 1):
            x = inverted_residual(
                x,
                _multiple_of_8(stage.filters * width),
                expand=stage.expand,
                kernel=stage.kernel,
                stride=stage.stride if repeat == 1 else 1,
                name=f"enc{number}_{repeat}",
            )
        found[stride] = x
    return found


def _multiple_of_8(filters: float) -> int:
    # SIMD kernels work on eight channels at a time.
    return max(8, round(filters / 8) * 8)
