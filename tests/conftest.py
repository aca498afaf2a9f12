"""What all tests share."""

from __future__ import annotations

import os
import signal
import tempfile

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does; a test must not fail for that. The examples are the
# same in every run, so that a change that breaks nothing cannot turn a build red.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("steady")

# What tune chose on this machine for its user must not decide what a name means in a test. The folder is never made.
os.environ["FCN_EDGE_CACHE"] = f"{tempfile.gettempdir()}/fcn-edge-tests-{os.getpid()}"

# A shell starts background jobs with SIGINT ignored, and they pass that on to the programs they start: those that a
# test interrupts would then run on for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# tools/test_device sets this: it runs the tests in environments without TensorFlow and its company, as a device is. All
# files that are not named here must pass there.
DESK_ONLY = (
    "test_arm64_*.py",
    "test_bench_peers.py",
    "test_camera_proof.py",
    "test_ci_files.py",
    "test_dataset_coco.py",
    "test_dataset_voc.py",
    "test_export*.py",
    "test_fold*.py",
    "test_networks*.py",
    "test_prove_gate.py",
    "test_quickstart.py",
    "test_runtime_keras.py",
    "test_train*.py",
    "test_transposed_convolution.py",
)
collect_ignore_glob = list(DESK_ONLY) if os.environ.get("FCN_EDGE_DEVICE_TESTS") else []
