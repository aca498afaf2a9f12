"""Training on several machines at once: which worker this is, and sums over all of them.

Workers are told of each other by ``TF_CONFIG``, as TensorFlow wants it. Each computes the gradients of its part of a
batch; sums go over the network (``tf.distribute.MultiWorkerMirroredStrategy``), in the loss and in batch normalisation
too, so that what comes out is what one worker gets from the whole batch. Variables are plain ones of each worker, equal
because all begin with the same and apply the same gradients: Keras's own ``fit`` cannot do it (keras#20585).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fcn_edge.errors import TrainingError, UsageError
from fcn_edge.networks.layers import load_tensorflow

VARIABLE = "TF_CONFIG"
_HINT = (
    f'set {VARIABLE} on each machine, such as {{"cluster": {{"worker": ["host1:2222", "host2:2222"]}}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True, slots=True)
class Workers:
    """All workers of a training, seen by one of them.

    Attributes:
        index: Of this one; 0 is the chief, who alone writes the run folder.
        count: How many there are.
        strategy: Of ``tf.distribute``; None for a single worker.
    """

    index: int = 0
    count: int = 1
    strategy: Any = None

    @property
    def is_chief(self) -> bool:
        """Whether this one writes the run folder."""
        return self.index == 0

    def run(self, compute: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401 - tensors
        """Call *compute* on each worker, where :func:`sum_over_workers` means all of them."""
        return compute(*args) if self.strategy is None else self.strategy.run(compute, args=args)

    def require_same(self, number: int, what: str) -> None:
        """Check that all workers have the same number.

        Raises:
            TrainingError: They have not.
        """
        if self.strategy is None:
            return
        tf = load_tensorflow()
        sums = tf.function(lambda: self.run(lambda: sum_over_workers(tf.constant([number, number**2], tf.int64))))()
        if int(sums[1]) * self.count != int(sums[0]) ** 2:
            raise TrainingError(
                f"workers begin at different {what}; this one at {number}",
                hint="all workers have to see the same run folder: put it on a disk that they share",
            )


def find_workers() -> Workers:
    """Read ``TF_CONFIG``, and wait for the other workers where it names some.

    Comes before anything else that TensorFlow does.

    Raises:
        UsageError: It is set and cannot be used.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return Workers()
    try:
        config = json.loads(text)
        hosts = config["cluster"]["worker"]
        kind, index = config["task"]["type"], config["task"]["index"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{VARIABLE} cannot be read: {type(error).__name__}: {error}", hint=_HINT) from error
    if kind != "worker" or not isinstance(hosts, list) or not isinstance(index, int) or not 0 <= index < len(hosts):
        raise UsageError(f"{VARIABLE} names {kind} {index} of {hosts}, expected a worker of the list", hint=_HINT)
    if len(hosts) == 1:
        return Workers()
    return Workers(index, len(hosts), load_tensorflow().distribute.MultiWorkerMirroredStrategy())


def workers_now() -> int:
    """Tell over how many workers :func:`sum_over_workers` sums here; 1 outside of :meth:`Workers.run`."""
    context = load_tensorflow().distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def sum_over_workers(values: Any) -> Any:  # noqa: ANN401 - a tensor, or a list of them
    """Sum a tensor, or each of a list, over all workers; inside of :meth:`Workers.run`, else it stays as it is.

    The gradient of a sum is summed again: gradients of a loss that all workers share come out as many times too large
    as there are workers.
    """
    if workers_now() == 1:
        return values
    tf = load_tensorflow()
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
