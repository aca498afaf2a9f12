"""The files of the benchmark: one network, converted by us folded and unfolded, and as the tutorials do it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fcn_edge
from fcn_edge import atomic, model_file, scenes
from fcn_edge.dataset import open_folder
from fcn_edge.export import ExportConfig, export_model, tflite
from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.quiet import silenced
from fcn_edge.export.samples import read_all, with_full_range
from fcn_edge.export.summary import tool_versions
from fcn_edge.networks.layers import load_keras
from peers.network import NETWORKS, SIZE_HW, NetworkSpec, build_network, make_card

Tell = Callable[[str], None]

FORMATS = ("tflite-fp32", "tflite-int8", "onnx-fp32", "onnx-int8")
CALIBRATION_SCENES = 32
# As many as a measurement needs inputs.
MEASURED_SCENES = 8
# Drawn weights know nothing of the scenes' masks: any drop of mIoU is as good as another.
_ANY_DROP = 100.0

KERAS = "network.keras"
TUTORIAL_FP32 = "tutorial.fp32.tflite"
TUTORIAL_INT8 = "tutorial.int8.tflite"
ENCODER = "encoder.int8.tflite"
_STAMP = "made_by.txt"


def make_files(network: str, seed: int, folder: Path, tell: Tell) -> None:
    """Make all files of a network in *folder*, unless they are there already and were made by this very code.

    Args:
        network: A name of :data:`peers.network.NETWORKS`.
        seed: Of weights and scenes.
        folder: Replaced whole where it is out of date.
        tell: Takes a line for each step.

    Raises:
        FcnEdgeError: An export failed.
    """
    stamp = _stamp(network, seed)
    if (folder / _STAMP).is_file() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        tell(f"{network}: files of {folder} are up to date")
        return
    shutil.rmtree(folder, ignore_errors=True)
    spec = NETWORKS[network]
    tell(f"{network}: drawing weights and scenes")
    data = scenes.write_data_folder(
        folder / "data", train=CALIBRATION_SCENES, val=MEASURED_SCENES, seed=seed, size_hw=SIZE_HW
    )
    model = build_network(spec, seed)
    model.save(folder / KERAS)
    model_file.write_card(folder / KERAS, make_card(network, spec))
    for form, fold in (("folded", True), ("unfolded", False)):
        tell(f"{network}: exporting, {form}")
        wish = ExportConfig(
            data=data, out=folder / form, formats=FORMATS, name="network", max_drop=_ANY_DROP, fold=fold
        )
        export_model(folder / KERAS, wish)
    images = read_all(open_folder(data).samples("train"), SIZE_HW, "stretch")
    tell(f"{network}: converting as the tutorials do, and the encoder alone")
    # The converter tells standard output which artifact it has saved.
    with silenced(), contextlib.redirect_stdout(io.StringIO()):
        (folder / TUTORIAL_FP32).write_bytes(_tutorial(model))
        (folder / TUTORIAL_INT8).write_bytes(_tutorial(model, images))
        (folder / ENCODER).write_bytes(_encoder(model, spec, images))
    atomic.write_text(folder / _STAMP, stamp)


def read_scenes(folder: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Read the scenes to measure on, each as an input ``(1, H, W, 3)`` uint8 RGB."""
    samples = open_folder(folder / "data").samples("val")
    return [image[np.newaxis] for image in read_all(samples, SIZE_HW, "stretch")]


def _tutorial(model: Any, images: Any = None) -> bytes:  # noqa: ANN401 - a Keras model, an array
    """Convert as TensorFlow's guides to post-training quantisation show it: from the Keras model, batch unknown.

    Args:
        model: Takes 0..255.
        images: ``(N, H, W, 3)`` uint8 for full-integer int8 with uint8 in and out; None for float.
    """
    import tensorflow as tf  # noqa: TID251 - a tool

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if images is not None:

        def representative() -> Iterator[list[Any]]:
            for image in images:
                yield [image[np.newaxis].astype(np.float32)]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def _encoder(model: Any, spec: NetworkSpec, images: Any) -> bytes:  # noqa: ANN401 - as above
    """Convert what no folding can make cheaper, with our own settings: uint8 in, int8 features out."""
    entry = new_input(SIZE_HW)
    encoder = load_keras().Model(model.input, model.get_layer(spec.encoder_end).output)
    flat = absorb_input_scaling(model_of(entry, inline(encoder, entry)))
    return tflite.convert_int8(Conversion(flat, "logits", 0.0, with_full_range(images)))


def _stamp(network: str, seed: int) -> str:
    """Identify what the files depend on: the code that makes them, its tools' versions, network and seed."""
    digest = hashlib.sha256()
    package = Path(fcn_edge.__file__).parent
    makers = [path for part in ("export", "networks", "scenes") for path in (package / part).rglob("*.py")]
    for path in sorted([*makers, *Path(__file__).parent.glob("*.py")]):
        digest.update(path.name.encode() + path.read_bytes())
    versions = ", ".join(f"{name} {version}" for name, version in tool_versions().items())
    return f"{network}, seed {seed}\n{versions}\n{digest.hexdigest()}\n"
