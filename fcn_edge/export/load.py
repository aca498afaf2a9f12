"""Loading what is to be exported: a run folder, ``.keras``, ``.h5``, a SavedModel folder or a shipped model."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError, OutputError, UsageError
from fcn_edge.export.graph import Model, float32_everywhere
from fcn_edge.model_file import fingerprint, parse_name, read_card, resolve
from fcn_edge.optional import load

SourceKind = Literal["keras", "h5", "saved_model"]

_H5_SUFFIXES = (".h5", ".hdf5")
_IMAGE_RANK = 4
_COLOURS = 3
_REASON_LENGTH = 300
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Source:
    """A loaded model, as it was found.

    Attributes:
        path: The file or folder.
        kind: Its format.
        model: The Keras model (or Keras layer, for a SavedModel): images in, scores out.
        input_hw: Its input height and width; None where it takes any.
        card: What it says of itself, None for a foreign model.
        fingerprint: SHA-256 of the model without its card.
        default_name: NAME for the files where neither the card nor the user gives one.
    """

    path: Path
    kind: SourceKind
    model: Model
    input_hw: tuple[int, int] | None
    card: ModelCard | None
    fingerprint: str
    default_name: str


def load_source(source: str | Path) -> Source:
    """Find and load a model.

    Raises:
        UsageError: Nothing of that name exists.
        ModelFileError: It cannot be loaded, or is not a model from one image to one map of scores.
        MissingPackageError: TensorFlow is not installed.
    """
    load("tensorflow", feature="exporting a model", extra="export")
    path = Path(source)
    if (path / "saved_model.pb").is_file():
        return _saved_model(path)
    if path.is_file() and path.suffix.lower() in _H5_SUFFIXES:
        model = _load_keras(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Source(path, "h5", model, _input_hw(path, model.inputs, model.outputs), None, digest, path.stem)
    path = _keras_path(source)
    card = read_card(path)
    model = _load_keras(path)
    stem = path.resolve().parent.name if path.name == "model.keras" else parse_name(path).name
    hw = _input_hw(path, model.inputs, model.outputs)
    return Source(path, "keras", model, hw, card, fingerprint(path), stem)


def _keras_path(source: str | Path) -> Path:
    path = resolve(source)
    if not Path(source).exists() and parse_name(path).format != "keras":
        # A shipped model was named: resolve gives what a device should run, an export starts from its Keras file.
        candidates = sorted(path.parent.glob("*.keras"))
        path = candidates[0] if candidates else path
    if path.suffix.lower() != ".keras":
        raise ModelFileError(
            f"{path}: cannot be exported: expected a run folder, .keras, .h5 or a SavedModel folder",
            hint="export from the Keras model that this file was made from",
        )
    return path


def _load_keras(path: Path) -> Model:
    keras = load("keras", feature="exporting a model", extra="export")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise OutputError(
                f"{path}: Keras cannot unpack it into the folder for temporary files: {error.strerror}",
                hint="free some space there, or name another folder in TMPDIR",
            ) from error
        # Keras and the layers of a foreign file raise whatever they like.
        reason = " ".join(str(error).split())[:_REASON_LENGTH]
        raise ModelFileError(
            f"{path}: Keras cannot load it: {reason}",
            hint="custom layers and Lambdas load from a SavedModel: model.export('FOLDER'), then export that folder",
        ) from error
    if not getattr(model, "built", True) or not getattr(model, "inputs", None):
        raise ModelFileError(
            f"{path}: the model has no fixed input, so its graph is not known",
            hint="call it once on an image before saving it, or save it with model.export('FOLDER')",
        )
    float32_everywhere(model)
    return model


def _saved_model(path: Path) -> Source:
    tf = load("tensorflow", feature="exporting a model", extra="export")
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        reason = " ".join(str(error).split())[:_REASON_LENGTH]
        raise ModelFileError(
            f"{path}: TensorFlow cannot load this SavedModel: {reason}",
            hint="save it again with model.export('FOLDER')",
        ) from error
    signature = loaded.signatures.get("serving_default") or next(iter(loaded.signatures.values()), None)
    if signature is None:
        raise ModelFileError(
            f"{path}: the SavedModel has no signature to call", hint="save it with model.export('FOLDER')"
        )
    arguments = signature.structured_input_signature[1]
    inputs = list(arguments.values())
    outputs = list(signature.structured_outputs.values())
    hw = _input_hw(path, inputs, outputs)
    model = _signature_layer(loaded, signature, next(iter(arguments)))
    return Source(path, "saved_model", model, hw, None, _folder_fingerprint(path), path.resolve().name)


def _signature_layer(loaded: Any, signature: Any, input_name: str) -> Model:  # noqa: ANN401 - TensorFlow objects
    keras = load("keras", feature="exporting a model", extra="export")
    tf = load("tensorflow", feature="exporting a model", extra="export")

    class SavedModelLayer(keras.layers.Layer):  # type: ignore[misc,name-defined] # Keras has no types
        """A SavedModel's signature as one Keras layer."""

        def __init__(self) -> None:
            super().__init__(name="saved_model")
            # The signature does not keep the variables of its object alive.
            self._loaded = loaded

        def call(self, image: Any) -> Any:  # noqa: ANN401 - tensors
            """Run the signature on ``(1, H, W, 3)`` float32."""
            return next(iter(signature(**{input_name: image}).values()))

        def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
            """Find the output's shape by tracing."""
            spec = tf.TensorSpec(shape, tf.float32)
            traced = tf.function(self.call, autograph=False).get_concrete_function(spec)
            return tuple(traced.outputs[0].shape)

    return SavedModelLayer()


def _input_hw(path: Path, inputs: list[Any], outputs: list[Any]) -> tuple[int, int] | None:
    """Check that a model maps one RGB image to one map of scores, and give its input size, None where it is open."""
    hint = "export the part of the model that goes from one RGB image (N, H, W, 3) to scores (N, H, W, K)"
    if len(inputs) != 1 or len(outputs) != 1:
        names = ", ".join(str(tensor.name) for tensor in (*inputs, *outputs))
        raise ModelFileError(
            f"{path}: has {len(inputs)} input(s) and {len(outputs)} output(s) ({names}), "
            "expected one image and one map of scores",
            hint=hint,
        )
    shape, scores = tuple(inputs[0].shape), tuple(outputs[0].shape)
    if len(shape) != _IMAGE_RANK or shape[3] != _COLOURS:
        raise ModelFileError(f"{path}: its input is {_text(shape)}, expected Nx(height)x(width)x3", hint=hint)
    if len(scores) != _IMAGE_RANK or scores[3] is None:
        raise ModelFileError(f"{path}: its output is {_text(scores)}, expected Nx(height)x(width)xK", hint=hint)
    if shape[0] not in (None, 1):
        raise ModelFileError(
            f"{path}: its batch is fixed at {shape[0]}, expected 1 or any", hint="save it with any batch"
        )
    height, width = shape[1:3]
    return None if height is None or width is None else (int(height), int(width))


def _folder_fingerprint(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _text(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if n is None else str(n) for n in shape)


def check_size(source: Source, wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Settle the input size: the wanted one, else the model's own, else the card's.

    Raises:
        UsageError: The model takes any size and none was given.
    """
    size = wanted or source.input_hw or (source.card.input_size_hw if source.card else None)
    if size is None:
        raise UsageError(
            f"{source.path}: takes images of any size, but an exported file has one fixed size",
            hint="give it: --size HEIGHTxWIDTH, for example --size 128x128",
        )
    return size
