"""From a loaded model to a flat one that takes 0..255 RGB and gives scores at input resolution, with its card."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation, ModelCard, class_specs
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.export.config import ExportConfig
from fcn_edge.export.graph import Model, inline, model_of, new_input
from fcn_edge.export.head import apply_activation, measure_activation, strip_head
from fcn_edge.export.load import Source, check_size
from fcn_edge.runtime.pixels import Preprocessing

DEFAULT_THRESHOLD = 0.5
_BINARY = 2
# Float32 sums in another order; anything structural is far above it. Of probabilities, or of the scores' range.
_SAME = 1e-4
# TensorFlow colours its messages.
_COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model ready for passes and conversion.

    Attributes:
        model: Flat; ``(1, H, W, 3)`` float32 0..255 RGB to ``(1, H, W, K)`` float32.
        activation: What its scores went through.
        head: What became of the last activation, in words.
    """

    model: Model
    activation: Activation
    head: str


def prepare(source: Source, config: ExportConfig, samples: NDArray[np.uint8]) -> Prepared:
    """Flatten a model, put its preprocessing into the graph, take the last activation off, resize to the input's size.

    Args:
        source: The model.
        config: Size and preprocessing.
        samples: ``(N, H, W, 3)`` uint8 RGB at the input's size, to look at what the scores are and to check that
            nothing changed.

    Raises:
        UsageError: No size is known.
        ModelFileError: The model cannot be built for this size, or its head makes no sense.
    """
    size_hw = check_size(source, config.size_hw)
    whole = _flatten(source, size_hw, config.preprocessing)
    head = strip_head(whole)
    raw = _run(source, whole, samples)
    _check_unchanged(source, head.model, head.stripped, config.preprocessing, samples, raw)
    activation: Activation = "none" if head.stripped != "none" else measure_activation(raw)
    words = f"{head.stripped} stripped" if head.stripped != "none" else "none"
    if activation != "none":
        words = f"{activation} kept: it could not be taken off"
    return Prepared(_at_input_size(head.model, size_hw), activation, words)


def make_card(
    source: Source, prepared: Prepared, config: ExportConfig, data_classes: tuple[str, ...] | None
) -> ModelCard:
    """Write the card of the exported files, but for precision, output and quantisation.

    Raises:
        UsageError: The number of classes does not fit the model's score channels.
    """
    channels = int(prepared.model.outputs[0].shape[-1])
    old = source.card
    if config.classes is not None:
        classes = class_specs(config.classes)
    elif old is not None:
        classes = old.classes
    else:
        classes = class_specs(data_classes or ())
    expected = _BINARY if channels == 1 else channels
    if len(classes) != expected:
        names = ", ".join(spec.name for spec in classes)
        raise UsageError(
            f"{source.path}: gives {channels} score channel(s), which needs {expected} classes (background included), "
            f"but there are {len(classes)}: {names}",
            hint="name them in id order: --classes background,…",
        )
    threshold = None
    if channels == 1:
        known = old.threshold if old is not None else None
        threshold = config.threshold or known or DEFAULT_THRESHOLD
    card = old or ModelCard(name="", architecture="foreign", classes=classes, input_size_hw=(1, 1))
    return dataclasses.replace(
        card,
        name=config.name or (old.name if old and old.name else source.default_name),
        classes=classes,
        input_size_hw=tuple(prepared.model.inputs[0].shape[1:3]),
        geometry=config.geometry or card.geometry,
        score_activation=prepared.activation,
        threshold=threshold,
        fingerprint="",
    )


def _flatten(source: Source, size_hw: tuple[int, int], preprocessing: Preprocessing | None) -> Model:
    entry = new_input(size_hw)
    try:
        scores = inline(source.model, _scale(entry, preprocessing))
        flat = model_of(entry, scores)
    except ModelFileError:
        raise
    except Exception as error:
        raise _does_not_fit(source, size_hw, error) from error
    if len(flat.outputs[0].shape) != len(entry.shape) or None in flat.outputs[0].shape:
        raise ModelFileError(
            f"{source.path}: its output has the shape {tuple(flat.outputs[0].shape)}, expected 1xHxWxK",
            hint="export the part of the model that gives a map of scores",
        )
    return flat


def _run(source: Source, model: Model, samples: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    try:
        return [np.asarray(model(image[None].astype(np.float32))) for image in samples]
    except Exception as error:
        # A shape that Keras could not know while building (a resize inside, a join) shows only now.
        raise _does_not_fit(source, (samples.shape[1], samples.shape[2]), error) from error


def _does_not_fit(source: Source, size_hw: tuple[int, int], error: Exception) -> ModelFileError:
    # Keras raises ValueError, and TensorFlow its own, when a fixed crop or reshape meets another size.
    reason = " ".join(_COLOUR_CODE.sub("", str(error)).split())[:300]
    own = f", its own is {source.input_hw[0]}x{source.input_hw[1]}" if source.input_hw else ""
    return ModelFileError(
        f"{source.path}: cannot be built for {size_hw[0]}x{size_hw[1]} (height x width){own}: {reason}",
        hint="leave --size out, or choose one that the network's strides divide",
    )


def _scale(entry: Any, preprocessing: Preprocessing | None) -> Any:  # noqa: ANN401 - symbolic tensors
    import keras

    if preprocessing is None:
        return entry
    pixels = keras.ops.flip(entry, axis=-1) if preprocessing.bgr else entry
    std = np.asarray(preprocessing.std, np.float64)
    factor = [float(value) for value in preprocessing.scale / std]
    offset = [float(value) for value in -np.asarray(preprocessing.mean, np.float64) / std]
    return keras.layers.Rescaling(factor, offset, name="preprocessing")(pixels)


def _at_input_size(model: Model, size_hw: tuple[int, int]) -> Model:
    import keras

    scores = model.outputs[0]
    if tuple(scores.shape[1:3]) == size_hw:
        return model
    return model_of(model.inputs[0], keras.ops.image.resize(scores, size_hw, interpolation="bilinear"))


def _check_unchanged(
    source: Source,
    model: Model,
    stripped: Activation,
    preprocessing: Preprocessing | None,
    samples: NDArray[np.uint8],
    raw: list[NDArray[np.float32]],
) -> None:
    """Hold the flat model to the one that was loaded, called as it came, on the first sample."""
    pixels = samples[:1].astype(np.float32)
    if preprocessing is not None:
        pixels = pixels[..., ::-1] if preprocessing.bgr else pixels
        pixels = (pixels * preprocessing.scale - np.asarray(preprocessing.mean)) / np.asarray(preprocessing.std)
    ours = apply_activation(np.asarray(model(samples[:1].astype(np.float32))), stripped)
    same_size = source.input_hw in (None, samples.shape[1:3])
    theirs = np.asarray(source.model(pixels.astype(np.float32))) if same_size else raw[0]
    # A picture of background alone has probabilities of hardly any range, but probabilities have a scale of their own.
    spread = 1.0 if stripped != "none" else max(float(np.ptp(theirs)), 1e-6)
    worst = float(np.abs(theirs - ours).max()) / spread
    if not worst <= _SAME:
        raise ModelFileError(
            f"{source.path}: taken apart, the model gives other scores than whole "
            f"(difference {worst:.2g} of their range)",
            hint="save it with model.export('FOLDER') and export that folder",
        )
