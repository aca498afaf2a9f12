"""Accuracy of an int8 file by other means than the project's own: LiteRT, Pillow, OpenCV and scikit-learn.

It keeps to what the model's card says and to the contract of the files (raw RGB pixels in, int8 scores out), written
down here once more on purpose: a fault in the project's evaluator would not be repeated.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import confusion_matrix

_IGNORE = 255
# What a letterbox is filled with.
_GREY = 114


def class_ious(model: Path, data: Path, split: str) -> list[float]:
    """Give the IoU of each class of *model* on a split, one confusion matrix pooled over all pictures."""
    card = _card(model)
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    classes = len(card["classes"])
    counts = np.zeros((classes, classes), np.int64)
    for path in sorted((data / "images" / split).iterdir()):
        truth = np.asarray(Image.open(data / "masks" / split / f"{path.stem}.png"))
        found = _labels(interpreter, card, np.asarray(Image.open(path).convert("RGB")))
        seen = truth != _IGNORE
        counts += confusion_matrix(truth[seen], found[seen], labels=range(classes))
    same = np.diag(counts)
    return [float(value) for value in same / (counts.sum(0) + counts.sum(1) - same)]


def _card(model: Path) -> dict[str, Any]:
    with zipfile.ZipFile(model) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".json"))
        card: dict[str, Any] = json.loads(archive.read(name))
    return card


def _labels(interpreter: Any, card: dict[str, Any], image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # noqa: ANN401 - untyped
    height, width = card["input_size_hw"]
    rows, columns = image.shape[:2]
    scale = min(height / rows, width / columns)
    letterbox = card["geometry"] == "letterbox"
    high, wide = (round(rows * scale), round(columns * scale)) if letterbox else (height, width)
    top, left = (height - high) // 2, (width - wide) // 2
    interpolation = cv2.INTER_AREA if high * wide < rows * columns else cv2.INTER_LINEAR
    pixels = np.full((height, width, 3), _GREY, np.uint8)
    pixels[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=interpolation)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(source["index"], pixels[None])
    interpreter.invoke()
    scale, zero = result["quantization"]
    logits = (interpreter.get_tensor(result["index"])[0].astype(np.float32) - zero) * scale
    inside = logits[top : top + high, left : left + wide]
    planes = [cv2.resize(inside[..., k], image.shape[1::-1]) for k in range(logits.shape[-1])]
    if len(planes) == 1:
        share = card["threshold"]
        return np.asarray(planes[0] > np.log(share / (1 - share)), np.uint8)
    return np.asarray(np.argmax(planes, axis=0), np.uint8)
