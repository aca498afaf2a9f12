"""Tiny models whose answer is known by hand: a pixel is foreground where its brightness exceeds a level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.model_file import write_card

SIZE_HW = (48, 64)


def make_threshold_model(
    path: Path,
    level: float,
    *,
    names: tuple[str, ...] = ("background", "nucleus"),
    size_hw: tuple[int, int] = SIZE_HW,
    card: bool = True,
) -> Path:
    """Write an ONNX model that takes uint8 NHWC pixels and scores their mean over the channels minus *level*.

    With more than two *names* it gives one score per class, and only classes 0 and 1 ever win.
    """
    channels = 1 if len(names) == 2 else len(names)
    weights = np.zeros((3, channels), np.float32)
    weights[:, 0 if channels == 1 else 1] = 1 / 3
    bias = np.full(channels, -1e6, np.float32)
    bias[0 if channels == 1 else 1] = -level
    if channels > 1:
        bias[0] = 0
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["real", "weights"], ["sums"]),
        helper.make_node("Add", ["sums", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "threshold",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, *size_hw, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, *size_hw, channels])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    if card:
        precision = "int8" if ".int8." in path.name else "fp32"
        threshold = 0.5 if channels == 1 else None
        write_card(
            path,
            ModelCard("bright", "foreign", class_specs(names), size_hw, precision=precision, threshold=threshold),
        )
    return path


def brightness_labels(image_bgr: np.ndarray, level: float) -> np.ndarray:
    """What the model says of an image of its own input size."""
    return (image_bgr.astype(np.float32).mean(axis=2) > level).astype(np.uint8)
