"""What the layers of a region cost where they stay as they are."""

from __future__ import annotations

import math

from fcn_edge.export.fold.form import ADD_COST, CALL_COST, CHANNEL_TILE, MOVE_COST, TRANSPOSED_FACTOR
from fcn_edge.export.fold.region import Value

# Interpolation reads four neighbours for each element.
_BILINEAR_COST = 12.0
# Of one element read, scaled and written.
ELEMENTWISE_COST = 2.0
_FREE = ("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity", "Activation")


def layer_macs(value: Value) -> int:
    """Count the multiply-adds of the layer that makes a map."""
    layer = value.node.operation
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    pixels = _input_pixels(value) if _is_transposed(value) else math.prod(value.size)
    return int(pixels * math.prod(kernel.shape))


def layer_cost(value: Value) -> float:
    """Weigh the layer that makes a map; see :mod:`fcn_edge.export.fold.form`."""
    layer, elements = value.node.operation, float(math.prod(value.shape))
    kind = type(layer).__name__
    if kind in _FREE:
        return 0.0
    macs = layer_macs(value)
    if macs:
        channels = value.shape[2]
        tiled = -(-channels // CHANNEL_TILE) * CHANNEL_TILE / channels
        factor = TRANSPOSED_FACTOR if _is_transposed(value) else 1.0
        read = sum(math.prod(tensor.shape[1:]) for tensor in value.node.input_tensors)
        return float(macs * tiled * factor + read + CALL_COST)
    if kind == "BatchNormalization":
        # Converters put it into what comes before or after it, where they can.
        return ELEMENTWISE_COST * elements
    if kind == "Add":
        return max(1, len(value.node.input_tensors) - 1) * ADD_COST * elements + CALL_COST
    if kind in ("UpSampling2D", "Resize") and layer.interpolation == "bilinear":
        return _BILINEAR_COST * elements + CALL_COST
    return MOVE_COST * elements + CALL_COST


def _is_transposed(value: Value) -> bool:
    return type(value.node.operation).__name__ == "Conv2DTranspose"


def _input_pixels(value: Value) -> int:
    return math.prod(value.node.input_tensors[0].shape[1:3])
