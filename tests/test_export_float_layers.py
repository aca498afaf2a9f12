"""Layers of an int8 file may stay in floating point, and nothing else changes."""

import dataclasses
import json

import numpy as np
import pytest
from blobs import write_blobs
from export_networks import NAMES_3, build_network, random_pixels

from fcn_edge.cli.main import main
from fcn_edge.errors import ExportError, UsageError
from fcn_edge.export import ExportConfig, export_model, leave_float, onnx_graph, tflite_graph
from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.blame import layer_noise
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.quiet import silenced
from fcn_edge.export.samples import with_full_range
from fcn_edge.runtime import open_backend

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (16, 20)
INT8 = ("tflite-int8", "onnx-int8")


@pytest.fixture(scope="module")
def job():
    entry = new_input(SIZE_HW)
    model = absorb_input_scaling(model_of(entry, inline(build_network(SIZE_HW, 3, activation=None), entry)))
    return Conversion(model, "logits", 0.0, with_full_range(random_pixels(SIZE_HW, 8)))


def convert(name, job, *layers):
    with silenced():
        return FORMATS[name].convert(dataclasses.replace(job, float_layers=layers))


def float_scopes(name, data):
    if name.startswith("tflite"):
        return leave_float.tflite_float_scopes(tflite_graph.read_model(data))
    return leave_float.onnx_float_scopes(onnx_graph.onnx().load_from_string(data))


@pytest.mark.parametrize("layers", [("first",), ("deep",), ("up",), ("first", "deep")])
@pytest.mark.parametrize("name", INT8)
def test_the_named_layers_compute_in_floating_point_and_the_others_with_weights_do_not(job, name, layers):
    weighted = {"first", "deep", "up", "head"}
    assert float_scopes(name, convert(name, job, *layers)) & weighted == set(layers)


@pytest.mark.parametrize("layer", ["first", "head"])
@pytest.mark.parametrize("name", INT8)
def test_with_a_border_layer_in_float_the_file_still_takes_pixels_and_gives_int8(job, name, layer, tmp_path):
    spec = FORMATS[name]
    data = convert(name, job, layer)
    assert spec.inspect(data, "int8", (layer,)).quantization is not None
    path = tmp_path / f"net.int8.{spec.format}"
    path.write_bytes(data)
    with silenced():
        backend = open_backend(path, threads=1)
    scores = backend.infer(random_pixels(SIZE_HW, 1))
    backend.close()
    assert (scores.dtype, scores.shape) == (np.int8, (1, *SIZE_HW, 3))


@pytest.mark.parametrize("name", INT8)
def test_a_layer_in_float_is_followed_better(job, name, tmp_path):
    levels = []
    for number, layers in enumerate([(), ("first", "pool", "deep")]):
        path = tmp_path / f"net{number}.int8.{FORMATS[name].format}"
        path.write_bytes(convert(name, job, *layers))
        noise = layer_noise(job.model, path, random_pixels(SIZE_HW, 2, seed=5), "int8")
        levels.append({layer.name: layer.sqnr_db for layer in noise}["deep"])
    assert levels[1] > levels[0] + 3


def test_a_full_int8_tflite_is_still_refused_where_it_computes_in_float(job):
    data = convert("tflite-int8", job, "deep")
    with pytest.raises(ExportError, match="computes in floating point"):
        FORMATS["tflite-int8"].inspect(data, "int8", ())


@pytest.mark.parametrize("name", INT8)
def test_a_layer_that_the_file_does_not_have_is_said(job, name):
    with pytest.raises(ExportError, match="'nowhere' has no operation of its own"):
        convert(name, job, "nowhere")


@pytest.mark.parametrize("layer", ["deep", "up"])
def test_onnx_runtime_does_not_quantise_by_itself_what_was_left_in_float(job, layer, tmp_path):
    """It does so with one scale for all weights, which one large weight that reads nothing ruins."""
    runtime = pytest.importorskip("onnxruntime")
    model = onnx_graph.onnx().load_from_string(convert("onnx-int8", job, layer))
    kernel = next(item for item in model.graph.initializer if item.name.startswith(f"{layer}/") and len(item.dims) == 4)
    weights = onnx_graph.onnx().numpy_helper.to_array(kernel).copy()
    weights.flat[0] = 1e5
    kernel.CopyFrom(onnx_graph.onnx().numpy_helper.from_array(weights, kernel.name))
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with silenced():
        runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kept = onnx_graph.onnx().load(tmp_path / "optimised.onnx")
    assert any(
        np.abs(array).max() == np.float32(1e5) for array in onnx_graph.constants(kept).values() if array.dtype == "f4"
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    data = write_blobs(folder / "data", classes=3)
    with silenced():
        build_network((32, 32), 3).save(folder / "discs.keras")
    return folder / "discs.keras", data


def test_the_export_proves_such_files_and_says_what_is_in_float(source, tmp_path, capsys):
    path, data = source
    options = ["--formats", ",".join(INT8), "--classes", ",".join(NAMES_3), "--float-layers", "first"]
    assert main(["export", str(path), "--data", str(data), "--out", str(tmp_path / "out"), *options]) == 0
    content = json.loads((tmp_path / "out" / "export.json").read_text())
    assert content["float_layers"] == ["first"]
    assert all(file["float_ops"] > 0 for file in content["files"])
    assert "in floating point, as asked for first" in capsys.readouterr().err


def test_an_unknown_layer_is_wrong_usage_and_the_layers_are_named(source, tmp_path):
    path, data = source
    config = ExportConfig(data, tmp_path / "out", formats=INT8, classes=NAMES_3, float_layers=("frist",))
    with pytest.raises(UsageError, match=r"no layer 'frist'; it has first, "):
        export_model(path, config)
