"""The networks of the benchmark, with drawn weights: speed does not depend on training, so no data is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import scenes
from fcn_edge.card import ModelCard, class_specs
from fcn_edge.networks import ARCHITECTURES
from fcn_edge.networks.layers import load_keras

SIZE_HW = (128, 128)
# Share of the pixels, as in the data that such networks are made for.
BACKGROUND = 0.8
_SCENES = 4


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One network.

    Attributes:
        architecture: A name of ``fcn_edge.networks.ARCHITECTURES``.
        classes: K.
        encoder_end: The layer with the last nonlinearity before the decoder.
        score_layer: The layer whose bias shifts each class's scores and nothing else.
        options: Of the architecture.
        resized: Transposed convolutions of fixed bilinear kernels are replaced by ``UpSampling2D``.
    """

    architecture: str
    classes: int
    encoder_end: str
    score_layer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    resized: bool = False


_NARROW = {"width": 0.125}

NETWORKS: Mapping[str, NetworkSpec] = {
    "fcn": NetworkSpec("fcn", 1, "enc3_pool", "head"),
    "fcn11": NetworkSpec("fcn", 11, "enc3_pool", "head"),
    "fcn8s": NetworkSpec("fcn8s", 11, "fc7", "pool3_score", _NARROW),
    "fcn8s-binary": NetworkSpec("fcn8s", 1, "fc7", "pool3_score", _NARROW),
    "fcn8s-resize": NetworkSpec("fcn8s", 11, "fc7", "pool3_score", _NARROW, resized=True),
}


def build_network(spec: NetworkSpec, seed: int) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build a network with He-normal kernels and normal biases, which finds several classes in a scene.

    Returns:
        A model that takes 0..255 RGB, ``(N, 128, 128, 3)``, and gives probabilities.
    """
    scored, network = (_build(spec, logits=logits) for logits in (True, False))
    rng = np.random.default_rng(seed)
    for layer in scored.layers:
        _draw(layer, rng)
    pixels = np.stack([scenes.draw_scene(rng, SIZE_HW)[0] for _ in range(_SCENES)])[..., ::-1].astype(np.float32)
    scores = np.asarray(scored(pixels)).reshape(-1, spec.classes)
    score_layer = scored.get_layer(spec.score_layer)
    score_layer.bias.assign(score_layer.bias + _balance(scores))
    network.set_weights(scored.get_weights())
    return network


def make_card(name: str, spec: NetworkSpec) -> ModelCard:
    """Describe a network for its file."""
    classes = class_specs([f"class {i}" for i in range(max(2, spec.classes))])
    return ModelCard(name, spec.architecture, classes, SIZE_HW, threshold=0.5 if spec.classes == 1 else None)


def _build(spec: NetworkSpec, *, logits: bool) -> Any:  # noqa: ANN401 - keras.Model
    builder = ARCHITECTURES[spec.architecture]
    model = builder((*SIZE_HW, 3), classes=spec.classes, rescale=True, logits=logits, **spec.options)
    return load_keras().models.clone_model(model, clone_function=_resized) if spec.resized else model


def _resized(layer: Any) -> Any:  # noqa: ANN401 - Keras layers
    keras = load_keras()
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return keras.layers.UpSampling2D(layer.strides, interpolation="bilinear", name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def _balance(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find what to add to each class's scores, ``(pixels, K)``, so that all occur and background wins most pixels.

    A network that sees one class everywhere agrees with any other. One that is undecided everywhere agrees with none,
    not even with its own int8 file, which an export would refuse.
    """
    if scores.shape[1] == 1:
        return -np.quantile(scores, BACKGROUND, axis=0).astype(np.float32)
    shift = -np.median(scores, axis=0)
    level = scores + shift
    shift[0] += np.quantile(level[:, 1:].max(axis=1) - level[:, 0], BACKGROUND)
    return shift.astype(np.float32)


def _draw(layer: Any, rng: np.random.Generator) -> None:  # noqa: ANN401 - a Keras layer
    # Without a bias it is one of the fixed bilinear kernels, or has no weights at all.
    if not getattr(layer, "use_bias", False):
        return
    shape = tuple(layer.kernel.shape)
    layer.kernel.assign(rng.normal(0, np.sqrt(_variance(layer, shape)), shape).astype(np.float32))
    layer.bias.assign(rng.normal(0, 0.1, tuple(layer.bias.shape)).astype(np.float32))


def _variance(layer: Any, shape: tuple[int, ...]) -> float:  # noqa: ANN401 - a Keras layer
    """Keep the scale of activations: He et al. (2015) through a ReLU, half of it where none follows."""
    if isinstance(layer, load_keras().layers.Conv2DTranspose):
        # Rows, columns, out, in; each output pixel is reached by one in strides of the kernel's entries.
        rows, columns, _, inputs = shape
        return float(layer.strides[0] * layer.strides[1] / (rows * columns * inputs))
    return 2.0 / float(np.prod(shape[:3]))
