"""The two models: the classic FCN with drawn weights, as large as takes about 5 and 30 ms, and a film for them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2

from fcn_edge import scenes
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.scenes.film import film_frames

Tell = Callable[[str], None]

SIZES = {"5ms": (144, 144), "30ms": (352, 352)}
FILM_WH = (640, 480)
FILM_FPS = 30.0
FILM_FRAMES = 300
# The same frames again, so that no run of some seconds begins the film anew.
FILM_TURNS = 5
_SEED = 0
_ANY_DROP = 100.0


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
    """Export both models where they are missing or were made by other code; needs the extra export."""
    from fcn_edge.export import ExportConfig, export_model
    from fcn_edge.networks import build_fcn
    from fcn_edge.networks.layers import load_keras

    keras = load_keras()
    for name, size_hw in SIZES.items():
        stamp = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        noted = folder / name / "made_by.txt"
        if noted.is_file() and noted.read_text(encoding="utf-8") == stamp:
            continue
        tell(f"exporting the model of about {name}")
        shutil.rmtree(folder / name, ignore_errors=True)
        data = scenes.write_data_folder(folder / name / "data", train=16, val=4, seed=_SEED, size_hw=size_hw)
        keras.utils.set_random_seed(_SEED)
        build_fcn((*size_hw, 3)).save(folder / name / "classic.keras")
        wish = ExportConfig(
            data=data,
            out=folder / name,
            formats=("tflite-int8",),
            name="classic",
            max_drop=_ANY_DROP,
            classes=("background", "nucleus"),
            preprocessing=Preprocessing(scale=1 / 255),
        )
        export_model(folder / name / "classic.keras", wish)
        noted.write_text(stamp, encoding="utf-8")
