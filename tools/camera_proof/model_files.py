"""The two models: the classic FCN with drawn weights, as large as takes about 5 and 30 ms, and a film for them."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fcn_edge import scenes
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.scenes.film import film_frames

Tell = Callable[[str], None]

TIMES_MS = {"5ms": 5.0, "30ms": 30.0}
FILM_WH = (640, 480)
FILM_FPS = 30.0
FILM_FRAMES = 300
# The same frames again, so that no run of some seconds begins the film anew.
FILM_TURNS = 5
_SEED = 0
_ANY_DROP = 100.0
_WARM = 5
_FIRST_SIDE = 224
# Halved by each of the three pools.
_SIDE_STEP = 8
_TRIES = 4
_NEAR = (0.9, 1.1)
# Machines have slow minutes: models that were made for this one stay until they are clearly for another.
_STILL_NEAR = (0.75, 1.33)


def film(folder: Path) -> Path:
    """Give a film of drawn scenes, 640x480 Motion JPEG; drawn where it is missing."""
    path = folder / "film.mkv"
    if not path.is_file():
        part = path.with_suffix(".part.mkv")
        file = GrowingFile(part)
        drawn = MatroskaFilm(file, FILM_WH, FILM_FPS)
        frames = film_frames(frames=FILM_FRAMES, size_hw=FILM_WH[::-1])
        jpegs = [cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 80))[1].tobytes() for image, _ in frames]
        for number in range(FILM_TURNS * FILM_FRAMES):
            drawn.add(jpegs[number % FILM_FRAMES], number / FILM_FPS)
        file.close()
        part.replace(path)
    return path


def model(folder: Path, name: str) -> Path:
    """Give the path of a model that :func:`make_models` made."""
    return folder / name / "classic.int8.tflite"


def make_models(folder: Path, tell: Tell) -> None:
    """Export both models where they are missing, made by other code or of another time; needs the extra export.

    What takes 5 ms on one machine takes 2 on the next, so the size is looked for.
    """
    stamp = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    for name, aim_ms in TIMES_MS.items():
        noted, file = folder / name / "made_by.txt", model(folder, name)
        if noted.is_file() and noted.read_text(encoding="utf-8") == stamp and _is(file, aim_ms, _STILL_NEAR):
            continue
        side = _FIRST_SIDE
        for _ in range(_TRIES):
            tell(f"exporting a model of about {name}: {side}x{side}")
            _export(folder / name, (side, side))
            took_ms = invoke_ms(file)
            if _NEAR[0] <= took_ms / aim_ms <= _NEAR[1]:
                break
            side = max(1, round(side * (aim_ms / took_ms) ** 0.5 / _SIDE_STEP)) * _SIDE_STEP
        noted.write_text(stamp, encoding="utf-8")


def invoke_ms(model: Path) -> float:
    """Give how long the interpreter of *model* takes in one thread, in ms: the median of a second."""
    times: list[float] = []
    with Segmenter.open(model, threads=1) as segmenter:
        tensor = segmenter.tensors[0]
        pixels = np.zeros(tensor.shape, tensor.dtype)
        for _ in range(_WARM):
            segmenter.infer(pixels)
        while sum(times) < 1:
            began = time.perf_counter()
            segmenter.infer(pixels)
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def _is(model: Path, aim_ms: float, near: tuple[float, float]) -> bool:
    return model.is_file() and near[0] <= invoke_ms(model) / aim_ms <= near[1]


def _export(folder: Path, size_hw: tuple[int, int]) -> None:
    from fcn_edge.export import ExportConfig, export_model
    from fcn_edge.networks import build_fcn
    from fcn_edge.networks.layers import load_keras

    shutil.rmtree(folder, ignore_errors=True)
    data = scenes.write_data_folder(folder / "data", train=16, val=4, seed=_SEED, size_hw=size_hw)
    load_keras().utils.set_random_seed(_SEED)
    build_fcn((*size_hw, 3)).save(folder / "classic.keras")
    wish = ExportConfig(
        data=data,
        out=folder,
        formats=("tflite-int8",),
        name="classic",
        max_drop=_ANY_DROP,
        classes=("background", "nucleus"),
        preprocessing=Preprocessing(scale=1 / 255),
    )
    export_model(folder / "classic.keras", wish)
