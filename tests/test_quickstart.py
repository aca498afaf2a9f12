"""The whole way on a tiny network, and what stops it."""

from __future__ import annotations

import json

import cv2
import pytest
from threshold_models import make_threshold_model
from tiny_keras import make_tiny_keras

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.cli.main import main
from fcn_edge.cli.quickstart import QuickstartConfig, find_model, run_quickstart
from fcn_edge.dataset import open_folder, read_mask
from fcn_edge.errors import UsageError
from fcn_edge.measure.accuracy import CompareConfig, compare
from fcn_edge.measure.bench import BenchConfig
from fcn_edge.model_file import write_card
from fcn_edge.scenes import SceneConfig, write_data_folder

QUICK = BenchConfig(
    rounds=1, blocks=8, min_seconds=0.0, time_budget_s=10.0, warm_up_s=0.02, extensions=0, memory=False, layers=False
)
SMALL = {
    "train": 4,
    "val": 2,
    "seconds": 0.5,
    "size_hw": (48, 64),
    "formats": ("tflite-int8", "tflite-fp32"),
    "bench": QUICK,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_keras(tmp_path_factory.mktemp("tiny") / "tiny.keras")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def report(model, told, tmp_path_factory):
    out = tmp_path_factory.mktemp("quickstart")
    return run_quickstart(QuickstartConfig(out, str(model), quiet=True, **SMALL), tell=told.append)


def test_every_file_that_a_step_names_is_there(report):
    named = [file for step in report.steps for file in step.files]

    assert len(named) > 8
    assert [file for file in named if not (report.out / file).exists()] == []


def test_each_step_is_told_with_its_time(report, told):
    assert [line.split()[:2] for line in told] == [
        [f"{i}/7", name]
        for i, name in enumerate(("scenes", "export", "compare", "bench", "camera", "masks", "report"), start=1)
    ]


def test_the_exported_files_agree_with_the_keras_model(report):
    pixels = {agreement.candidate: agreement.pixel for agreement in report.comparison.agreement}

    assert report.comparison.reference == "tiny.keras"
    assert pixels["tiny.fp32.tflite"] > 0.999
    assert pixels["tiny.int8.tflite"] > 0.97


def test_the_segmented_film_has_every_frame(report):
    film = cv2.VideoCapture(str(report.out / "film-segmented.avi"))
    frames = 0
    while film.read()[0]:
        frames += 1
    film.release()

    assert frames == 10


def test_the_files_are_timed_against_the_float_one(report):
    assert report.latency.control.reference == "tiny.fp32.tflite"
    assert [comparison.candidate for comparison in report.latency.comparisons] == ["tiny.int8.tflite"]


def test_the_page_shows_all_four_results(report):
    page = report.page.read_text()

    assert all(title in page for title in ("Accuracy and agreement", "Latency", "Export of", "Camera run"))


def test_masks_of_scenes_are_class_ids(report):
    masks = sorted((report.out / "masks").glob("*.mask.png"))

    assert len(masks) == 2
    assert read_mask(masks[0]).max() <= 1


def test_the_command_says_where_things_are_and_what_to_try(model, tmp_path, capsys, monkeypatch, report):
    from fcn_edge.cli import quickstart

    monkeypatch.setattr(quickstart, "run_quickstart", lambda config, tell: report)
    code = main(["quickstart", "--out", str(tmp_path), "--model", str(model), "--json", str(tmp_path / "q.json")])
    out = capsys.readouterr().out

    assert code == 0
    assert "report.html" in out
    assert "fcn-edge camera people" in out
    content = json.loads((tmp_path / "q.json").read_text())
    assert content["kind"] == "quickstart"
    assert [step["name"] for step in content["steps"]][:2] == ["scenes", "export"]


def test_an_interrupt_leaves_the_finished_steps(model, tmp_path):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_quickstart(QuickstartConfig(tmp_path, str(model), quiet=True, **SMALL), tell=interrupt)

    assert len(open_folder(tmp_path / "data").samples("train")) == 4
    assert (tmp_path / "film.avi").is_file()
    assert not (tmp_path / "models").exists()


def test_a_model_of_other_classes_is_refused_before_anything_is_drawn(model, tmp_path, capsys):
    people = tmp_path / "people.keras"
    people.write_bytes(model.read_bytes())
    card = ModelCard("people", "fcn", class_specs(("background", "person")), (32, 32), threshold=0.5)
    write_card(people, card)

    code = main(["quickstart", "--out", str(tmp_path / "out"), "--model", str(people)])

    assert code == 2
    assert "background, person" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_exported_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="exported already"):
        find_model(str(make_threshold_model(tmp_path / "m.fp32.onnx", 30)))


def test_the_miou_is_that_of_keras(model, tmp_path):
    keras = pytest.importorskip("keras")
    folder = open_folder(write_data_folder(tmp_path, train=0, val=3, size_hw=(32, 32), config=SceneConfig("dapi")))
    (variant,) = compare([model], folder, "val", config=CompareConfig()).variants
    network = keras.models.load_model(model)
    metric = keras.metrics.MeanIoU(num_classes=2)
    for sample in folder.samples("val"):
        image_rgb = cv2.imread(str(sample.image_path))[..., ::-1]
        predicted = network.predict(image_rgb[None].astype("float32"), verbose=0)[0, ..., 0] > 0.5
        metric.update_state(read_mask(sample.mask_path), predicted.astype("uint8"))

    assert variant.miou == pytest.approx(float(metric.result()))
