"""A generator of microscope-like scenes with exact ground truth, for trials and tests; never for training.

The classes are those of the real pack of nuclei (:data:`CLASS_NAMES`).
"""

from __future__ import annotations

from fcn_edge.scenes.field import CLASS_NAMES, draw_scene, write_data_folder
from fcn_edge.scenes.film import FilmInfo, film_frames, write_film
from fcn_edge.scenes.optics import PLAIN, STAINS, SceneConfig

__all__ = [
    "CLASS_NAMES",
    "PLAIN",
    "STAINS",
    "FilmInfo",
    "SceneConfig",
    "draw_scene",
    "film_frames",
    "write_data_folder",
    "write_film",
]
