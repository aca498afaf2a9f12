"""The layers of a comparison on the page: the sentence, where it was lost, the proof, and what to do."""

from fcn_edge.measure.report.block import Heading, Note, Notes, Table
from fcn_edge.measure.report.layers_block import layers_blocks

OUTPUT = {"sqnr_db": 1.6, "agreement": 0.8055, "miou": 0.2668}
BETTER = {"sqnr_db": 34.3, "agreement": 0.9994, "miou": 0.9902}


def layer(name, drop_db, **changes):
    figures = {"sqnr_db": 30.0, "channel_db": 28.0, "low": 0.0, "high": 1.5, "saturated": 0.0, "macs_share": 0.25}
    return {"name": name, "drop_db": drop_db, **figures, **changes}


def diagnosis(**changes):
    return {
        "candidate": "net.int8.tflite",
        "verdict": "layers",
        "text": "Most is lost in 'third'",
        "output": OUTPUT,
        "anew": OUTPUT,
        "layers": [layer("first", 1.0), layer("third", 36.4), layer("real", 2.0, low=None, high=None, saturated=None)],
        "trials": [{"layers": ["third"], "left": ["third"], "output": BETTER, "won": 0.9995, "macs_share": 0.41}],
        "findings": [{"kind": "leave_float", "layer": "third", "seen": "it is back", "advice": "export again"}],
        **changes,
    }


def test_a_comparison_without_layers_has_no_such_blocks():
    assert list(layers_blocks({})) == []


def test_each_file_gets_its_sentence_its_layers_the_trials_and_what_to_do():
    heading, notes, layers, trials = layers_blocks({"layers": [diagnosis()]})
    assert heading == Heading("Layers of net.int8.tflite")
    assert isinstance(layers, Table)
    assert isinstance(trials, Table)
    assert trials.rows == (
        ("none", "1.6", "80.55", "26.68", "—", "0.00"),
        ("third", "34.3", "99.94", "99.02", "99.95", "41.00"),
    )
    assert isinstance(notes, Notes)
    assert notes.items == (
        Note("Guilty layers", "Most is lost in 'third'."),
        Note("Leave in float", "it is back.", "Export again."),
    )


def test_layers_are_ranked_by_their_drop_and_a_real_one_has_no_range():
    layers = next(block for block in layers_blocks({"layers": [diagnosis()]}) if isinstance(block, Table))
    assert [row[0] for row in layers.rows] == ["third", "real", "first"]
    assert layers.rows[1][4:6] == ("—", "—")
    assert layers.rows[0][4] == "0 to 1.5"


def test_a_healthy_file_has_no_trials_and_no_advice():
    blocks = list(layers_blocks({"layers": [diagnosis(trials=[], findings=[], anew=None)]}))
    assert [type(block) for block in blocks] == [Heading, Notes, Table]


def test_class_ids_have_no_signal_to_noise():
    ids = {**OUTPUT, "sqnr_db": None, "miou": None}
    blocks = list(layers_blocks({"layers": [diagnosis(anew=ids)]}))
    assert blocks[3].rows[0] == ("none", "—", "80.55", "—", "—", "0.00")
