"""One step of training: gradients of a batch, the optimizer's update, and the moving average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import TrainingError
from fcn_edge.networks.layers import load_tensorflow
from fcn_edge.train.fused import fused_twin
from fcn_edge.train.losses import LossFunction, imitation
from fcn_edge.train.teacher import Scores
from fcn_edge.train.workers import Workers, sum_over_workers, workers_now

Array = NDArray[Any]

GRADIENT_NORM = 1.0

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
        workers: Who learns together; by default this one alone.
        forward: What computes the logits with the network's variables; by default the network itself, with faster
            kernels where it learns alone.
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
        workers: Workers | None = None,
        forward: Any = None,  # noqa: ANN401
    ) -> None:
        tf = load_tensorflow()
        self._network = network
        self._optimizer = optimizer
        self._loss = loss
        self._decay = average
        self._teacher = teacher
        self._share = teacher_share
        self._average = [tf.Variable(weight) for weight in network.weights] if average else []
        self._workers = workers = workers or Workers()
        if workers.count > 1:
            for layer in network.layers:
                if hasattr(layer, "synchronized"):
                    layer.synchronized = True
        self._forward = fused_twin(network) if forward is None or forward is network else forward
        self._step = tf.function(self._learn, autograph=False, jit_compile=False)

    def step(self, images: Array, masks: Array) -> float:
        """Learn from one batch, of which each worker gives its part; give its loss.

        Raises:
            TrainingError: Another worker is gone.
        """
        try:
            return float(self._step(images, masks))
        except load_tensorflow().errors.OpError as error:
            if self._workers.count == 1:
                raise
            raise TrainingError(
                f"one of the {self._workers.count} workers cannot be reached any more ({type(error).__name__})",
                hint="start all of them again with the same command: the run goes on after its last whole epoch",
            ) from error

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

    def _learn(self, images: Any, masks: Any) -> Any:  # noqa: ANN401 - tensors
        tf = load_tensorflow()
        loss, gradients = self._workers.run(self._gradients, images, masks)
        gradients, _ = tf.clip_by_global_norm(gradients, GRADIENT_NORM)
        self._optimizer.apply(gradients, self._network.trainable_variables)
        if self._average:
            seen = tf.cast(self._optimizer.iterations.value, tf.float32)
            keep = tf.minimum(self._decay, (1 + seen) / (_SOON + seen))
            for variable, weight in zip(self._average, self._network.weights, strict=True):
                variable.assign(weight.value + keep * (variable - weight.value))
        return loss

    def _gradients(self, images: Any, masks: Any) -> tuple[Any, list[Any]]:  # noqa: ANN401 - tensors
        """Give the loss of the whole batch and its gradients, the same on all workers."""
        variables = [variable.value for variable in self._network.trainable_variables]
        with load_tensorflow().GradientTape() as tape:
            logits = self._forward(images, training=True)
            loss = self._loss(masks, logits)
            if self._teacher is not None:
                taught = imitation(masks, logits, self._teacher(images))
                loss = (1 - self._share) * loss + self._share * taught
        gradients = tape.gradient(loss, variables)
        count = workers_now()
        return loss, [gradient / count for gradient in sum_over_workers(gradients)] if count > 1 else gradients
