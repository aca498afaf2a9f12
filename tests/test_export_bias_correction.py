"""Biases that take back what rounded weights shift on average."""

import dataclasses

import numpy as np
import pytest
from export_networks import random_pixels

from fcn_edge.export.bias_correction import correct_biases, weight_error
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.quiet import silenced

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (12, 14)
IMAGES = random_pixels(SIZE_HW, 6)


def job_of(*layers, **options):
    """A job for a chain of layers; their weights are random, and the same every time."""
    entry = x = keras.Input((*SIZE_HW, 3))
    for layer in layers:
        x = layer(x)
    rng = np.random.default_rng(0)
    for layer in layers:
        layer.set_weights([rng.normal(0, 0.1, weight.shape) for weight in layer.get_weights()])
    fresh = new_input(SIZE_HW)
    flat = model_of(fresh, inline(keras.Model(entry, x), fresh))
    return Conversion(flat, "logits", 0.0, IMAGES, **options)


def layer_of(job, name):
    [layer] = [operation for operation in job.model.operations if operation.name == name]
    return layer


def mean_output(job):
    return np.mean([np.asarray(job.model(image[None].astype(np.float32))) for image in IMAGES], axis=(0, 1, 2, 3))


def rounded(job, name, largest):
    """The same job with the weights of a layer rounded."""
    layer = layer_of(job, name)
    kernel, *bias = layer.get_weights()
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    layer.set_weights([kernel + weight_error(kernel, depthwise=depthwise, largest=largest), *bias])
    return job


LAYERS = {
    "Conv2D": lambda: keras.layers.Conv2D(5, 3, name="it"),
    "Conv2D without a bias": lambda: keras.layers.Conv2D(5, 3, use_bias=False, name="it"),
    "strided": lambda: keras.layers.Conv2D(5, 3, strides=3, name="it"),
    "DepthwiseConv2D": lambda: keras.layers.DepthwiseConv2D(3, name="it"),
    "two for each channel": lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="it"),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_rounded_weights_give_the_mean_of_the_exact_ones(kind):
    wanted = mean_output(job_of(LAYERS[kind]()))
    plain = mean_output(rounded(job_of(LAYERS[kind]()), "it", 7))
    found = mean_output(rounded(correct_biases(job_of(LAYERS[kind]()), largest=7), "it", 7))
    off, mended = (np.abs(mean - wanted).max() for mean in (plain, found))
    # A kernel at a step of the image sees other pixels than all; without strides and padding only the edges tell.
    assert mended < off / 4


def test_the_error_is_what_lies_between_a_kernel_and_its_steps():
    kernel = np.array([0.5, -1.0, 0.3]).reshape(1, 1, 3, 1)
    error = weight_error(kernel, depthwise=False, largest=10)
    np.testing.assert_allclose((kernel + error).ravel(), [0.5, -1.0, 0.3], atol=1e-12)
    error = weight_error(kernel, depthwise=False, largest=4)
    np.testing.assert_allclose((kernel + error).ravel(), [0.5, -1.0, 0.25], atol=1e-12)


def test_a_kernel_of_zeros_has_no_error():
    assert not weight_error(np.zeros((3, 3, 2, 4)), depthwise=False, largest=127).any()


def test_the_job_that_was_given_stays_as_it_was():
    job = job_of(LAYERS["Conv2D"]())
    before = mean_output(job)
    correct_biases(job, largest=7)
    np.testing.assert_array_equal(mean_output(job), before)


def test_a_layer_that_stays_in_floating_point_keeps_its_bias():
    job = job_of(LAYERS["Conv2D"](), keras.layers.Conv2D(2, 1, name="last"), float_layers=("it",))
    corrected = correct_biases(job, largest=7)
    assert layer_of(corrected, "it") is layer_of(job, "it")
    assert layer_of(corrected, "last") is not layer_of(job, "last")


def test_with_symmetric_activations_what_reads_the_image_keeps_its_bias():
    job = job_of(
        keras.layers.ZeroPadding2D(1), LAYERS["Conv2D"](), keras.layers.Conv2D(2, 1, name="last"), symmetric=True
    )
    corrected = correct_biases(job, largest=7)
    assert layer_of(corrected, "it") is layer_of(job, "it")
    assert layer_of(corrected, "last") is not layer_of(job, "last")


def test_a_network_with_means_of_its_own_is_corrected(tmp_path):
    entry = keras.Input((*SIZE_HW, 3))
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean")(entry)
    model = keras.Model(entry, keras.layers.Conv2D(2, 1, name="it")(entry + pooled))
    fresh = new_input(SIZE_HW)
    job = Conversion(model_of(fresh, inline(model, fresh)), "logits", 0.0, IMAGES)
    assert layer_of(correct_biases(job, largest=7), "it") is not layer_of(job, "it")


def test_a_convolution_that_is_called_twice_stays():
    shared = keras.layers.Conv2D(3, 3, padding="same", name="it")
    job = job_of(shared, shared, keras.layers.Conv2D(2, 1, name="last"))
    corrected = correct_biases(job, largest=7)
    assert layer_of(corrected, "it") is shared
    assert layer_of(corrected, "last") is not layer_of(job, "last")


def test_a_network_without_convolutions_stays():
    job = job_of(keras.layers.AveragePooling2D(2))
    assert correct_biases(job, largest=7) is job


@pytest.mark.parametrize("name", ["tflite-int8", "onnx-int8"])
def test_an_int8_file_is_nearer_to_the_float_model_on_average(name, tmp_path, monkeypatch):
    from fcn_edge.export import onnx, tflite
    from fcn_edge.export.formats import FORMATS
    from fcn_edge.runtime import open_backend

    def shift(path, job):
        with silenced():
            path.write_bytes(FORMATS[name].convert(job))
        backend = open_backend(path, threads=1)
        scores = np.concatenate([backend.infer(image[None]) for image in IMAGES]).astype(np.float64)
        quantization = FORMATS[name].inspect(path.read_bytes(), "int8", ()).quantization
        backend.close()
        real = (scores - quantization.zero_point) * quantization.scale
        return np.abs(real.mean(axis=(0, 1, 2)) - mean_output(job)).max()

    def network():
        job = job_of(
            keras.layers.Conv2D(24, 3, activation="relu", padding="same"),
            keras.layers.DepthwiseConv2D(3, activation="relu", padding="same"),
            keras.layers.Conv2D(24, 1, activation="relu"),
            keras.layers.Conv2D(4, 1),
        )
        return dataclasses.replace(job, rewrite=True)

    suffix = f"it.{name.split('-')[0]}"
    corrected = shift(tmp_path / suffix, network())
    for module in (onnx, tflite):
        monkeypatch.setattr(module, "correct_biases", lambda job, **_: job)
    assert corrected < shift(tmp_path / f"plain-{suffix}", network())
