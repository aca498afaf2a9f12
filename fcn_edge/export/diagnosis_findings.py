"""What to do about a lost layer: signs in weights and activations, each with its figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.activations import ActivationStats, measure_activations
from fcn_edge.export.blame import LayerNoise
from fcn_edge.export.diagnosis import Finding, FloatTrial
from fcn_edge.export.graph import Model, nodes_of
from fcn_edge.export.leave_float import layer_names, with_feeders, with_readers

# Share of a layer's values outside its range from which they show.
NOTABLE_SATURATION = 0.01
# The largest channel against the median one: four of eight bits are lost to it.
_CHANNEL_RATIO = 16.0
# The largest value against the one that 99.9 % stay below: three bits.
_OUTLIER_RATIO = 8.0
_SHARED_RATIO = 8.0
_UNUSED_RATIO = 4.0
_STEPS = 256
# A normal distribution has 5 to 7; from here on six of the seven bits go to the largest weight.
_WEIGHT_RATIO = 64.0
_WEIGHT_STEPS = 127


def calibration_findings(noise: Sequence[LayerNoise]) -> tuple[Finding, ...]:
    """See from the layers of a file whether it was calibrated on images unlike these; the worst layer is named."""
    worst = max(noise, key=lambda layer: layer.saturated or 0.0, default=None)
    if worst is None or worst.range is None or (worst.saturated or 0.0) < NOTABLE_SATURATION:
        return ()
    share = worst.saturated or 0.0
    cut = sum((layer.saturated or 0.0) >= NOTABLE_SATURATION for layer in noise)
    return (
        Finding(
            "saturation",
            worst.name,
            f"{100 * share:.1f} % of the values of {worst.name!r} lie outside what its integers can hold, "
            f"{_span(worst.range.low, worst.range.high)}; {cut} of {len(noise)} layers cut off 1 % or more",
            "calibrate on images as the camera gives them, with all that occurs in them: "
            "export --calibration-split SPLIT --calibration-images N",
            {"saturated": share, "low": worst.range.low, "high": worst.range.high, "layers": float(cut)},
        ),
    )


def layer_findings(
    model: Model,
    layers: Sequence[str],
    noise: Mapping[str, LayerNoise],
    images: NDArray[np.uint8],
    macs_share: Mapping[str, float],
) -> tuple[Finding, ...]:
    """See what is the matter with some layers.

    Args:
        model: Flat; what the file was converted from.
        layers: Names of the layers that are suspected or guilty.
        noise: Of the file, by layer.
        images: ``(N, H, W, 3)`` uint8 RGB to look at activations with.
        macs_share: By layer.
    """
    nodes = {node.operation.name: node for node in nodes_of(model) if not node.is_input}
    # A layer may be lost for what goes into it, or for a scale that it has to share.
    around = {*with_feeders(model, layers), *(n for n in with_readers(model, layers) if _shares_scale(nodes[n]))}
    about = [name for name in layer_names(model) if name in around]
    joins = {name: _inputs_of(model, nodes[name]) for name in about if _shares_scale(nodes[name])}
    looked_at = dict.fromkeys([*about, *(name for join in joins.values() for name in join)])
    stats = measure_activations(model, list(looked_at), images)
    found: list[Finding] = []
    shared = {other for join in joins.values() for other in join}
    for name in about:
        if name in stats and name not in joins:
            found += _channel_outlier(name, nodes[name].operation, stats[name])
            found += _value_outlier(name, stats[name])
            found += [] if name in shared else _unused_range(noise.get(name), stats[name])
            found += _weight_outlier(name, nodes[name].operation)
        if name in joins:
            found += _shared_scale(name, {other: stats[other] for other in joins[name] if other in stats})
    return (*found, *_borders(nodes, layers, macs_share))


def float_findings(best: FloatTrial | None) -> tuple[Finding, ...]:
    """Give the way that is proven: the guilty layers left in floating point, with what it wins and costs."""
    if best is None or best.won is None:
        return ()
    return (
        Finding(
            "leave_float",
            ",".join(best.layers),
            f"with {', '.join(map(repr, best.layers))} in float, {100 * best.won:.1f} % of the loss is won back and "
            f"{100 * best.macs_share:.1f} % of the multiply-adds are no longer int8",
            f"export --float-layers {','.join(best.layers)}, and time both files with bench; a device that has "
            "integers only cannot run the mixed file",
            {"won": best.won, "macs_share": best.macs_share, "float_ops": float(best.float_ops)},
        ),
    )


def _weight_outlier(name: str, operation: Any) -> Iterator[Finding]:  # noqa: ANN401 - a Keras layer
    """See whether in most kernels of a convolution one weight is so large that its scale rounds the others away."""
    kernel = _kernel(operation)
    if kernel is None:
        return
    amounts = np.abs(kernel)
    flat = amounts.reshape(-1, amounts.shape[-1])
    largest, middle = flat.max(axis=0), np.median(flat, axis=0)
    alive = middle > 0
    if not alive.any():
        return
    ratio = float(np.median(largest[alive] / middle[alive]))
    if ratio < _WEIGHT_RATIO:
        return
    channel = int(np.argmax(amounts.max(axis=(0, 1, 3))))
    yield Finding(
        "weight_outlier",
        name,
        f"in the kernels of {name!r} the largest weight is {_number(ratio)} times the median one, which is left "
        f"{_number(_WEIGHT_STEPS / ratio)} of {_WEIGHT_STEPS} steps; the largest read channel {channel} of its input",
        f"train with weight decay, or bring channel {channel} before {name!r} to the size of the others; if it is "
        "always 0, its weights can be set to 0",
        {"ratio": ratio, "channel": float(channel)},
    )


def _channel_outlier(name: str, operation: Any, stats: ActivationStats) -> Iterator[Finding]:  # noqa: ANN401 - Keras
    alive = stats.channels[stats.channels > 0]
    if alive.size < 2:  # noqa: PLR2004 - one channel has none beside it
        return
    median, worst = float(np.median(alive)), int(np.argmax(stats.channels))
    ratio = float(stats.channels[worst]) / median
    if ratio < _CHANNEL_RATIO:
        return
    figures = {"channel": float(worst), "largest": float(stats.channels[worst]), "median": median, "ratio": ratio}
    spread = _kernel_spread(operation)
    weights = ""
    if spread is not None:
        figures["weights_ratio"] = spread
        weights = f"; its largest kernel reaches {_number(spread)} times as far as the median one"
    yield Finding(
        "channel_outlier",
        name,
        f"channel {worst} of {name!r} reaches {_number(figures['largest'])}, the median channel "
        f"{_number(median)}: one scale for all leaves that one {_number(_STEPS / ratio)} of {_STEPS} steps{weights}",
        f"divide the weights and bias of that channel by about {_number(ratio)} and multiply by as much what the next "
        f"layer reads of it (exact after ReLU), train with weight decay, or leave {name!r} and what reads it in float",
        figures,
    )


def _kernel_spread(operation: Any) -> float | None:  # noqa: ANN401 - a Keras layer
    kernel = _kernel(operation)
    if kernel is None:
        return None
    amounts = np.abs(kernel).max(axis=(0, 1, 2))
    middle = float(np.median(amounts[amounts > 0])) if (amounts > 0).any() else 0.0
    return float(amounts.max()) / middle if middle else None


def _kernel(operation: Any) -> NDArray[np.floating] | None:  # noqa: ANN401 - a Keras layer
    """Give the kernel of a convolution, ``(rows, columns, in, out)``; None for other layers."""
    kernel = getattr(operation, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:  # noqa: PLR2004 - rows, columns, in, out
        return None
    array: NDArray[np.floating] = np.asarray(kernel)
    # A transposed convolution has its output channels before its input channels.
    return array.transpose(0, 1, 3, 2) if "Transpose" in type(operation).__name__ else array


def _value_outlier(name: str, stats: ActivationStats) -> Iterator[Finding]:
    if not stats.often or stats.reach / stats.often < _OUTLIER_RATIO:
        return
    ratio = stats.reach / stats.often
    yield Finding(
        "value_outlier",
        name,
        f"99.9 % of the values of {name!r} stay below {_number(stats.often)}, the largest is {_number(stats.reach)}: "
        f"{math.log2(ratio):.1f} of 8 bits go to one value in a thousand",
        "bound the activation (train with ReLU6), or clip it before the export at about "
        f"{_number(stats.often)}, which is a calibration on percentiles",
        {"often": stats.often, "largest": stats.reach, "ratio": ratio},
    )


def _unused_range(noise: LayerNoise | None, stats: ActivationStats) -> Iterator[Finding]:
    if noise is None or noise.range is None or not stats.reach:
        return
    ratio = max(abs(noise.range.low), abs(noise.range.high)) / stats.reach
    if ratio < _UNUSED_RATIO:
        return
    yield Finding(
        "unused_range",
        noise.name,
        f"the integers of {noise.name!r} reach {_span(noise.range.low, noise.range.high)}, on these images it stays "
        f"within {_span(stats.low, stats.high)}, {_number(ratio)} times less",
        "calibrate on images like these: some calibration image is unlike anything here",
        {"low": stats.low, "high": stats.high, "ratio": ratio},
    )


def _shared_scale(name: str, inputs: Mapping[str, ActivationStats]) -> Iterator[Finding]:
    reaching = {other: stats for other, stats in inputs.items() if stats.reach > 0}
    if len(reaching) < 2:  # noqa: PLR2004 - nothing is shared
        return
    wide = max(reaching, key=lambda other: reaching[other].reach)
    narrow = min(reaching, key=lambda other: reaching[other].reach)
    ratio = reaching[wide].reach / reaching[narrow].reach
    if ratio < _SHARED_RATIO:
        return
    signed = " and is signed" if reaching[wide].low < 0 <= reaching[narrow].low else ""
    yield Finding(
        "shared_scale",
        name,
        f"{name!r} puts {narrow!r} ({_span(reaching[narrow].low, reaching[narrow].high)}) on one scale with {wide!r} "
        f"({_span(reaching[wide].low, reaching[wide].high)}), which reaches {_number(ratio)} times as far{signed}",
        f"bring both to the same range (a batch normalisation or a constant factor before {name!r}), add instead of "
        "concatenating, or leave it and what reads it in float",
        {"ratio": ratio},
    )


def _borders(nodes: Mapping[str, Any], layers: Sequence[str], macs_share: Mapping[str, float]) -> Iterator[Finding]:
    weighted = [name for name, node in nodes.items() if getattr(node.operation, "weights", None)]
    if not weighted:
        return
    for name, what in ((weighted[0], "reads the image"), (weighted[-1], "gives the scores")):
        if name in layers:
            share = macs_share.get(name, 0.0)
            yield Finding(
                "border",
                name,
                f"{name!r} {what} and has {100 * share:.1f} % of the multiply-adds",
                "layers at the border are the first to leave in float: export --float-layers " + name,
                {"macs_share": share},
            )


def _shares_scale(node: Any) -> bool:  # noqa: ANN401 - a node of Keras
    return len(node.input_tensors) > 1


def _inputs_of(model: Model, node: Any) -> list[str]:  # noqa: ANN401 - a node of Keras
    makers = {id(tensor): other.operation.name for other in nodes_of(model) for tensor in other.outputs}
    return [makers[id(tensor)] for tensor in node.input_tensors if id(tensor) in makers]


def _span(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Write a figure with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - four digits
