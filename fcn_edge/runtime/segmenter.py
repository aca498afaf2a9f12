"""From a picture to a map of class ids, with any model file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation, ClassSpec, ModelCard
from fcn_edge.errors import UsageError
from fcn_edge.geometry import Placement, placement, restore_labels, restore_scores
from fcn_edge.model_file import read_card, resolve
from fcn_edge.runtime.backend import Backend, TensorInfo
from fcn_edge.runtime.contract import image_hw
from fcn_edge.runtime.description import Description, from_card, from_names
from fcn_edge.runtime.labels import LabelDoor
from fcn_edge.runtime.pixels import PixelDoor, Preprocessing
from fcn_edge.runtime.registry import open_backend

__all__ = ["Preprocessing", "Segmenter"]


class Segmenter:
    """A model, opened and ready. Not safe to share between threads.

    Attributes:
        path: The model file.
        backend: The runtime that runs it.
        card: The file's card, None for a foreign model.
        classes: All classes in id order, background included.
        threshold: For one score channel: scores above it are foreground, in the scores' own units. None: argmax.
        input_hw: Height and width of the model's input.
        gives_labels: The file gives class ids, not scores.
    """

    def __init__(
        self,
        path: Path,
        backend: Backend,
        card: ModelCard | None,
        description: Description,
        preprocessing: Preprocessing | None,
    ) -> None:
        self.path = path
        self.backend = backend
        self.card = card
        self.classes: tuple[ClassSpec, ...] = description.classes
        self.threshold = description.threshold
        self.input_hw = image_hw(backend.info.input)
        self._geometry = description.geometry
        self._to_pixels = PixelDoor(backend.info.input, description.geometry, preprocessing)
        self._output_hw = image_hw(backend.info.output)
        self.gives_labels = backend.info.output.layout == "NHW"
        self._to_labels = LabelDoor(description.threshold)
        self._planar = backend.info.output.layout == "NCHW"

    @classmethod
    def open(
        cls,
        model: str | Path,
        *,
        backend: str | None = None,
        threads: int | None = 1,
        delegate: str | None = None,
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing | None = None,
        activation: Activation = "none",
    ) -> Segmenter:
        """Open a model.

        Args:
            model: A model file, a run folder, or the name of a shipped model.
            backend: A name of :data:`fcn_edge.runtime.registry.BACKENDS`, as ``litert`` or ``onnxruntime-cuda``; None:
                the first that fits.
            threads: Of the runtime; None for its own choice.
            delegate: An external delegate for a ``.tflite``: ``PATH`` or ``PATH,key=value,…``.
            classes: Class names in id order; needed where the file has no card.
            preprocessing: For a foreign model only; our files have it in their graph.
            activation: For a foreign model only: what its scores already went through.

        Raises:
            UsageError: The model does not exist, or its classes are missing or too many.
            ModelFileError: The file is damaged, is no segmentation model, or does not fit its own card.
            MissingPackageError: The runtime is not installed.
            AcceleratorError: The GPU or delegate cannot be used.
        """
        path = resolve(model)
        card = read_card(path)
        if card is not None and preprocessing is not None:
            hint = "leave --scale, --mean, --std and --bgr out"
            raise UsageError(f"{path}: it has a model card, so its preprocessing is inside the file", hint=hint)
        opened = open_backend(path, backend=backend, threads=threads, delegate=delegate)
        try:
            if card is None:
                description = from_names(path, opened.info, classes, activation)
            else:
                description = from_card(path, card, opened.info, classes)
            return cls(path, opened, card, description, preprocessing)
        except BaseException:
            opened.close()
            raise

    def __call__(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Segment an image.

        Args:
            image_bgr: ``(H, W, 3)`` uint8, BGR, any size.

        Returns:
            ``(H, W)`` uint8 class ids at the image's size.
        """
        pixels, place = self.preprocess(image_bgr)
        return self.postprocess(self.infer(pixels), place)

    @property
    def tensors(self) -> tuple[TensorInfo, TensorInfo]:
        """The model's input and output."""
        info = self.backend.info
        return info.input, info.output

    def preprocess(
        self, image_bgr: NDArray[np.uint8], *, out: NDArray[np.generic] | None = None
    ) -> tuple[NDArray[np.generic], Placement]:
        """Fit an image to the model's input.

        Args:
            image_bgr: ``(H, W, 3)`` uint8, BGR, any size.
            out: Where to write the input tensor, of the shape and type that ``backend.info.input`` tells; None for
                memory that the next such call overwrites.

        Returns:
            The input tensor, and where the image lies in it.
        """
        return self._to_pixels(image_bgr, out)

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model on :meth:`preprocess`'s tensor; the result is the file's raw output and the caller's own."""
        return self.backend.infer(pixels, out=out)

    def postprocess(
        self, raw: NDArray[np.generic], place: Placement, *, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Turn the model's raw output into class ids at the image's own size.

        Args:
            raw: As :meth:`infer` gave it, or of the same shape in float32.
            place: As :meth:`preprocess` gave it.
            out: Where to write them; None for a new array.

        Returns:
            ``(H, W)`` uint8 class ids.
        """
        if self.gives_labels:
            return restore_labels(raw[0].astype(np.uint8, copy=False), self._output_place(place), out=out)
        return self._to_labels(self._channels_last(raw), self._output_place(place), out)

    def scores(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute an image's scores in the file's own units (raw integers for a quantised file).

        Returns:
            ``(H, W, K)`` float32 at the image's size; decide with
            :func:`fcn_edge.scoring.labels_from_scores` and :attr:`threshold`.

        Raises:
            UsageError: The model gives class ids, not scores.
        """
        if self.gives_labels:
            hint = "use the file exported with --output logits"
            raise UsageError(f"{self.path}: it gives class ids, not scores", hint=hint)
        pixels, place = self.preprocess(image_bgr)
        return self._restore(self.infer(pixels), self._output_place(place))

    def close(self) -> None:
        """Free the model. May be called twice."""
        self.backend.close()

    def __enter__(self) -> Segmenter:  # noqa: PYI034 - typing.Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _restore(self, raw: NDArray[np.generic], place: Placement) -> NDArray[np.float32]:
        return restore_scores(self._channels_last(raw), place)

    def _channels_last(self, raw: NDArray[np.generic]) -> NDArray[np.generic]:
        scores: NDArray[np.generic] = raw[0]
        return scores.transpose(1, 2, 0) if self._planar else scores

    def _output_place(self, place: Placement) -> Placement:
        # A foreign model may give its map at a lower resolution than its input.
        if self._output_hw == self.input_hw:
            return place
        return placement(place.source_hw, self._output_hw, self._geometry)
