"""Who takes part: each file in each runtime, opened with one thread, and what they say to the same scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.card import ModelCard
from fcn_edge.errors import FcnEdgeError
from fcn_edge.model_file import read_card
from fcn_edge.runtime import BackendInfo, open_backend
from fcn_edge.runtime.description import from_card, from_names
from fcn_edge.scoring import labels_from_scores, raw_threshold
from fcn_edge.timing.paired import Contestant
from peers.model_files import ENCODER, KERAS, TUTORIAL_FP32, TUTORIAL_INT8

LITERT, ONNX_RUNTIME, OPENVINO = RUNTIMES = ("LiteRT", "ONNX Runtime", "OpenVINO")
PRECISIONS = ("fp32", "int8")
KERAS_ENTRY = "Keras"
ENCODER_ENTRY = "encoder int8"
TUTORIAL_ENTRIES = {"fp32": "tutorial fp32", "int8": "tutorial int8"}

# Below this share of pixels with the same class, two models are not the same network: by what it is computed in. Drawn
# weights are undecided on many pixels, where eight bits then decide; a broken file falls to one half.
LEAST_AGREEMENT = {"fp32": 0.999, "fp16": 0.99, "bf16": 0.99, "int8": 0.9}
# What OpenVINO calls numbers of fewer bits, which it takes for a float file by default where the processor has them.
_FEWER_BITS = {"bf16": "bf16", "f16": "fp16"}

_PACKAGES = {
    "keras": "tensorflow",
    "litert": "ai_edge_litert",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
}

Pixels = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in a runtime.

    Attributes:
        name: For people and in the result.
        path: Of the file, inside the folder of the network.
        runtime: ``litert``, ``onnxruntime``, ``openvino`` or ``keras``.
        precision: ``fp32`` or ``int8``.
        decides: It gives scores, so its classes can be compared with those of others.
    """

    name: str
    path: str
    runtime: str
    precision: str
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry, ready to run.

    Attributes:
        entry: What it is.
        runtime: With version.
        call: From an input of :attr:`inputs` to the raw output.
        inputs: The scenes as this entry takes them, ``(1, H, W, 3)`` RGB, uint8 or float32 0..255.
        threshold: Of its scores in their own unit, None for argmax.
        arithmetic: What it is computed in: the entry's precision, or the fewer bits that the runtime chose by itself.
    """

    entry: Entry
    runtime: str
    call: Callable[[Pixels], Pixels]
    inputs: tuple[Pixels, ...]
    threshold: float | None
    arithmetic: str

    @property
    def contestant(self) -> Contestant:
        """For :func:`fcn_edge.timing.paired.sample`."""
        return Contestant(self.entry.name, self.call, self.inputs)


def folded(precision: str, runtime: str) -> str:
    """Name the entry of our folded file."""
    return f"folded {precision} {runtime}"


def unfolded(precision: str, runtime: str) -> str:
    """Name the entry of our file exported with ``--no-fold``."""
    return f"unfolded {precision} {runtime}"


def again(name: str) -> str:
    """Name a second session of an entry."""
    return f"{name}, again"


def entries() -> tuple[Entry, ...]:
    """List all that take part, the Keras model first."""
    found = [Entry(KERAS_ENTRY, KERAS, "keras", "fp32")]
    for runtime, module, suffix in zip(
        RUNTIMES, ("litert", "onnxruntime", "openvino"), ("tflite", "onnx", "onnx"), strict=True
    ):
        for precision in PRECISIONS:
            for form, name in (("unfolded", unfolded), ("folded", folded)):
                path = f"{form}/network.{precision}.{suffix}"
                found.append(Entry(name(precision, runtime), path, module, precision))
    control = folded("int8", LITERT)
    return (
        *found,
        Entry(again(control), next(entry.path for entry in found if entry.name == control), "litert", "int8"),
        Entry(TUTORIAL_ENTRIES["fp32"], TUTORIAL_FP32, "litert", "fp32"),
        Entry(TUTORIAL_ENTRIES["int8"], TUTORIAL_INT8, "litert", "int8"),
        Entry(ENCODER_ENTRY, ENCODER, "litert", "int8", decides=False),
    )


def open_entries(folder: Path, scenes: Sequence[Pixels]) -> tuple[list[Opened], dict[str, str]]:
    """Open everything that this machine can run.

    Args:
        folder: With the files.
        scenes: ``(1, H, W, 3)`` uint8 RGB.

    Returns:
        The open entries, and for each runtime that is missing what to install.

    Raises:
        FcnEdgeError: A runtime refuses a file, or there is no runtime at all.
    """
    card = _card_of(folder / KERAS)
    missing = {
        runtime: f"{runtime}: {package} is not installed (pip install {package.replace('_', '-')})"
        for runtime, package in _PACKAGES.items()
        if not optional.available(package)
    }
    able = [entry for entry in entries() if entry.runtime not in missing]
    if not able:
        raise FcnEdgeError("no runtime is installed", hint='pip install "fcn-edge[all]"')
    return [_open(entry, folder / entry.path, card, scenes) for entry in able], missing


def agreement(opened: Sequence[Opened]) -> dict[str, float]:
    """Hold each entry's classes to those of the first one, on all scenes.

    Returns:
        Share of the pixels with the same class, 0..1, by name.

    Raises:
        FcnEdgeError: An entry computes something else.
    """
    deciding = [one for one in opened if one.entry.decides]
    labels = {one.entry.name: _labels(one) for one in deciding}
    reference = labels[deciding[0].entry.name]
    shares = {name: float((found == reference).mean()) for name, found in labels.items()}
    for one in deciding:
        name, least = one.entry.name, LEAST_AGREEMENT[one.arithmetic]
        if not shares[name] >= least:
            raise FcnEdgeError(
                f"{name}: gives {shares[name]:.2%} of the pixels the class that {deciding[0].entry.name} gives them, "
                f"at least {least:.1%} was expected, so its times mean nothing",
                hint="hold the files against each other: fcn-edge compare",
            )
    return shares


def _labels(one: Opened) -> NDArray[np.uint8]:
    return np.stack([labels_from_scores(one.call(pixels)[0], one.threshold) for pixels in one.inputs])


def _open(entry: Entry, path: Path, card: ModelCard, scenes: Sequence[Pixels]) -> Opened:
    if entry.runtime == "openvino":
        # Not through our own backend, which asks for exact arithmetic: what its users get is its defaults.
        return _openvino_at_its_defaults(entry, path, scenes)
    backend = open_backend(path, backend=entry.runtime, threads=1)
    info = backend.info
    threshold = _threshold(path, card, info) if entry.decides else None
    inputs = tuple(pixels.astype(info.input.dtype) for pixels in scenes)
    return Opened(entry, f"{info.runtime} {info.version}", backend.infer, inputs, threshold, entry.precision)


def _threshold(path: Path, card: ModelCard, info: BackendInfo) -> float | None:
    own = read_card(path)
    if own is not None:
        return from_card(path, own, info, None).threshold
    # The tutorials' files end in the network's own sigmoid or softmax.
    return from_names(path, info, [spec.name for spec in card.classes], "sigmoid").threshold


def _openvino_at_its_defaults(entry: Entry, path: Path, scenes: Sequence[Pixels]) -> Opened:
    openvino: Any = optional.load("openvino", feature="comparing with OpenVINO", extra="openvino")
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1})
    request = compiled.create_infer_request()

    def call(pixels: Pixels) -> Pixels:
        result: Pixels = request.infer([pixels], share_inputs=True)[0]
        return result

    card = _card_of(path)
    threshold = None
    if card.threshold is not None:
        threshold = raw_threshold(card.threshold, card.score_activation, card.score_quantization)
    version = openvino.__version__.partition("-")[0]
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    # The operations of an int8 file take their own eight bits, whatever is chosen for the rest of it.
    arithmetic = _FEWER_BITS.get(chosen, entry.precision) if entry.precision == "fp32" else entry.precision
    return Opened(entry, f"openvino {version}", call, tuple(scenes), threshold, arithmetic)


def _card_of(path: Path) -> ModelCard:
    card = read_card(path)
    if card is None:
        raise FcnEdgeError(f"{path}: has no card", hint="remove the folder; it will be made again")
    return card
