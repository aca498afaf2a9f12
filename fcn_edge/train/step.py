"""One step of training: gradients of a batch, the optimizer's update, and the moving average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.networks.layers import load_tensorflow
from fcn_edge.train.losses import LossFunction, imitation
from fcn_edge.train.teacher import Scores

Array = NDArray[Any]

# The average begins as the mean of what there is: its decay is at most (1 + step) / (_SOON + step).
_SOON = 10.0


class Learner:
    """A network that learns from batches.

    Args:
        network: Gives logits, ``(N, H, W, 3)`` float32 RGB 0..255 to ``(N, H, W, K)``.
        optimizer: Of Keras, built for the network.
        loss: Of the truth ``(N, H, W, 1)`` uint8 and the logits.
        average: Decay of the moving average of all weights; 0 for none.
        teacher: From images to the logits of a teacher; None for none.
        teacher_share: Of the loss, 0..1, what the teacher decides; the masks decide the rest.
    """

    def __init__(
        self,
        network: Any,  # noqa: ANN401 - Keras has no types
        optimizer: Any,  # noqa: ANN401
        loss: LossFunction,
        *,
        average: float = 0.0,
        teacher: Scores | None = None,
        teacher_share: float = 0.5,
    ) -> None:
        tf = load_tensorflow()
        self._network = network
        self._optimizer = optimizer
        self._loss = loss
        self._decay = average
        self._teacher = teacher
        self._share = teacher_share
        self._average = [tf.Variable(weight) for weight in network.weights] if average else []
        self._step = tf.function(self._compute, autograph=False, jit_compile=False)

    def step(self, images: Array, masks: Array) -> float:
        """Learn from one batch; give its loss."""
        return float(self._step(images, masks))

    @property
    def average(self) -> tuple[Array, ...]:
        """The averaged weights, in the order of ``network.weights``; empty where nothing is averaged."""
        return tuple(np.asarray(variable) for variable in self._average)

    def resume(self, average: Sequence[Array]) -> None:
        """Go on with the average of an earlier run."""
        for variable, array in zip(self._average, average, strict=True):
            variable.assign(array)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network have the averaged weights for a while."""
        if not self._average:
            yield
            return
        own = self._network.get_weights()
        self._network.set_weights(self.average)
        try:
            yield
        finally:
            self._network.set_weights(own)

    def _compute(self, images: Any, masks: Any) -> Any:  # noqa: ANN401 - tensors
        tf = load_tensorflow()
        variables = self._network.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._network(images, training=True)
            loss = self._loss(masks, logits)
            if self._teacher is not None:
                taught = imitation(masks, logits, self._teacher(images))
                loss = (1 - self._share) * loss + self._share * taught
        self._optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        if self._average:
            seen = tf.cast(self._optimizer.iterations.value, tf.float32)
            keep = tf.minimum(self._decay, (1 + seen) / (_SOON + seen))
            for variable, weight in zip(self._average, self._network.weights, strict=True):
                variable.assign(weight.value + keep * (variable - weight.value))
        return loss
