"""What is not linear ends the region: the rest folds, and the scores stay."""

import numpy as np
import pytest
from fold_networks import check_same, flat, kinds, names

from fcn_edge.export.fold import fold_linear
from fcn_edge.networks import build_fcn

keras = pytest.importorskip("keras", reason="needs the extra train")
layers = keras.layers
pytestmark = pytest.mark.desk

SIZE_HW = (24, 36)
WAYS = pytest.mark.parametrize("force", [True, False], ids=["forced", "by cost"])


def up(filters, kernel=3, strides=2, **options):
    return layers.Conv2DTranspose(filters, kernel, strides=strides, padding="same", **options)


class Squaring(layers.Layer):
    """A layer of one's own, nonlinear."""

    def call(self, inputs):
        return inputs * inputs


class Doubling(layers.Layer):
    """A layer of one's own; linear, but no pass can know."""

    def call(self, inputs):
        return 2 * inputs


class RectifiedConv(layers.Conv2D):
    """Looks like a convolution, and is none."""

    def call(self, inputs):
        return keras.ops.relu(super().call(inputs))


class Fading(layers.UpSampling2D):
    """Looks like an upsampling, and is none."""

    def call(self, inputs):
        return super().call(keras.ops.tanh(inputs))


class Block(keras.Model):
    """A subclassed model inside a functional one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, padding="same")

    def call(self, inputs):
        return keras.ops.abs(self.conv(inputs))


# What stands in the middle of the decoder; each keeps rows and columns.
MIDDLE = {
    "ReLU": layers.ReLU,
    "Activation": lambda: layers.Activation("tanh"),
    "relu in a convolution": lambda: layers.Conv2D(4, 3, padding="same", activation="relu"),
    "relu in a transposed convolution": lambda: layers.Conv2DTranspose(4, 3, padding="same", activation="relu"),
    "LeakyReLU": layers.LeakyReLU,
    "PReLU": lambda: layers.PReLU(shared_axes=[1, 2]),
    "Softmax": layers.Softmax,
    "LayerNormalization": layers.LayerNormalization,
    "GroupNormalization": lambda: layers.GroupNormalization(2),
    "UnitNormalization": layers.UnitNormalization,
    "batch norm over rows": lambda: layers.BatchNormalization(axis=1),
    "grouped convolution": lambda: layers.Conv2D(4, 3, padding="same", groups=2),
    "depthwise convolution": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "depthwise convolution with relu": lambda: layers.DepthwiseConv2D(3, padding="same", activation="relu"),
    "separable convolution": lambda: layers.SeparableConv2D(4, 3, padding="same"),
    "dense": lambda: layers.Dense(4),
    "dense with relu": lambda: layers.Dense(4, activation="relu"),
    "average pool": lambda: layers.AveragePooling2D(3, strides=1, padding="same"),
    "max pool": lambda: layers.MaxPooling2D(3, strides=1, padding="same"),
    "rescaling": lambda: layers.Rescaling(0.3, 0.2),
    "spatial dropout": lambda: layers.SpatialDropout2D(0.3),
    "Gaussian noise": lambda: layers.GaussianNoise(0.3),
    "bicubic": lambda: layers.UpSampling2D(1, interpolation="bicubic"),
    "Lambda": lambda: layers.Lambda(lambda x: x * keras.ops.sigmoid(x)),
    "linear Lambda": lambda: layers.Lambda(lambda x: 3 * x + 1),
    "own layer": Squaring,
    "own linear layer": Doubling,
    "own convolution": lambda: RectifiedConv(4, 3, padding="same"),
    "own upsampling": lambda: Fading(1),
    "own model": Block,
    "channels first": lambda: layers.Cropping2D(0, data_format="channels_first"),
    "square": lambda: lambda x: x * x,
    "multiplied": lambda: lambda x: layers.Multiply()([x, layers.Activation("sigmoid")(x)]),
    "maximum": lambda: lambda x: layers.Maximum()([x, layers.Conv2D(4, 1)(x)]),
    "average": lambda: lambda x: layers.Average()([x, layers.Conv2D(4, 1)(x)]),
    "difference": lambda: lambda x: layers.Subtract()([x, layers.Conv2D(4, 1)(x)]),
    "product with a number": lambda: lambda x: 0.5 * x,
    "sum with a number": lambda: lambda x: x + 0.7,
    "sum with a map of constants": lambda: lambda x: x + np.linspace(-1, 1, 4).reshape(1, 1, 1, 4).astype(np.float32),
    "sum with itself": lambda: lambda x: x + x,
    "joined with itself by an operator": lambda: lambda x: keras.ops.concatenate([x, x], axis=-1),
    "joined upside down": lambda: lambda x: keras.ops.concatenate([x, keras.ops.flip(x, axis=1)], axis=3),
    "sum of operators": lambda: lambda x: x + layers.Conv2D(4, 1)(x),
    "sum with a row": lambda: lambda x: layers.Add()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
    "join of rows": lambda: lambda x: layers.Concatenate(axis=1)([x[:, :9], x[:, 9:]]),
    "slice": lambda: lambda x: layers.ZeroPadding2D(((1, 0), (0, 2)))(x[:, 1:, :-2]),
    "transposition there and back": lambda: lambda x: layers.Permute((2, 1, 3))(layers.Permute((2, 1, 3))(x)),
    "reshape": lambda: lambda x: layers.Reshape((SIZE_HW[0] // 2, SIZE_HW[1] // 2, 4))(layers.Flatten()(x)),
    "squeeze and excite": lambda: (
        lambda x: x * layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    ),
}


def network(middle):
    """Two levels; *middle* works on the map between both upsamplings."""
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    mid = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(low))
    deep = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(mid))
    x = layers.Concatenate()([up(4, name="lower")(deep), mid])
    x = middle(layers.Conv2D(4, 1, name="narrow")(x))
    x = layers.Concatenate()([up(4, name="upper")(x), low])
    return flat(keras.Model(image, layers.Conv2D(3, 1, name="head")(x)))


@pytest.mark.parametrize("name", MIDDLE)
def test_the_scores_stay_whatever_stands_in_the_middle(name):
    model = network(MIDDLE[name]())
    folding = fold_linear(model, force=True)
    check_same(folding.model, model)
    # The part behind it, at least, is linear.
    assert folding.applied
    assert not {"upper", "head"} <= names(folding.model)


def test_a_network_with_relu_after_each_upsampling_keeps_its_relus():
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D(4)(low))
    for level in range(2):
        x = layers.BatchNormalization()(up(4, name=f"up{level}")(x))
        x = layers.ReLU(name=f"relu{level}")(x)
    x = layers.BatchNormalization()(layers.Concatenate()([layers.Conv2D(4, 1)(x), low]))
    model = flat(keras.Model(image, layers.Conv2D(2, 3, padding="same")(x)))
    folded = fold_linear(model, force=True).model
    assert {"relu0", "relu1"} <= names(folded)
    assert "BatchNormalization" not in kinds(folded)
    check_same(folded, model)


@WAYS
def test_scores_that_are_also_read_by_what_is_nonlinear_stay(force):
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    deep = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(low))
    x = layers.Conv2D(4, 1)(layers.Concatenate()([up(4)(deep), low]))
    scores = layers.Conv2D(2, 1)(layers.BatchNormalization()(x))
    gate = layers.Conv2D(2, 1, activation="sigmoid")(x)
    for result in (layers.Multiply()([scores, gate]), scores * keras.ops.sigmoid(scores), layers.Add()([scores, gate])):
        model = flat(keras.Model(image, result))
        check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_a_map_of_the_region_that_something_nonlinear_reads_stays_right(force):
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    deep = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(low))
    raised = up(4)(deep)
    pooled = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.MaxPooling2D()(raised))
    x = layers.Add()([layers.Conv2D(4, 5, padding="same")(raised), up(4, 4)(pooled)])
    model = flat(keras.Model(image, layers.Conv2D(3, 1)(layers.Concatenate()([x, raised, low]))))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_a_layer_called_twice_counts_twice(force):
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    deep = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.MaxPooling2D(4)(low))
    shared, blur, join = up(4), layers.Conv2D(4, 3, padding="same"), layers.Add()
    x = blur(join([shared(shared(deep)), low]))
    x = join([x, x, blur(x)])
    model = flat(keras.Model(image, layers.Conv2D(2, 1)(x)))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
@pytest.mark.parametrize("training", [True, False])
def test_a_branch_for_training_only_folds_away(force, training):
    image = keras.Input((*SIZE_HW, 3))
    low = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    deep = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.MaxPooling2D()(low))
    x = layers.Dropout(0.5)(up(4)(deep), training=training)
    x = layers.BatchNormalization()(layers.Concatenate()([x, low]), training=training)
    model = flat(keras.Model(image, layers.Conv2D(2, 1)(layers.SpatialDropout2D(0.5)(x))))
    folded = fold_linear(model, force=force).model
    assert not {"Dropout", "BatchNormalization"} & set(kinds(folded))
    check_same(folded, model)


@WAYS
@pytest.mark.parametrize("outside", ["image", "linear", "pool", "nothing linear", "relu at the end"])
def test_networks_that_are_linear_throughout_or_nowhere_give_the_same_scores(outside, force):
    image = keras.Input((*SIZE_HW, 3))
    conv = layers.Conv2D(4, 3, padding="same")(image)
    result = {
        "image": lambda: layers.Concatenate()([image, layers.BatchNormalization()(image)]),
        "linear": lambda: layers.Conv2D(2, 1)(up(3)(layers.Conv2D(4, 3, strides=2, padding="same")(conv))),
        "pool": lambda: up(2)(layers.MaxPooling2D()(conv)),
        "nothing linear": lambda: layers.ReLU()(image),
        "relu at the end": lambda: layers.ReLU()(layers.Conv2D(2, 1)(up(3)(layers.MaxPooling2D()(conv)))),
    }[outside]()
    model = flat(keras.Model(image, result))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
@pytest.mark.parametrize("size_hw", [(36, 48), (17, 23), (10, 11)])
def test_a_resize_to_the_size_of_the_input_stays_right(size_hw, force):
    """As the export puts it behind a network that gives fewer scores than pixels."""
    image = keras.Input((*SIZE_HW, 3))
    deep = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D(3)(image))
    scores = layers.Conv2D(2, 1)(up(4)(deep))
    model = flat(keras.Model(image, keras.ops.image.resize(scores, size_hw, interpolation="bilinear")))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0},
        {"kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
        {"kernel_size": 4, "strides": 3, "padding": "valid", "output_padding": 2},
        {"kernel_size": (2, 5), "strides": (3, 1), "padding": "valid"},
    ],
)
def test_transposed_convolutions_with_padding_of_their_output_stay_right(options, force):
    image = keras.Input((13, 10, 3))
    source = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(3, 3, padding="same")(layers.Conv2DTranspose(4, **options)(source))
    model = flat(keras.Model(image, x))
    check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_weights_of_zero_and_normalisations_without_range_stay_right(force):
    image = keras.Input((*SIZE_HW, 3))
    source = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.BatchNormalization(name="norm")(up(4, name="zero")(source))
    x = layers.Add()([x, layers.Conv2D(4, 1)(layers.UpSampling2D(2, interpolation="bilinear")(source))])
    model = flat(keras.Model(image, layers.Conv2D(2, 1, name="head")(x)))
    model.get_layer("zero").set_weights([np.zeros_like(w) for w in model.get_layer("zero").get_weights()])
    norm = model.get_layer("norm")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta, mean, 0 * variance])
    check_same(fold_linear(model, force=force).model, model)


@WAYS
def test_a_model_with_weights_of_zero_only_gives_its_biases(force):
    model = flat(build_fcn((16, 24, 3), filters=(4, 4), classes=2, logits=True))
    for layer in model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            layer.set_weights([0 * kernel, bias])
    image = np.ones((1, 16, 24, 3), np.float32)
    folded = fold_linear(model, force=force).model
    np.testing.assert_allclose(np.asarray(folded(image)), np.asarray(model(image)), atol=1e-6)
