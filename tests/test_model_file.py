"""The card inside a model file: written, read, replaced, and nothing else touched."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.card import MetricSpec, ModelCard, TrainingSpec, class_specs
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file import file_name, fingerprint, flatbuffer, parse_name, read_card, tflite_format, write_card
from fcn_edge.model_file.onnx_format import has_int8_activations

MODELS = Path(__file__).parent / "models"
FOREIGN = ("foreign.tflite", "foreign.onnx", "foreign.keras")

texts = st.text(st.characters(codec="utf-8"), max_size=30)
cards = st.builds(
    ModelCard,
    name=texts,
    architecture=st.just("fcn"),
    classes=st.lists(texts, min_size=2, max_size=4).map(class_specs),
    input_size_hw=st.tuples(st.integers(1, 999), st.integers(1, 999)),
    threshold=st.none() | st.floats(0.01, 0.99),
    training=st.builds(TrainingSpec, data=texts, licence=texts, images=st.integers(0, 9999)),
    metrics=st.lists(st.builds(MetricSpec, texts, st.floats(0, 1), st.just("val"), st.integers(0, 99))).map(tuple),
    limits=texts,
)
CARD = ModelCard("tiny", "fcn", class_specs(["background", "Zelle µ"]), (32, 48), threshold=0.4, limits="only tests")


def copy_model(name: str, folder: Path) -> Path:
    """Copy a golden model, or make a .keras file that has the members of one."""
    target = folder / name
    if name.endswith(".keras"):
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("metadata.json", '{"keras_version": "3.12.4"}')
            archive.writestr("config.json", '{"class_name": "Functional"}', compress_type=zipfile.ZIP_DEFLATED)
            archive.writestr("model.weights.h5", bytes(range(256)) * 20)
        return target
    return Path(shutil.copy(MODELS / name, target))


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_has_no_card(name, tmp_path):
    assert read_card(copy_model(name, tmp_path)) is None


@pytest.mark.parametrize("name", FOREIGN)
@given(card=cards)
def test_a_card_written_is_read_back_equal(name, card, tmp_path_factory):
    path = copy_model(name, tmp_path_factory.mktemp("model"))
    written = write_card(path, card)
    assert read_card(path) == written
    assert dataclasses.replace(written, fingerprint=card.fingerprint) == card


@pytest.mark.parametrize("name", FOREIGN)
def test_writing_a_card_leaves_the_fingerprint_alone(name, tmp_path):
    path = copy_model(name, tmp_path)
    before = fingerprint(path)
    assert write_card(path, CARD).fingerprint == before
    write_card(path, dataclasses.replace(CARD, limits="something much longer than before"))
    assert fingerprint(path) == before


@pytest.mark.parametrize("name", FOREIGN)
def test_a_second_card_replaces_the_first(name, tmp_path):
    path = copy_model(name, tmp_path)
    write_card(path, dataclasses.replace(CARD, limits="the old one"))
    second = write_card(path, CARD)
    assert read_card(path) == second
    assert path.read_bytes().count(b"only tests") == 1
    assert b"the old one" not in path.read_bytes()


@pytest.mark.parametrize("name", FOREIGN)
def test_the_same_card_gives_the_same_bytes(name, tmp_path):
    path = copy_model(name, tmp_path)
    write_card(path, CARD)
    once = path.read_bytes()
    write_card(path, CARD)
    assert path.read_bytes() == once


@pytest.mark.parametrize("name", FOREIGN)
def test_other_bytes_give_another_fingerprint(name, tmp_path):
    path = copy_model(name, tmp_path)
    before = fingerprint(path)
    if name.endswith(".keras"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("assets/x", b"more")
    else:
        path.write_bytes(path.read_bytes().replace(b"image", b"imaGe"))
    assert fingerprint(path) != before


def test_a_tflite_fingerprint_is_the_sha256_of_the_flatbuffer(tmp_path):
    path = copy_model("foreign.tflite", tmp_path)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    write_card(path, CARD)
    assert fingerprint(path) == expected


def test_a_tflite_carries_labels_as_other_tools_expect_them(tmp_path):
    """One line per score channel; with one channel that is the foreground."""
    path = copy_model("foreign.tflite", tmp_path)
    write_card(path, CARD)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode() == "Zelle µ\n"
    write_card(path, dataclasses.replace(CARD, threshold=None))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode() == "background\nZelle µ\n"


def test_a_tflite_keeps_the_associated_files_of_others(tmp_path):
    path = copy_model("foreign.tflite", tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vocabulary.txt", "words")
    write_card(path, CARD)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("vocabulary.txt") == b"words"
        assert len(archive.namelist()) == 3


def test_an_onnx_card_is_seen_by_the_onnx_package(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = copy_model("foreign.onnx", tmp_path)
    written = write_card(path, CARD)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    (entry,) = model.metadata_props
    assert entry.key == "fcn_edge_card"
    assert written.fingerprint in entry.value


def test_a_keras_file_keeps_its_other_members_with_their_compression(tmp_path):
    path = copy_model("foreign.keras", tmp_path)
    with zipfile.ZipFile(path) as archive:
        before = {i.filename: (i.CRC, i.compress_type, i.date_time) for i in archive.infolist()}
    write_card(path, CARD)
    with zipfile.ZipFile(path) as archive:
        after = {i.filename: (i.CRC, i.compress_type, i.date_time) for i in archive.infolist()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"fcn_edge_card.json"}


@pytest.mark.parametrize("name", ["tiny.fp32.tflite", "tiny.fp32.onnx"])
def test_a_file_cut_off_anywhere_never_passes_for_the_whole(name, tmp_path):
    whole = (MODELS / name).read_bytes()
    path = tmp_path / name
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with contextlib.suppress(ModelFileError):
            assert read_card(path) is None


def test_a_flatbuffer_without_its_end_is_refused_at_every_length():
    """Runtimes that do not verify a model crash on one."""
    whole = tflite_format.flatbuffer_bytes(MODELS / "tiny.fp32.tflite")
    flatbuffer.check(whole)
    # The last bytes are the root's last text and its padding, which nothing follows.
    for length in range(len(whole) - 8):
        with pytest.raises(ValueError, match=r"has|beyond"):
            flatbuffer.check(whole[:length])


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "keras"])
@pytest.mark.parametrize("content", [b"", b"x", b"This is a text file, not a model.\n" * 9])
@pytest.mark.parametrize("function", [read_card, fingerprint])
def test_a_file_that_is_no_model_is_refused(function, content, suffix, tmp_path):
    path = tmp_path / f"text.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a"):
        function(path)


@pytest.mark.parametrize("function", [read_card, fingerprint])
def test_a_missing_file_is_wrong_usage(function, tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        function(tmp_path / "none.tflite")


def test_a_damaged_card_is_named(tmp_path):
    path = copy_model("tiny.fp32.onnx", tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"classes"', b'"\xff\xfeasses"'))
    with pytest.raises(ModelFileError, match=r"tiny\.fp32\.onnx: its model card cannot be read"):
        read_card(path)


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        write_card(path, CARD)
    assert path.read_bytes() == b"no model"
    assert list(tmp_path.iterdir()) == [path]


def test_int8_activations_are_told_from_others():
    assert has_int8_activations(MODELS / "tiny.int8.onnx")
    assert not has_int8_activations(MODELS / "tiny.fp32.onnx")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("people.int8.tflite", ("people", "int8", "logits", "tflite")),
        ("people.labels.int8.tflite", ("people", "int8", "labels", "tflite")),
        ("a.b.fp16.onnx", ("a.b", "fp16", "logits", "onnx")),
        ("model.keras", ("model", None, "logits", "keras")),
        ("int8.tflite", ("int8", None, "logits", "tflite")),
        ("deeplab.TFLITE", ("deeplab", None, "logits", "tflite")),
    ],
)
def test_a_file_name_is_taken_apart(name, expected):
    parsed = parse_name(Path("some") / name)
    assert (parsed.name, parsed.precision, parsed.output, parsed.format) == expected


@given(
    name=st.from_regex(r"[a-z]{1,5}(\.v[0-9])?", fullmatch=True),
    precision=st.sampled_from(["fp32", "fp16", "int8"]),
    output=st.sampled_from(["logits", "labels"]),
    suffix=st.sampled_from(["tflite", "onnx", "keras"]),
)
def test_a_name_put_together_is_taken_apart_again(name, precision, output, suffix):
    parsed = parse_name(file_name(name, precision, suffix, output))
    assert (parsed.name, parsed.precision, parsed.output, parsed.format) == (name, precision, output, suffix)


@pytest.mark.parametrize("name", ["model.h5", "model.pt", "model", "people.int8.tflite.zip"])
def test_a_wrong_suffix_is_refused(name):
    with pytest.raises(ModelFileError, match=r"ends in none of \.tflite, \.onnx, \.keras"):
        parse_name(name)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "locked.tflite"
    path.write_bytes(b"x")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(ModelFileError, match=r"locked\.tflite: cannot be read: Permission denied"):
        read_card(path)
