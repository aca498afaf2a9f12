"""Larger models, or several alike, whose scores a smaller one learns from, beside the masks.

After Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531), pixel by pixel and at
temperature 1: near outlines the teacher's doubt says more than a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fcn_edge.card import Geometry, ModelCard
from fcn_edge.errors import UsageError
from fcn_edge.model_file import resolve
from fcn_edge.networks.layers import load_keras
from fcn_edge.train.trained import load_trained

Scores = Callable[[Any], Any]


def load_teachers(
    models: Sequence[str | Path], *, class_names: tuple[str, ...], size_hw: tuple[int, int], geometry: Geometry
) -> Scores:
    """Load one teacher or more; what they give is the mean of their logits. See :func:`load_teacher`."""
    each = [load_teacher(model, class_names=class_names, size_hw=size_hw, geometry=geometry) for model in models]

    def scores(images: Any) -> Any:  # noqa: ANN401 - tensors
        return sum(one(images) for one in each) / len(each)

    return scores


def load_teacher(
    model: str | Path, *, class_names: tuple[str, ...], size_hw: tuple[int, int], geometry: Geometry
) -> Scores:
    """Load a trained ``.keras`` model as a teacher.

    Args:
        model: A run folder, a ``.keras`` file with its card, or the file name of a shipped one.
        class_names: Of the student, in id order.
        size_hw: The student's input; the teacher sees the same pixels at its own.
        geometry: The student's.

    Returns:
        A function of tensors: images ``(N, *size_hw, 3)`` float32 RGB 0..255 to logits ``(N, *size_hw, K)``.

    Raises:
        UsageError: It does not exist, or was trained for other classes or another geometry.
        ModelFileError: It is no ``.keras`` file with a card, or cannot be loaded.
    """
    network, card = load_trained(model, role="a teacher")
    _require_same_task(resolve(model), card, class_names, geometry)
    network.trainable = False
    return _at_size(network, card.input_size_hw, size_hw)


def _at_size(network: Any, own_hw: tuple[int, int], size_hw: tuple[int, int]) -> Scores:  # noqa: ANN401 - keras.Model
    image = load_keras().ops.image

    def scores(images: Any) -> Any:  # noqa: ANN401 - tensors
        if own_hw == size_hw:
            return network(images, training=False)
        return image.resize(network(image.resize(images, own_hw, antialias=True), training=False), size_hw)

    return scores


def _require_same_task(path: Path, card: ModelCard, class_names: tuple[str, ...], geometry: Geometry) -> None:
    names = tuple(spec.name for spec in card.classes)
    if names != class_names:
        raise UsageError(
            f"{path}: was trained for {', '.join(names)}, and the data has {', '.join(class_names)}",
            hint="give a teacher for the same classes in the same order",
        )
    if card.geometry != geometry:
        raise UsageError(
            f"{path}: was trained with {card.geometry}, and the student is to be trained with {geometry}",
            hint=f"give --geometry {card.geometry}, or another teacher",
        )
