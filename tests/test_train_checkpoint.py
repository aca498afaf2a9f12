"""Checkpoints: whole or not there, and only for the run they were written by."""

import numpy as np
import pytest

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.train.checkpoint import (
    FILE_NAME,
    Checkpoint,
    read_checkpoint,
    require_same_settings,
    write_checkpoint,
)


def example():
    weights = tuple(np.full((2, index + 1), index, np.float32) for index in range(12))
    return Checkpoint({"epochs": [{"loss": 0.5}]}, weights, (np.array(7), *weights), weights[:3])


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    write_checkpoint(tmp_path, example())
    again = read_checkpoint(tmp_path)
    assert again.state == example().state
    for group in ("variables", "optimizer", "best"):
        for stored, given in zip(getattr(again, group), getattr(example(), group), strict=True):
            np.testing.assert_array_equal(stored, given)
            assert stored.dtype == given.dtype


def test_there_is_none_in_a_new_folder(tmp_path):
    assert read_checkpoint(tmp_path / "new") is None


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    write_checkpoint(tmp_path, example())
    path = tmp_path / FILE_NAME
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UsageError, match="cannot be read as a checkpoint") as caught:
        read_checkpoint(tmp_path)
    assert "--fresh" in caught.value.hint


def test_other_settings_are_refused_by_name(tmp_path):
    with pytest.raises(UsageError, match="epochs was 3 and is now 4"):
        require_same_settings(tmp_path, {"seed": 0, "epochs": 3}, {"seed": 0, "epochs": 4})


def test_the_same_settings_pass(tmp_path):
    require_same_settings(tmp_path, {"seed": 0}, {"seed": 0})


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, example())
    before = (tmp_path / FILE_NAME).read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="No space left"):
        write_checkpoint(tmp_path, example())
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
