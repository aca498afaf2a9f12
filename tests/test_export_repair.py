"""An int8 file that loses too much is mended: the guilty layer stays in floating point, and what it costs is told."""

import json

import pytest
from blobs import write_blobs
from ill_networks import NAMES, build_chain

from fcn_edge.cli.main import main
from fcn_edge.errors import FcnEdgeError
from fcn_edge.export import ExportConfig, export_model
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file import read_card
from fcn_edge.runtime import open_backend

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("data") / "data", classes=3, train=12, val=6)


@pytest.fixture(scope="module")
def ill(tmp_path_factory):
    """A model whose layer ``second`` has one channel ten thousand times too large, which int8 does not survive."""
    return saved("channel", tmp_path_factory)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return saved(None, tmp_path_factory)


def saved(kind, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "chain.keras"
    with silenced():
        build_chain(kind, factor=1e4).save(path)
    return path


def wish(data, out, *formats, **changes):
    return ExportConfig(data=data, out=out, formats=formats or ("tflite-int8",), classes=NAMES, fold=False, **changes)


@pytest.fixture(scope="module")
def mended(ill, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("mended")
    lines = []
    return export_model(ill, wish(data, out, "tflite-int8", "onnx-int8"), tell=lines.append), lines


def test_plain_int8_loses_more_than_three_points(ill, data, tmp_path):
    with pytest.raises(FcnEdgeError) as caught:
        export_model(ill, wish(data, tmp_path, repair=False, max_drop=3.0))
    assert caught.value.exit_code in (1, 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision_format", [("int8", "tflite"), ("int8", "onnx")])
def test_the_mended_file_holds(mended, precision_format):
    report, _ = mended
    [file] = [f for f in report.files if (f.precision, f.format) == precision_format]
    assert file.miou_drop <= report.max_drop
    assert file.parity.agreement >= 0.95


def test_the_ill_layer_is_among_few_that_stay_in_float(mended):
    report, _ = mended
    for file in report.files:
        assert set(file.repair.left) & {"second", "third"}
        assert len(file.repair.left) <= 3
        assert file.float_ops > 0


def test_what_was_won_and_what_it_costs_is_told(mended):
    report, lines = mended
    for file in report.files:
        repair = file.repair
        assert 100 * (repair.miou_after - repair.miou_before) > 3
        assert repair.time_ratio > 0
        assert 0 < repair.macs_share < 1
        assert any(line.startswith(f"repair {file.format}-int8") and "in float" in line for line in lines)
        assert any(file.path in warning and "times as long" in warning for warning in report.warnings)


def test_a_mended_file_runs_and_has_its_own_accuracy_in_its_card(mended):
    report, _ = mended
    for file in report.files:
        path = report.out / file.path
        assert read_card(path).metrics[0].value == pytest.approx(file.miou, abs=1e-6)
        open_backend(path, threads=1).close()


def test_a_healthy_model_stays_all_in_integers(healthy, data, tmp_path):
    report = export_model(healthy, wish(data, tmp_path))
    assert report.files[0].repair is None
    assert report.files[0].float_ops == 0


def test_layers_chosen_by_hand_are_not_chosen_over(ill, data, tmp_path):
    with pytest.raises(FcnEdgeError):
        export_model(ill, wish(data, tmp_path, float_layers=("head",)))


def test_the_command_can_leave_it_out(ill, data, tmp_path, capfd):
    arguments = ["export", str(ill), "--data", str(data), "--out", str(tmp_path / "out"), "--no-fold"]
    arguments += ["--formats", "tflite-int8", "--classes", ",".join(NAMES), "--quiet"]
    assert main([*arguments, "--no-repair"]) in (1, 3)
    assert main([*arguments, "--json", str(tmp_path / "export.json")]) == 0
    assert json.loads((tmp_path / "export.json").read_text())["files"][0]["repair"]["layers"]
    assert "all in integers it lost too much" in capfd.readouterr().err
