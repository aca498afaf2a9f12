"""Files are written whole or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fcn_edge import atomic
from fcn_edge.errors import OutputError


def test_a_file_is_written_and_nothing_else_is_left(tmp_path):
    atomic.write_text(tmp_path / "deep" / "a.txt", "é")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "é"


def test_a_failing_block_leaves_the_old_file_as_it_was(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic.replacing(target) as temporary:
            temporary.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_an_output_error_and_leaves_nothing():
    """/dev/full takes no byte, as a full disk."""

    def fill(temporary):
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_text("x")

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(OutputError, match="No space left") as caught, atomic.replacing(Path(folder, "a")) as part:
            fill(part)
        assert caught.value.exit_code == 1
        assert list(Path(folder).iterdir()) == []


def test_a_result_is_readable_by_others(tmp_path):
    atomic.write_text(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode & stat.S_IROTH


def test_a_path_whose_parent_is_a_file_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        atomic.write_text(tmp_path / "file" / "a.txt", "")


@pytest.mark.parametrize(
    ("path", "folder"), [("a", False), ("old", False), ("x/y/a", False), (".", True), ("x/y", True)]
)
def test_a_place_that_can_be_written_is_accepted_and_left_as_it_is(tmp_path, path, folder):
    (tmp_path / "old").write_text("old")

    atomic.check_writable(tmp_path / path, folder=folder)

    assert [p.name for p in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_a_bare_name_goes_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    atomic.check_writable(Path("a"))
    atomic.check_writable(Path("b"), folder=True)


@pytest.mark.parametrize(
    ("path", "folder", "reason"),
    [
        ("dir", False, "is a folder; a file was expected"),
        ("file", True, "is a file; a folder was expected"),
        ("file/a", False, "is a file; a folder was expected"),
        ("file/b/a", False, "is a file; a folder was expected"),
    ],
)
def test_a_place_that_is_something_else_is_refused(tmp_path, path, folder, reason):
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=reason):
        atomic.check_writable(tmp_path / path, folder=folder)


@pytest.mark.parametrize("path", ["a", "deep/a"])
def test_a_place_without_permission_is_refused(tmp_path, monkeypatch, path):
    # Not by chmod: the superuser may write everywhere.
    monkeypatch.setattr("os.access", lambda *_: False)

    with pytest.raises(OutputError, match="no permission to write to"):
        atomic.check_writable(tmp_path / path)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"

    def write(*, fail):
        with atomic.replacing_folder(target) as temporary:
            (temporary / "sub").mkdir()
            (temporary / "sub" / "a").write_text("a")
            if fail:
                raise ValueError("stop")

    with pytest.raises(ValueError, match=r"^stop$"):
        write(fail=True)
    assert not target.exists()
    write(fail=False)
    assert [str(p.relative_to(target)) for p in sorted(target.rglob("*"))] == ["sub", "sub/a"]


def test_a_report_names_its_kind_and_schema(tmp_path, capsys):
    atomic.write_report(tmp_path / "a.json", "compare", {"b": 1})
    atomic.write_report("-", "compare", {"b": 1})
    expected = {"schema_version": 1, "kind": "compare", "b": 1}
    assert json.loads((tmp_path / "a.json").read_text()) == expected
    assert json.loads(capsys.readouterr().out) == expected


def test_a_report_with_nan_is_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_report(tmp_path / "a.json", "compare", {"b": float("nan")})
    assert list(tmp_path.iterdir()) == []
