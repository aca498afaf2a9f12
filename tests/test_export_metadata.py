"""The standard metadata of TFLite, read back field by field as other tools read it."""

from __future__ import annotations

import dataclasses

import pytest

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.export.metadata import IDENTIFIER, SEGMENTER_IDENTIFIER, SEGMENTER_NAME, build_metadata

flatbuffers = pytest.importorskip("flatbuffers", reason="needs the extra export")
pytestmark = pytest.mark.desk

ONE = ModelCard("discs", "fcn", class_specs(("background", "disc")), (32, 40), threshold=0.5)
THREE = ModelCard("discs", "fcn", class_specs(("background", "bright", "red")), (32, 40))


class Table:
    """A flatbuffer table, its fields found by number."""

    def __init__(self, content: bytes, start: int | None = None):
        from flatbuffers import encode, number_types, table

        self._content = content
        root = encode.Get(number_types.UOffsetTFlags.packer_type, content, 0) if start is None else start
        self._table = table.Table(content, root)
        self._types = number_types

    def _position(self, number):
        return self._table.Offset(4 + 2 * number)

    def text(self, number):
        return self._table.String(self._table.Pos + self._position(number)).decode()

    def int8(self, number):
        offset = self._position(number)
        return self._table.Get(self._types.Int8Flags, self._table.Pos + offset) if offset else 0

    def tables(self, number):
        offset = self._position(number)
        if not offset:
            return []
        first = self._table.Vector(offset)
        starts = (first + 4 * i for i in range(self._table.VectorLen(offset)))
        return [Table(self._content, self._table.Indirect(start)) for start in starts]

    def vector(self, number):
        offset = self._position(number)
        first = self._table.Vector(offset)
        return first, self._content[first : first + self._table.VectorLen(offset)]


def read(card: ModelCard) -> Table:
    content = build_metadata(card)
    assert content[4:8] == IDENTIFIER
    return Table(content)


def segmenter(card: ModelCard) -> Table:
    (graph,) = read(card).tables(3)
    (custom,) = graph.tables(9)
    assert custom.text(0) == SEGMENTER_NAME
    start, content = custom.vector(1)
    assert start % 16 == 0
    assert content[4:8] == SEGMENTER_IDENTIFIER
    return Table(bytes(content))


@pytest.mark.parametrize(
    ("card", "activation"),
    [
        (ONE, 1),
        (THREE, 2),
        (dataclasses.replace(ONE, score_activation="sigmoid"), 0),
        (dataclasses.replace(THREE, score_activation="softmax"), 0),
    ],
    ids=["sigmoid for one logit", "softmax for several", "nothing after sigmoid", "nothing after softmax"],
)
def test_a_segmenter_is_told_how_scores_become_probabilities(card, activation):
    """0 is none, 1 sigmoid, 2 softmax; without it MediaPipe's masks of confidence would be logits."""
    assert segmenter(card).int8(0) == activation


def test_the_oldest_parser_that_understands_everything_is_named():
    assert read(ONE).text(7) == "1.5.0"
    assert segmenter(ONE).text(1) == "1.0.0"


def test_class_ids_decided_in_the_graph_have_no_activation():
    labels = read(dataclasses.replace(THREE, output="labels"))
    (graph,) = labels.tables(3)
    assert graph.tables(9) == []
    assert labels.text(7) == "1.0.0"
