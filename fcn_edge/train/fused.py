"""Batch normalisation in one kernel while a network learns, where Keras takes a dozen passes over each map.

TensorFlow has that kernel and its gradient; Keras 3 composes both of sums, means and products, which was a third of the
time of a training step. The values are the same but for the order of sums: Ioffe and Szegedy (ICML 2015).
"""

from __future__ import annotations

from typing import Any

from fcn_edge.networks.layers import load_keras, load_tensorflow

_MAP_RANK = 4


def fused_twin(network: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Build a model of the same layers and variables as *network* for training steps, normalising in one kernel.

    Args:
        network: Functional, of ``(N, H, W, C)`` maps. Normalisations that are frozen, synchronised among workers or
            without scale or shift are left to Keras.

    Returns:
        A functional model that is not to be saved: what it learns is in the variables of *network*. It always
        computes as in training.
    """
    keras = load_keras()
    kind = _kind()

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - tensors
        if isinstance(layer, keras.layers.BatchNormalization) and _fits(layer, args[0]):
            return kind(layer, name=f"{layer.name}_fused")(args[0])
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _fits(layer: Any, inputs: Any) -> bool:  # noqa: ANN401
    return (
        len(inputs.shape) == _MAP_RANK
        and layer.axis in (-1, _MAP_RANK - 1)
        and layer.scale
        and layer.center
        and layer.trainable
        and not layer.synchronized
        and inputs.dtype == layer.variable_dtype == "float32"
    )


def _kind() -> Any:  # noqa: ANN401
    """Make the kind of layer; Keras is not there before it is asked for."""
    keras, tf = load_keras(), load_tensorflow()

    class FusedNormalization(keras.layers.Layer):  # type: ignore[misc,name-defined] # a class made at run time
        """A batch normalisation as in training, moving averages included."""

        def __init__(self, normalization: Any, **kwargs: Any) -> None:  # noqa: ANN401
            super().__init__(**kwargs)
            self.normalization = normalization

        def compute_output_spec(self, inputs: Any) -> Any:  # noqa: ANN401
            return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

        def call(self, inputs: Any) -> Any:  # noqa: ANN401
            layer = self.normalization
            nothing = tf.zeros((0,))
            result = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=layer.gamma.value,
                offset=layer.beta.value,
                mean=nothing,
                variance=nothing,
                epsilon=layer.epsilon,
                is_training=True,
            )
            # The kernel gives the variance of a population that the batch is a sample of, Keras that of the batch.
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
            variance = result.batch_variance * (1 - 1 / count)
            for moving, batch in ((layer.moving_mean, result.batch_mean), (layer.moving_variance, variance)):
                moving.assign(moving * layer.momentum + batch * (1 - layer.momentum))
            return result.y

    return FusedNormalization
