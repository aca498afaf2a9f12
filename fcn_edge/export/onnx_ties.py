"""Scales of int8 sums, chosen so that every processor rounds every sum alike.

ONNX Runtime adds two int8 maps as ``(a - zero_a) * scale_a / scale + (b - zero_b) * scale_b / scale + zero``, rounded:
on x86-64 in float32, halves to even, on arm64 with multipliers of 22 bits, halves away from zero. Of the 65,536 pairs
of values there are a few whose sum lies so near to a half that one processor rounds it up and the other down. A
network carries such a step on: after one in the first layers, a tenth of the scores had other values at the end. A
scale that is a ten-thousandth larger has other sums near a half, and soon one is found that has none.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export import onnx_graph
from fcn_edge.export.onnx_graph import Proto

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Relative; so small that a few hundred cost no accuracy, and large enough for other sums to lie near a half.
_NUDGE = 2.0**-16
_TRIES = 2048
# Arithmetic of either kind errs by less, for ratios up to 1 and values that are not cut off; else in proportion.
_NEAR = 1e-3
# Of arm64's multipliers; outside of the range of ratios it computes in another way, which is not known here to agree.
_MULTIPLIER_BITS = 21
_RATIOS = (2.0**-14, 2.0**8)


@dataclass(frozen=True, slots=True)
class Quantized:
    """How integers stand for numbers: ``(integer - zero_point) * scale``; *lowest* and *highest* are the type's."""

    scale: np.float32
    zero_point: int
    lowest: int
    highest: int


def settle_sums(model: Proto) -> int:
    """Enlarge the scales of a quantised graph's sums a little where processors would round one differently.

    Sums are ``Add`` of two dequantised maps that is quantised at once; what else has the scale of its result keeps it
    in common.

    Args:
        model: ONNX in QDQ form; its initializers are changed.

    Returns:
        How many sums no scale was found for.
    """
    left = 0
    for node in model.graph.node:
        if node.op_type != "Add":
            continue
        operands = [_quantized(model, onnx_graph.writer(model, name), "DequantizeLinear") for name in node.input]
        readers = onnx_graph.readers(model, node.output[0])
        result = _quantized(model, readers[0], "QuantizeLinear") if len(readers) == 1 else None
        if operands[0] is None or operands[1] is None or result is None:
            continue
        scale = settled_scale(operands[0], operands[1], result)
        if scale is None:
            left += 1
        elif scale != result.scale:
            _set_constant(model, readers[0].input[1], scale)
    return left


def settled_scale(a: Quantized, b: Quantized, result: Quantized) -> np.float32 | None:
    """Find the smallest scale, not below that of *result*, with which all sums are rounded alike; None for none."""
    own = (np.arange(of.lowest, of.highest + 1, dtype=np.int64) for of in (a, b))
    first, second = (values.ravel() for values in np.meshgrid(*own, indexing="ij"))
    for number in range(_TRIES):
        scale: np.float32 = np.float32(float(result.scale) * (1 + number * _NUDGE))
        if _agree(first, second, a, b, Quantized(scale, result.zero_point, result.lowest, result.highest)):
            return scale
    return None


def _agree(first: Integers, second: Integers, a: Quantized, b: Quantized, result: Quantized) -> bool:
    ratio_a, ratio_b = np.float32(a.scale / result.scale), np.float32(b.scale / result.scale)
    if not all(_RATIOS[0] <= ratio < _RATIOS[1] for ratio in (ratio_a, ratio_b)):
        return False
    # Only what is near a half can differ, and is worth the exact way of each processor.
    exact = (first - a.zero_point) * float(ratio_a) + (second - b.zero_point) * float(ratio_b) + result.zero_point
    kept = (exact > result.lowest - 1) & (exact < result.highest + 1)
    near = kept & (np.abs(exact - np.floor(exact) - 0.5) < _NEAR * max(1, ratio_a, ratio_b))
    first, second = first[near], second[near]
    wanted = _in_integers(first - a.zero_point, second - b.zero_point, ratio_a, ratio_b) + result.zero_point
    wanted = np.clip(wanted, result.lowest, result.highest)
    floats = _in_floats(first, second, (ratio_a, a.zero_point), (ratio_b, b.zero_point), result.zero_point)
    return all(np.array_equal(np.clip(found, result.lowest, result.highest), wanted) for found in floats)


def _in_integers(first: Integers, second: Integers, ratio_a: np.float32, ratio_b: np.float32) -> Integers:
    """Round as arm64 does: multipliers as integers, halves away from zero."""
    exponent = int(np.frexp(max(ratio_a, ratio_b))[1]) - 1
    shift = _MULTIPLIER_BITS - exponent
    by_a, by_b = (int(np.rint(float(ratio) * 2.0**shift)) for ratio in (ratio_a, ratio_b))
    total: Integers = first * by_a + second * by_b
    halves_away: Integers = np.sign(total) * ((np.abs(total) + (1 << (shift - 1))) >> shift)
    return halves_away


def _in_floats(
    first: Integers, second: Integers, a: tuple[np.float32, int], b: tuple[np.float32, int], zero_point: int
) -> list[Floats]:
    """Round as x86-64 does: float32, halves to even; with fused multiply-adds and without, as compilers like."""
    (ratio_a, zero_a), (ratio_b, zero_b) = a, b
    found = []
    for constant_fused, fused in itertools.product((False, True), repeat=2):
        # A product of two float32 is exact in float64.
        products = float(ratio_a) * zero_a, float(ratio_b) * zero_b
        constant = np.float32(zero_point - _sum(products[0], products[1], fused=constant_fused))
        terms = ((second, ratio_b), (first, ratio_a))
        for order in (terms, terms[::-1]):
            total: Floats = np.full(len(first), constant, np.float64)
            for values, ratio in order:
                product = values.astype(np.float64) * float(ratio)
                total = _sum(total, product, fused=fused)
            found.append(np.rint(total))
    return found


def _sum(total: Floats | float, product: Floats | float, *, fused: bool) -> Floats:
    """Add a product to a float32; fused, it is not rounded before."""
    rounded = product if fused else np.asarray(product, np.float32).astype(np.float64)
    return np.asarray(np.asarray(total + rounded, np.float32), np.float64)


def _quantized(model: Proto, node: Proto | None, kind: str) -> Quantized | None:
    if node is None or node.op_type != kind:
        return None
    values = onnx_graph.constants(model)
    scale, zero = values[node.input[1]], values[node.input[2]]
    if scale.size != 1 or zero.size != 1:
        return None
    limits = np.iinfo(zero.dtype)
    return Quantized(np.float32(scale.reshape(())), int(zero.reshape(())), int(limits.min), int(limits.max))


def _set_constant(model: Proto, name: str, value: np.float32) -> None:
    onnx = onnx_graph.onnx()
    old = next(constant for constant in model.graph.initializer if constant.name == name)
    shape = onnx.numpy_helper.to_array(old).shape
    old.CopyFrom(onnx.numpy_helper.from_array(np.full(shape, value, np.float32), name))
