"""Importing does nothing, and nothing on a device needs TensorFlow."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fcn_edge

HEAVY = (
    "ai_edge_litert", "cv2", "keras", "matplotlib", "numpy", "onnx", "onnxruntime", "openvino", "tensorflow",
    "tflite_runtime", "torch", "tqdm",
)  # fmt: skip
DEVICE = ("dataset", "doctor", "live", "machine", "measure", "model_file", "runtime", "scenes", "timing")
TRAINING_ONLY = ("keras", "tensorflow", "tf2onnx", "torch")


def run_python(code: str) -> str:
    """Run *code* in a fresh interpreter with warnings as errors and give its standard output."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def device_modules() -> list[str]:
    package = Path(fcn_edge.__file__).parent
    names = [f"fcn_edge.{path.stem}" for path in sorted(package.glob("*.py")) if not path.stem.startswith("__")]
    for part in DEVICE:
        found = importlib.import_module(f"fcn_edge.{part}")
        names += [found.__name__]
        names += [module.name for module in pkgutil.walk_packages(found.__path__, f"{found.__name__}.")]
    return names


def test_importing_the_package_loads_nothing_heavy():
    loaded = run_python("import sys, fcn_edge; print(*sys.modules)").split()
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


def test_the_command_line_starts_without_anything_heavy():
    loaded = run_python(
        "import sys; from fcn_edge.cli.main import main; main(['--version']); print(); print(*sys.modules)"
    ).split()
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


def test_reading_cards_needs_the_standard_library_only():
    loaded = run_python("import sys, fcn_edge.model_file; print(*sys.modules)").split()
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


def test_every_device_module_imports_with_the_training_packages_blocked():
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in TRAINING_ONLY)
    imports = "".join(f"import {name}\n" for name in device_modules())
    run_python(f"import sys\n{blocked}{imports}")


def test_a_model_runs_with_the_training_packages_blocked(tmp_path):
    models = Path(__file__).parent / "models"
    code = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in (*TRAINING_ONLY, "onnx"))
    code += "import fcn_edge, numpy\n"
    for name in ("tiny.int8.tflite", "tiny.int8.onnx"):
        code += f"print(fcn_edge.Segmenter.open({str(models / name)!r})(numpy.zeros((40, 50, 3), 'uint8')).shape)\n"
    assert run_python(code) == "(40, 50)\n(40, 50)\n"


def test_the_front_page_is_sorted_and_everything_on_it_is_there():
    # Capitals before small letters and names with underscores, as ruff sorts __all__.
    assert sorted(fcn_edge.__all__) == sorted({*fcn_edge._HOME, "__version__"})
    assert len(set(fcn_edge.__all__)) == len(fcn_edge.__all__)
    for name in fcn_edge.__all__:
        assert getattr(fcn_edge, name) is not None
    assert dir(fcn_edge) == sorted(fcn_edge.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'wings'"):
        _ = fcn_edge.wings


@pytest.mark.parametrize("part", ["model_file", "runtime"])
def test_a_part_has_everything_it_names(part):
    module = importlib.import_module(f"fcn_edge.{part}")
    assert all(hasattr(module, name) for name in module.__all__)
