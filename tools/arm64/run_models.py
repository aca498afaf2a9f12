"""Run the shipped models on given input tensors and keep what they give; started on each kind of machine.

    python tools/arm64/run_models.py INPUTS.npz MODELS OUT

OUT.npz gets ``FILE.scores`` (raw, as the file gives them) of every model file that a runtime is installed for; where
OpenCV is installed also ``FILE.labels`` and ``FILE.pixels`` (this machine's own input tensors of the same pictures).
OUT.json tells which packages ran. Nothing is imported of this tool's other parts: the project comes from its wheel.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from pathlib import Path

import numpy as np

from fcn_edge import optional
from fcn_edge.runtime import BACKENDS, open_backend

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy", "opencv-python", "fcn-edge")


def main(inputs: Path, models: Path, out: Path) -> None:
    """Run all model files that can be run here."""
    given = np.load(inputs)
    arrays = {}
    for path in sorted(models.glob("*/*.tflite")) + sorted(models.glob("*/*.onnx")):
        if not any(path.suffix[1:] in spec.formats and optional.available(spec.package) for spec in BACKENDS.values()):
            continue
        backend = open_backend(path, threads=1)
        # Floats take several times as long to emulate, and half of the pictures tell as much of them.
        every = 2 if ".fp32." in path.name else 1
        tensors = given[path.parent.name][::every]
        arrays[f"{path.name}.scores"] = np.concatenate([backend.infer(tensor[np.newaxis]) for tensor in tensors])
        backend.close()
        if optional.available("cv2"):
            arrays.update(_segmented(path, arrays[f"{path.name}.scores"], given["pictures"][::every]))
    np.savez(out.with_name(f"{out.name}.npz"), allow_pickle=False, **arrays)
    told = {"machine": platform.machine(), "python": platform.python_version(), "packages": _versions()}
    out.with_name(f"{out.name}.json").write_text(json.dumps(told), encoding="utf-8")


def _segmented(path: Path, scores: np.ndarray, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Give this machine's own input tensors, and the class ids that its code decides on at the model's size."""
    from fcn_edge.runtime.segmenter import Segmenter
    from fcn_edge.scoring import labels_from_scores

    with Segmenter.open(path) as segmenter:
        pixels = np.concatenate([segmenter.preprocess(picture)[0].copy() for picture in pictures])
        labels = np.stack([labels_from_scores(score, segmenter.threshold) for score in scores])
    return {f"{path.name}.pixels": pixels, f"{path.name}.labels": labels}


def _versions() -> dict[str, str]:
    installed = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}
    return {name: installed[name] for name in _PACKAGES if name in installed}


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
