"""Two workers in two processes learn what one learns from the same batches, and go on after a kill."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from blobs import write_blobs

from fcn_edge.errors import UsageError
from fcn_edge.model_file import read_card
from fcn_edge.train import TrainConfig, train_model
from fcn_edge.train.workers import find_workers

pytestmark = pytest.mark.desk

WORKER = Path(__file__).parent / "train_worker.py"
EPOCHS = 4
LONGEST_S = 150


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data", train=10)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def train(count, data, out, *, dying=()):
    """Run *count* workers to their end; give exit code and last line of each. Those *dying* do after two epochs."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(count)]
    processes = []
    for index in range(count):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "PYTHONPATH": os.pathsep.join(sys.path)}
        if count == 1:
            del environment["TF_CONFIG"]
        command = [sys.executable, str(WORKER), str(data), str(out), str(EPOCHS), *(["2"] if index in dying else [])]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    found = []
    for process in processes:
        out_text, err_text = process.communicate(timeout=LONGEST_S)
        lines = out_text.decode().splitlines()
        found.append((process.returncode, json.loads(lines[-1]) if lines else {}, err_text.decode()[-2000:]))
    return found


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    [(code, result, told)] = train(1, data, tmp_path_factory.mktemp("alone") / "run")
    assert code == 0, told
    return result["losses"]


@pytest.fixture(scope="module")
def together(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("together") / "run"
    return out, train(2, data, out)


def close_to(losses):
    return [pytest.approx(epoch, rel=2e-3, abs=1e-4) for epoch in losses]


def test_two_workers_have_the_loss_curve_of_one_with_the_same_batches(alone, together):
    for code, result, told in together[1]:
        assert code == 0, told
        assert result["losses"] == close_to(alone)


def test_the_chief_writes_a_run_folder_like_any_other(together):
    out, _ = together
    assert {"model.keras", "history.json", "checkpoint.npz", "curves.png"} <= {path.name for path in out.iterdir()}
    assert read_card(out / "model.keras").metrics


def test_killed_workers_go_on_after_their_last_epoch(alone, data, tmp_path):
    out = tmp_path / "run"
    assert [code for code, _, _ in train(2, data, out, dying=(0, 1))] == [9, 9]
    history = json.loads((out / "history.json").read_text())
    assert len(history["epochs"]) == 2
    for code, result, told in train(2, data, out):
        assert code == 0, told
        assert result["losses"] == close_to(alone)


def test_a_worker_that_is_left_alone_ends_and_says_why(data, tmp_path):
    (code, result, _), (dead, _, _) = train(2, data, tmp_path / "run", dying=(1,))
    assert (code, dead) == (1, 9)
    assert "one of the 2 workers cannot be reached any more" in result["error"]
    assert "goes on after its last whole epoch" in result["hint"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ('{"cluster": {}}', "KeyError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}', "names worker 2"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "names ps 0"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, text, told):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match=told) as caught:
        find_workers()
    assert "TF_CONFIG" in caught.value.hint


def test_one_worker_alone_trains_as_ever(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}')
    assert find_workers().count == 1


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, data, tmp_path):
    from fcn_edge.train import trainer
    from fcn_edge.train.workers import Workers

    monkeypatch.setattr(trainer, "find_workers", lambda: Workers(0, 3, object()))
    with pytest.raises(UsageError, match="a batch of 4 cannot be shared among 3 workers") as caught:
        train_model(TrainConfig(data=data, out=tmp_path / "run", size_hw=(20, 24), batch_size=4), quiet=True)
    assert "--batch-size 6" in caught.value.hint
