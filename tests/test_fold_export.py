"""Folding in exported files: every format gives what the unfolded one gives, and the report tells what was done."""

import json

import numpy as np
import pytest
from blobs import draw_blobs, write_blobs
from linear_layers import difference, randomise

from fcn_edge.export import ExportConfig, export_model
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file import read_card
from fcn_edge.networks import build_fcn
from fcn_edge.runtime import open_backend

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

# Odd, so that crops, padding and a map of constants with borders of their own come into it.
SIZE_HW = (39, 45)
# Shares of the range. float32 sums in another order; float16 has 11 bits, int8 256 steps in each of a dozen tensors.
TOLERANCES = {"fp32": 1e-5, "fp16": 5e-3, "int8": 0.08}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The same network of random weights exported twice, folded and as it is."""
    folder = tmp_path_factory.mktemp("fold")
    data = write_blobs(folder / "data", classes=3)
    network = build_fcn((*SIZE_HW, 3), filters=(8, 16, 24), classes=3, rescale=True)
    randomise(network, 1)
    with silenced():
        network.save(folder / "random.keras")
    # Random weights find no discs, and near ties flip easily: what counts here are the scores.
    config = {"data": data, "formats": tuple(FORMATS), "max_drop": 100.0, "verify_images": 2}
    return {
        fold: export_model(folder / "random.keras", ExportConfig(out=folder / str(fold), fold=fold, **config))
        for fold in (True, False)
    }


def real_scores(path):
    backend, quantization = open_backend(path), read_card(path).score_quantization
    # Of the kind that int8 was calibrated on: what lies outside is cut off, by each network elsewhere.
    images = [draw_blobs(seed, SIZE_HW, classes=3)[0] for seed in range(3)]
    raw = np.concatenate([backend.infer(image[None, ..., ::-1]) for image in images])
    return raw if quantization is None else (raw.astype(np.float64) - quantization.zero_point) * quantization.scale


@pytest.mark.parametrize("name", FORMATS)
def test_a_folded_file_gives_the_scores_of_the_unfolded_one(exports, name):
    spec = FORMATS[name]
    folded, unfolded = (real_scores(exports[fold].path_of(spec.precision, spec.format)) for fold in (True, False))
    assert difference(folded, unfolded) <= TOLERANCES[spec.precision]


def test_export_json_tells_what_was_folded(exports):
    report = exports[True]
    folding = json.loads((report.out / "export.json").read_text())["folding"]
    assert folding["applied"] is True
    assert 0 < folding["macs_after"] < folding["macs_before"]
    region = next(region for region in folding["regions"] if region["end"] == "head")
    assert {"dec3_upsample", "dec2_skip", "dec1_crop", "head"} <= set(region["layers"])
    assert region["applied"] is True
    assert 0 < region["macs_after"] < region["macs_before"]
    terms = [term for step in region["steps"] for term in step["terms"]]
    assert {"enc1_conv", "enc2_conv", "enc3_conv", "enc3_pool"} == {term["source"] for term in terms}
    assert all(term["form"] and term["why"] for term in terms)


def test_without_folding_export_json_says_so(exports):
    folding = json.loads((exports[False].out / "export.json").read_text())["folding"]
    assert folding["applied"] is False
    assert folding["macs_before"] == folding["macs_after"] == exports[True].folding.macs_before


@pytest.mark.parametrize(
    ("name", "upsampling", "joining"),
    [
        ("tflite-fp32", "TRANSPOSE_CONV", "CONCATENATION"),
        ("tflite-int8", "TRANSPOSE_CONV", "CONCATENATION"),
        ("onnx-fp32", "ConvTranspose", "Concat"),
    ],
)
def test_without_folding_the_graph_is_left_alone(exports, name, upsampling, joining):
    spec = FORMATS[name]
    ops = {
        fold: next(f.ops for f in exports[fold].files if (f.precision, f.format) == (spec.precision, spec.format))
        for fold in (True, False)
    }
    assert (ops[False][upsampling], ops[False][joining]) == (3, 3)
    assert not {upsampling, joining} & set(ops[True])


@pytest.mark.parametrize("fold", [True, False])
def test_files_have_no_dynamic_shapes_and_no_stray_transposes(exports, fold):
    for described in exports[fold].files:
        assert not {"SHAPE", "STRIDED_SLICE", "PACK", "Shape", "Gather"} & set(described.ops), described.path
        assert described.ops.get("Transpose", 0) <= 2, described.path


@pytest.mark.parametrize("fold", [True, False])
def test_int8_files_of_odd_size_compute_nothing_in_float(exports, fold):
    counts = {f.path: f.float_ops for f in exports[fold].files if f.precision == "int8"}
    assert counts == {"random.int8.tflite": 0, "random.int8.onnx": 0}
