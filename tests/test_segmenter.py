"""From a picture to class ids with every kind of model file."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file import read_card, write_card
from fcn_edge.runtime.backend import TensorInfo
from fcn_edge.runtime.pixels import PixelDoor
from fcn_edge.runtime.segmenter import Preprocessing, Segmenter
from fcn_edge.scoring import labels_from_scores

MODELS = Path(__file__).parent / "models"
NAMES = ("background", "red")
IMAGENET = Preprocessing(
    scale=1 / 255, mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229), bgr=True
)  # in the model's colour order


def red_and_blue(height: int = 64, width: int = 96) -> np.ndarray:
    """Left third red, right third blue, grey between; BGR."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[:, : width // 3] = (0, 0, 230)
    image[:, -(width // 3) :] = (230, 0, 0)
    return image


def ids(labels: np.ndarray) -> list[int]:
    """Class ids at the middle of each third."""
    height, width = labels.shape
    return [int(labels[height // 2, width * i // 6]) for i in (1, 3, 5)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tiny.int8.tflite", [1, 0, 0]),
        ("tiny.fp32.tflite", [1, 0, 2]),
        ("tiny.labels.fp32.tflite", [1, 0, 2]),
        ("tiny.fp32.onnx", [1, 0, 0]),
        ("tiny.int8.onnx", [1, 0, 0]),
    ],
)
@pytest.mark.parametrize("size", [(64, 96), (32, 48), (17, 31), (200, 90)])
def test_an_exported_file_finds_its_colours_in_images_of_any_size(name, expected, size):
    with Segmenter.open(MODELS / name) as segmenter:
        labels = segmenter(red_and_blue(*size))
    assert labels.shape == size
    assert labels.dtype == np.uint8
    assert ids(labels) == expected


def test_the_stages_give_what_the_whole_gives():
    with Segmenter.open(MODELS / "tiny.int8.tflite") as segmenter:
        pixels, place = segmenter.preprocess(red_and_blue())
        staged = segmenter.postprocess(segmenter.infer(pixels), place)
        assert np.array_equal(staged, segmenter(red_and_blue()))


@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.int8.onnx", "tiny.fp32.tflite"])
def test_scores_and_threshold_decide_as_the_segmenter_does(name):
    with Segmenter.open(MODELS / name) as segmenter:
        scores = segmenter.scores(red_and_blue())
        assert scores.dtype == np.float32
        assert scores.shape == (64, 96, len(segmenter.classes) if segmenter.threshold is None else 1)
        assert np.array_equal(labels_from_scores(scores, segmenter.threshold), segmenter(red_and_blue()))


@pytest.mark.parametrize(("name", "raw"), [("tiny.fp32.onnx", 0.0), ("tiny.int8.onnx", 0.0)])
def test_a_threshold_of_one_half_is_a_logit_of_zero(name, raw):
    assert Segmenter.open(MODELS / name).threshold == pytest.approx(raw)


def test_the_threshold_of_a_quantised_file_is_in_raw_units(tmp_path):
    path = Path(shutil.copy(MODELS / "tiny.int8.onnx", tmp_path))
    card = read_card(path)
    write_card(path, dataclasses.replace(card, threshold=0.9))
    assert Segmenter.open(path).threshold == pytest.approx(2 * np.log(9))


def test_the_card_gives_the_classes():
    segmenter = Segmenter.open(MODELS / "tiny.fp32.tflite")
    assert [spec.name for spec in segmenter.classes] == ["background", "red", "blue"]
    assert segmenter.input_hw == (32, 48)
    assert segmenter.card.name == "tiny"


def test_class_names_given_replace_those_of_the_card():
    segmenter = Segmenter.open(MODELS / "tiny.int8.tflite", classes=["rest", "rouge"])
    assert [spec.name for spec in segmenter.classes] == ["rest", "rouge"]
    with pytest.raises(UsageError, match="3 class names given, but its card has 2"):
        Segmenter.open(MODELS / "tiny.int8.tflite", classes=["a", "b", "c"])


def test_a_letterboxed_image_comes_back_at_its_own_place(tmp_path):
    path = Path(shutil.copy(MODELS / "tiny.fp32.onnx", tmp_path))
    write_card(path, dataclasses.replace(read_card(path), geometry="letterbox"))
    image = np.full((300, 60, 3), 90, np.uint8)
    image[:150] = (0, 0, 230)
    labels = Segmenter.open(path)(image)
    assert labels.shape == (300, 60)
    assert (labels[:140] == 1).all()
    assert (labels[160:] == 0).all()


def test_a_foreign_model_needs_class_names():
    with pytest.raises(UsageError, match="no model card") as caught:
        Segmenter.open(MODELS / "foreign.onnx")
    assert "--classes" in caught.value.hint


def test_a_foreign_planar_bgr_model_of_lower_resolution_runs():
    segmenter = Segmenter.open(MODELS / "foreign.onnx", classes=NAMES, preprocessing=IMAGENET)
    labels = segmenter(red_and_blue())
    assert labels.shape == (64, 96)
    assert ids(labels) == [1, 0, 0]
    assert segmenter.card is None
    assert segmenter.threshold == 0


def test_one_name_for_a_model_of_one_score_is_the_foreground():
    segmenter = Segmenter.open(MODELS / "foreign.onnx", classes=["red"], preprocessing=IMAGENET)
    assert [spec.name for spec in segmenter.classes] == ["background", "red"]


def test_a_foreign_model_that_gives_probabilities_is_cut_at_one_half():
    scaled = Preprocessing(scale=1 / 255)
    segmenter = Segmenter.open(MODELS / "foreign.tflite", classes=NAMES, preprocessing=scaled, activation="sigmoid")
    assert segmenter.threshold == 0.5
    assert ids(segmenter(red_and_blue())) == [1, 0, 0]


def test_too_many_names_for_a_foreign_model_are_refused():
    with pytest.raises(UsageError, match="3 class names given, but the model gives 1 score, so 2 classes"):
        Segmenter.open(MODELS / "foreign.tflite", classes=["a", "b", "c"])


def test_preprocessing_is_refused_where_the_card_says_it_is_inside():
    with pytest.raises(UsageError, match="its preprocessing is inside the file"):
        Segmenter.open(MODELS / "tiny.int8.tflite", preprocessing=IMAGENET)


def test_a_standard_deviation_of_zero_is_refused():
    with pytest.raises(UsageError, match="division by zero"):
        Segmenter.open(MODELS / "foreign.tflite", classes=NAMES, preprocessing=Preprocessing(std=(1.0, 0.0, 1.0)))


def test_a_model_of_class_ids_has_no_scores():
    with Segmenter.open(MODELS / "tiny.labels.fp32.tflite") as segmenter, pytest.raises(UsageError, match="class ids"):
        segmenter.scores(red_and_blue())


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"input_size_hw": (256, 512)},
            "its card describes a 256x512 input (height x width), but the model takes 32x48",
        ),
        ({"threshold": None}, "its card describes 2 scores per pixel, but the model gives 1"),
        ({"output": "labels"}, "its card describes labels as output, but the model gives logits"),
    ],
)
def test_a_card_that_does_not_fit_its_file_is_an_error(changes, what, tmp_path):
    path = Path(shutil.copy(MODELS / "tiny.int8.tflite", tmp_path))
    write_card(path, dataclasses.replace(read_card(path), **changes))
    with pytest.raises(ModelFileError) as caught:
        Segmenter.open(path)
    assert caught.value.message == f"tiny.int8.tflite: {what}"
    command = "fcn-edge export runs/tiny --formats tflite-int8 --out build"
    assert caught.value.hint == f"the file was changed after export; export it again: {command}"


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"),
    [("float32", None, None), ("float16", None, None), ("uint8", 0.02, 114), ("int8", 0.02, -14)],
)
def test_preprocessing_is_the_formula_for_every_type_and_layout(dtype, scale, zero_point, layout):
    shape = (1, 8, 9, 3) if layout == "NHWC" else (1, 3, 8, 9)
    tensor = TensorInfo("image", shape, dtype, scale, zero_point, layout, "RGB")
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    wish = Preprocessing(scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.3, 0.25, 0.2))
    pixels, _ = PixelDoor(tensor, "stretch", wish)(image)
    real = (image[..., ::-1] / 255 - wish.mean) / wish.std
    expected = real if scale is None else np.clip(np.rint(real / scale) + zero_point, *_limits(dtype))
    found = pixels[0] if layout == "NHWC" else pixels[0].transpose(1, 2, 0)
    assert pixels.dtype == dtype
    # Half floats have 11 bits; a value right between two quantised ones may go either way.
    assert np.abs(found.astype(np.float64) - expected).max() <= (2e-3 if scale is None else 1)


def test_raw_pixels_are_passed_on_as_they_are():
    tensor = TensorInfo("image", (1, 8, 9, 3), "uint8", 0.5, 3, "NHWC", "RGB")
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    pixels, _ = PixelDoor(tensor, "stretch", None)(image)
    assert np.array_equal(pixels[0], image[..., ::-1])


def _limits(dtype: str) -> tuple[int, int]:
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
