"""The model card as JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge import card as cards
from fcn_edge.errors import ModelFileError

CARD = cards.ModelCard(
    name="people",
    architecture="fcn",
    classes=cards.class_specs(("background", "person")),
    input_size_hw=(96, 160),
    precision="int8",
    threshold=0.4,
    score_quantization=cards.ScoreQuantization(0.25, -7),
    training=cards.TrainingSpec(data="photos", licence="CC0", images=12, seed=3),
    metrics=(cards.MetricSpec("miou", 0.875, "val", 20),),
    options={"filters": [8, 16]},
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
probabilities = st.floats(0, 1)


@st.composite
def cards_of_any_kind(draw):
    names = draw(st.lists(texts, min_size=1, max_size=30))
    return cards.ModelCard(
        name=draw(texts),
        architecture=draw(texts),
        classes=cards.class_specs(names),
        input_size_hw=(draw(st.integers(1, 4096)), draw(st.integers(1, 4096))),
        geometry=draw(st.sampled_from(["stretch", "letterbox"])),
        threshold=draw(st.none() | probabilities),
        score_quantization=draw(
            st.none() | st.builds(cards.ScoreQuantization, st.floats(1e-6, 1e3), st.integers(-128, 255))
        ),
        metrics=tuple(draw(st.lists(st.builds(cards.MetricSpec, texts, probabilities, texts, st.integers(0, 10**6))))),
        limits=draw(texts),
    )


@given(cards_of_any_kind())
def test_a_card_written_and_read_is_the_same_card(card):
    assert cards.from_json(cards.to_json(card)) == card


def test_unknown_keys_are_tolerated_on_reading():
    data = json.loads(cards.to_json(CARD))
    data["from_the_future"] = 1
    data["training"]["also_from_there"] = 2
    assert cards.from_json(json.dumps(data)) == CARD


def test_a_newer_schema_is_refused_with_a_hint_to_upgrade():
    text = cards.to_json(dataclasses.replace(CARD, schema_version=cards.SCHEMA_VERSION + 1))
    with pytest.raises(ModelFileError, match="schema version 2") as caught:
        cards.from_json(text, where="x.tflite")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "x"}', "null"])
def test_what_is_not_a_card_is_refused_by_name(text):
    with pytest.raises(ModelFileError, match=r"^x\.tflite: its model card cannot be read"):
        cards.from_json(text, where="x.tflite")


def test_a_model_with_a_threshold_has_one_score_channel():
    assert CARD.score_channels == 1
    assert dataclasses.replace(CARD, threshold=None).score_channels == 2


def test_more_classes_than_colours_repeat_colours_but_never_the_background():
    specs = cards.class_specs([str(i) for i in range(60)])
    assert [s.color_rgb for s in specs].count((0, 0, 0)) == 1
    assert len({s.color_rgb for s in specs[:21]}) == 21
