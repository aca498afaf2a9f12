"""Comparing models: figures held against other implementations of them, and the rules around them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from threshold_models import SIZE_HW, brightness_labels, make_threshold_model

from fcn_edge import optional
from fcn_edge.atomic import write_report
from fcn_edge.dataset import open_folder, read_mask
from fcn_edge.errors import DatasetError, UsageError
from fcn_edge.image_file import read_image
from fcn_edge.measure.accuracy import CompareConfig, compare
from fcn_edge.measure.accuracy.result import to_json
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.scenes import SceneConfig, write_data_folder

SCENES = SceneConfig(stain="fluorescence")
LOW, HIGH = 30.0, 60.0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return open_folder(write_data_folder(root, train=0, val=4, seed=2, size_hw=SIZE_HW, config=SCENES) and root)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [
        make_threshold_model(folder / "bright.int8.onnx", HIGH),
        make_threshold_model(folder / "bright.fp32.onnx", LOW),
    ]


@pytest.fixture(scope="module")
def report(models, data):
    return compare(models, data, "val")


def _pooled(data, level):
    """Truth and prediction of all pixels of the split, one after the other."""
    samples = data.samples("val")
    truth = np.concatenate([read_mask(s.mask_path).ravel() for s in samples])
    predicted = np.concatenate([brightness_labels(read_image(s.image_path), level).ravel() for s in samples])
    return truth, predicted


@pytest.mark.parametrize(("name", "level"), [("bright.int8.onnx", HIGH), ("bright.fp32.onnx", LOW)])
def test_the_confusion_matrix_is_that_of_scikit_learn(report, data, name, level):
    expected = sklearn_confusion_matrix(*_pooled(data, level))

    np.testing.assert_array_equal(report.variant(name).confusion, expected)


def test_iou_and_pixel_accuracy_follow_from_the_pixels(report, data):
    truth, predicted = _pooled(data, LOW)
    iou = [np.sum((truth == c) & (predicted == c)) / np.sum((truth == c) | (predicted == c)) for c in (0, 1)]
    variant = report.variant("bright.fp32.onnx")

    assert list(variant.per_class_iou.values()) == pytest.approx(iou)
    assert variant.miou == pytest.approx(np.mean(iou))
    assert variant.pixel_accuracy == pytest.approx(np.mean(truth == predicted))
    assert variant.images == 4


def test_agreement_counts_the_same_pixels_of_both_models(report, data):
    low, high = _pooled(data, LOW)[1], _pooled(data, HIGH)[1]
    (agreement,) = report.agreement

    assert agreement.pixel == pytest.approx(np.mean(low == high))
    assert [(f.from_class, f.to_class, f.pixels) for f in agreement.flips] == [
        ("nucleus", "background", int(np.sum(low & ~high & 1)))
    ]


def test_the_most_precise_file_is_the_reference(report):
    assert report.reference == "bright.fp32.onnx"
    assert [a.candidate for a in report.agreement] == ["bright.int8.onnx"]


def test_another_reference_can_be_chosen(models, data):
    chosen = compare(models, data, "val", config=CompareConfig(reference=models[0]))

    assert chosen.reference == "bright.int8.onnx"


def test_a_reference_that_is_not_compared_is_refused(models, data):
    with pytest.raises(UsageError, match="not among the models"):
        compare(models[:1], data, "val", config=CompareConfig(reference=models[1]))


def test_the_worst_images_come_first(report):
    (agreement,) = report.agreement
    by_id = {sample.sample_id: sample.pixel for sample in agreement.samples}
    shares = [sample.pixel for sample in agreement.worst]

    assert shares == sorted(shares)
    assert agreement.worst[0].pixel == min(by_id.values())


def test_a_model_agrees_wholly_with_its_copy(models, data, tmp_path):
    copy = tmp_path / "copy.fp32.onnx"
    copy.write_bytes(models[1].read_bytes())

    (agreement,) = compare([models[1], copy], data, "val").agreement

    assert (agreement.pixel, agreement.flips, agreement.worst) == (1.0, (), ())


def test_the_samples_add_up_to_the_pooled_counts(report):
    for variant in report.variants:
        hits = np.sum([sample.hits for sample in variant.samples], axis=0)
        np.testing.assert_array_equal(hits, np.diagonal(variant.confusion))


def test_a_class_that_occurs_nowhere_has_no_iou(tmp_path, data):
    root = tmp_path / "three"
    write_data_folder(root, train=0, val=2, size_hw=SIZE_HW, config=SCENES)
    (root / "classes.txt").write_text("background\nnucleus\ndebris\n")
    model = make_threshold_model(tmp_path / "three.onnx", LOW, names=("background", "nucleus", "debris"))

    (variant,) = compare([model], open_folder(root), "val").variants

    assert variant.per_class_iou["debris"] is None
    assert variant.miou == pytest.approx((variant.per_class_iou["background"] + variant.per_class_iou["nucleus"]) / 2)


def test_ignored_pixels_are_left_out(tmp_path, models):
    root = tmp_path / "void"
    write_data_folder(root, train=0, val=1, size_hw=SIZE_HW, config=SCENES)
    mask_path = next((root / "masks" / "val").iterdir())
    mask = read_mask(mask_path)
    mask[:10] = 255
    cv2.imwrite(str(mask_path), mask)

    (variant,) = compare(models[:1], open_folder(root), "val").variants

    assert np.sum(variant.confusion) == (SIZE_HW[0] - 10) * SIZE_HW[1]


def test_scores_are_judged_at_the_size_of_the_mask(tmp_path, models):
    root = write_data_folder(tmp_path, train=0, val=1, size_hw=(96, 80), config=SCENES)

    (variant,) = compare(models[:1], open_folder(root), "val").variants

    assert np.sum(variant.confusion) == 96 * 80


def test_images_without_masks_still_give_agreement(tmp_path, models):
    root = write_data_folder(tmp_path, train=0, val=2, size_hw=SIZE_HW, config=SCENES)
    for mask in (root / "masks" / "val").iterdir():
        mask.unlink()

    bare = compare(models, open_folder(root), "val")

    assert bare.images == 2
    assert [(v.images, v.miou, v.pixel_accuracy) for v in bare.variants] == [(0, None, None)] * 2
    assert 0 < bare.agreement[0].pixel < 1
    assert bare.drop("bright.int8.onnx") is None


def test_a_model_without_a_card_takes_the_classes_of_the_data(tmp_path, data):
    foreign = make_threshold_model(tmp_path / "foreign.onnx", LOW, card=False)

    (variant,) = compare([foreign], data, "val").variants

    assert (variant.precision, list(variant.per_class_iou)) == (None, ["background", "nucleus"])


def test_a_model_of_other_classes_is_refused_with_both_lists(tmp_path, data):
    model = make_threshold_model(tmp_path / "people.onnx", LOW, names=("background", "person"))

    with pytest.raises(UsageError, match=r"2 \(background, person\).*2 \(background, nucleus\)"):
        compare([model], data, "val")


def test_a_model_named_twice_is_refused(models, data):
    with pytest.raises(UsageError, match="named twice"):
        compare([models[0], models[0]], data, "val")


def test_files_of_the_same_name_are_told_apart_by_their_folder(tmp_path, data):
    paths = [make_threshold_model(tmp_path / f / "m.fp32.onnx", LOW) for f in ("base", "head")]

    assert [v.name for v in compare(paths, data, "val").variants] == ["base/m.fp32.onnx", "head/m.fp32.onnx"]


def test_a_limit_uses_the_first_images_only(models, data):
    assert compare(models, data, "val", config=CompareConfig(limit=1)).images == 1


def test_a_limit_of_nothing_is_refused(models, data):
    with pytest.raises(UsageError, match="limit of 0"):
        compare(models, data, "val", config=CompareConfig(limit=0))


def test_a_mask_of_another_size_is_named(tmp_path, models):
    root = write_data_folder(tmp_path, train=0, val=1, size_hw=SIZE_HW, config=SCENES)
    path = next((root / "masks" / "val").iterdir())
    cv2.imwrite(str(path), np.zeros((8, 8), np.uint8))

    with pytest.raises(DatasetError, match=f"{path.name}: the mask is 8x8"):
        compare(models, open_folder(root), "val")


def test_a_class_id_out_of_range_is_named(tmp_path, models):
    root = write_data_folder(tmp_path, train=0, val=1, size_hw=SIZE_HW, config=SCENES)
    path = next((root / "masks" / "val").iterdir())
    cv2.imwrite(str(path), np.full(SIZE_HW, 7, np.uint8))

    with pytest.raises(DatasetError, match=f"{path.name}: class id 7, expected 0 to 1"):
        compare(models, open_folder(root), "val")


def test_the_json_has_the_keys_others_rely_on(report, tmp_path):
    file = tmp_path / "compare.json"
    write_report(file, "compare", to_json(report))
    content = json.loads(file.read_text())

    assert content["kind"] == "compare"
    variant = content["variants"][0]
    assert {"name", "miou", "pixel_accuracy", "per_class_iou", "images", "bytes", "precision", "format"} <= set(variant)
    assert set(variant["per_class_iou"]) == {"background", "nucleus"}
    assert {"candidate", "reference", "pixel", "flips", "worst"} <= set(content["agreement"][0])
    assert content["agreement"][0]["flips"][0]["from"] == "nucleus"


def test_a_picture_is_written_for_each_of_the_worst_images(models, data, tmp_path):
    config = CompareConfig(worst=2, pictures=tmp_path / "pictures")
    (agreement,) = compare(models, data, "val", config=config).agreement

    pictures = [sample.picture for sample in agreement.worst]
    assert len(pictures) == 2
    assert sorted(pictures) == sorted((tmp_path / "pictures").iterdir())


def test_the_json_names_pictures_relative_to_itself(models, data, tmp_path):
    config = CompareConfig(worst=1, pictures=tmp_path / "pictures")
    content = to_json(compare(models, data, "val", config=config), beside=tmp_path)

    picture = Path(content["agreement"][0]["worst"][0]["picture"])
    assert not picture.is_absolute()
    assert (tmp_path / picture).is_file()


def test_a_model_without_a_card_is_compared_with_the_preprocessing_it_is_given(tmp_path):
    image = np.full((64, 96, 3), 90, np.uint8)
    image[:, :32] = (0, 0, 230)
    truth = np.zeros((64, 96), np.uint8)
    truth[:, :32] = 1
    for kind, name, pixels in (("images", "a.png", image), ("masks", "a.png", truth)):
        (tmp_path / kind / "val").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / kind / "val" / name), pixels)
    (tmp_path / "classes.txt").write_text("background\nred\n")
    model, folder = Path(__file__).parent / "models" / "foreign.onnx", open_folder(tmp_path)
    imagenet = Preprocessing(1 / 255, mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229), bgr=True)

    wrong = compare([model], folder).variants[0]
    right = compare([model], folder, config=CompareConfig(preprocessing=imagenet)).variants[0]

    assert right.miou > 0.9
    assert wrong.miou < right.miou


@pytest.mark.skipif(not optional.available("openvino"), reason="needs OpenVINO, of the extra openvino")
def test_one_file_is_compared_in_two_runtimes(models, data):
    report = compare([f"{models[0]}@onnxruntime", f"{models[0]}@openvino"], data)

    assert [variant.runtime.split()[0] for variant in report.variants] == ["onnxruntime", "openvino"]
    assert [variant.name for variant in report.variants] == [
        "bright.int8.onnx@onnxruntime",
        "bright.int8.onnx@openvino",
    ]
    assert report.agreement[0].pixel > 0.99
