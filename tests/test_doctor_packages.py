"""What doctor says of Python and its packages."""

from __future__ import annotations

import dataclasses

import pytest
from hosts import OPENCV, PYTHON, RAN, by_code, make_host, with_packages
from machines import JETSON, PI_5, write_tree

from fcn_edge.doctor.asking import Answer
from fcn_edge.doctor.checks import display, models, onnx, opencv, python, runtimes


def levels(found):
    return {code: finding.level for code, finding in found.items()}


@pytest.mark.parametrize("version", [(3, 10, 12), (3, 11, 2), (3, 13, 5)])
def test_a_supported_python_is_fine(tmp_path, version):
    host = make_host(tmp_path, python=dataclasses.replace(PYTHON, version=version))
    assert levels(by_code(python.check(host))) == {"python": "ok"}


@pytest.mark.parametrize("version", [(3, 9, 2), (3, 14, 0)])
def test_another_python_is_a_fault(tmp_path, version):
    host = make_host(tmp_path, python=dataclasses.replace(PYTHON, version=version))
    found = by_code(python.check(host))
    assert levels(found) == {"python_unsupported": "fault"}
    assert "3.10 to 3.13" in found["python_unsupported"].text


def test_debians_own_python_is_told_apart_with_the_line_for_a_virtual_environment(tmp_path):
    own = dataclasses.replace(PYTHON, virtual=False, externally_managed=True)
    found = by_code(python.check(make_host(tmp_path, python=own)))
    assert "the system's own" in found["python"].text
    assert "venv --system-site-packages" in found["externally_managed"].command


def test_a_32_bit_python_on_a_64_bit_kernel_is_told_what_pip_will_get_wrong(tmp_path):
    narrow = dataclasses.replace(PYTHON, bits=32)
    found = by_code(python.check(make_host(tmp_path, python=narrow)))
    assert found["narrow_python_wide_kernel"].level == "warning"
    assert "tflite-runtime==2.14.0" in found["narrow_python_wide_kernel"].command

    found = by_code(python.check(make_host(tmp_path, python=narrow, machine="armv7l")))
    assert levels(found) == {"python": "ok", "python_32_bit": "note"}


def test_without_a_runtime_nothing_runs(tmp_path):
    found = by_code(runtimes.check(with_packages(tmp_path, ai_edge_litert=None)))
    assert levels(found) == {"no_tflite_runtime": "fault"}
    assert found["no_tflite_runtime"].command == "pip install ai-edge-litert"


def test_with_a_runtime_for_onnx_alone_half_of_the_files_run(tmp_path):
    found = by_code(runtimes.check(with_packages(tmp_path, ai_edge_litert=None, openvino="2026.4.1")))
    assert levels(found) == {"runtimes": "ok", "no_tflite_runtime": "warning"}


@pytest.mark.parametrize(("version", "has_wheel"), [((3, 11, 2), True), ((3, 13, 5), False)])
def test_on_32_bit_the_runtime_depends_on_the_python(tmp_path, version, has_wheel):
    host = with_packages(tmp_path, ai_edge_litert=None)
    host = dataclasses.replace(host, python=dataclasses.replace(PYTHON, version=version, bits=32))
    finding = by_code(runtimes.check(host))["no_tflite_runtime"]
    assert (finding.command == 'pip install tflite-runtime==2.14.0 "numpy<2"') == has_wheel
    assert (finding.advice is not None) == (not has_wheel)


def test_tflite_runtime_with_numpy_2_is_a_fault_and_litert_takes_its_place(tmp_path):
    found = by_code(runtimes.check(with_packages(tmp_path, ai_edge_litert=None, tflite_runtime="2.14.0")))
    assert found["tflite_runtime_numpy_2"].level == "fault"
    assert found["tflite_runtime_numpy_2"].command == "pip uninstall -y tflite-runtime && pip install ai-edge-litert"


def test_on_32_bit_numpy_gives_way_to_tflite_runtime(tmp_path):
    host = with_packages(tmp_path, ai_edge_litert=None, tflite_runtime="2.14.0")
    host = dataclasses.replace(host, python=dataclasses.replace(PYTHON, bits=32))
    assert by_code(runtimes.check(host))["tflite_runtime_numpy_2"].command == 'pip install "numpy<2"'


def test_tflite_runtime_with_numpy_1_is_fine(tmp_path):
    host = with_packages(tmp_path, ai_edge_litert=None, tflite_runtime="2.14.0", numpy="1.26.4")
    assert levels(by_code(runtimes.check(host))) == {"runtimes": "ok"}


def test_two_runtimes_for_tflite_are_worth_a_note(tmp_path):
    found = by_code(runtimes.check(with_packages(tmp_path, tflite_runtime="2.14.0", numpy="1.26.4")))
    assert levels(found) == {"runtimes": "ok", "two_tflite_runtimes": "note"}


def test_training_packages_are_not_needed_on_a_board_and_welcome_on_a_desk(tmp_path):
    desk = with_packages(tmp_path / "desk", tensorflow="2.21.0", torch="2.9")
    board = dataclasses.replace(desk, root=write_tree(tmp_path / "pi", PI_5))
    assert "training_packages" not in by_code(runtimes.check(desk))
    assert by_code(runtimes.check(board))["training_packages"].command == "pip uninstall -y tensorflow torch"


def test_a_numpy_that_is_not_there_is_named(tmp_path):
    host = dataclasses.replace(with_packages(tmp_path, numpy=None), importable=lambda _: False)
    assert by_code(runtimes.check(host))["numpy_missing"].level == "fault"


@pytest.mark.parametrize(
    "answer", [Answer(({"error": "ImportError: numpy.core"},)), Answer((), "died of SIGILL (illegal instruction)")]
)
def test_a_numpy_that_does_not_import_is_named(tmp_path, answer):
    finding = by_code(runtimes.check(make_host(tmp_path, backends=answer)))["numpy_broken"]
    assert finding.level == "fault"
    assert "SIGILL" in finding.text or "numpy.core" in finding.text


def test_two_opencv_wheels_are_a_fault_with_the_line_that_leaves_one(tmp_path):
    found = by_code(opencv.check(with_packages(tmp_path, opencv_python_headless="4.10.0.84")))
    assert found["opencv_twice"].level == "fault"
    assert found["opencv_twice"].command == (
        'pip uninstall -y opencv-python opencv-python-headless && pip install "opencv-python==5.0.0.93"'
    )


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        ({"opencv_contrib_python": "4.11"}, '"opencv-contrib-python==4.11"'),
        ({"opencv_contrib_python_headless": "4.11"}, '"opencv-contrib-python"'),
        (
            {"opencv_python": None, "opencv_python_headless": "4.10", "opencv_contrib_python_headless": "4.11"},
            '"opencv-contrib-python-headless==4.11"',
        ),
    ],
)
def test_the_wheel_that_is_kept_can_do_what_any_of_them_could(tmp_path, others, kept):
    assert by_code(opencv.check(with_packages(tmp_path, **others)))["opencv_twice"].command.endswith(f"install {kept}")


@pytest.mark.parametrize(
    ("error", "code", "command"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file", "opencv_no_libgl", "sudo apt install -y libgl1"),
        ("ImportError: numpy.core.multiarray failed to import", "opencv_numpy", 'pip install "numpy<2"'),
        ("ModuleNotFoundError: No module named 'cv2'", "opencv_missing", "pip install opencv-python"),
        ("ImportError: something new", "opencv_broken", "pip install opencv-python"),
    ],
)
def test_an_opencv_that_does_not_import_has_its_cause_named(tmp_path, error, code, command):
    host = with_packages(tmp_path, opencv_python=None)
    found = by_code(opencv.check(dataclasses.replace(host, opencv=Answer(({"error": error},)))))
    assert (found[code].level, found[code].command) == ("fault", command)


def test_a_wheel_for_an_older_numpy_is_brought_up_to_date(tmp_path):
    answer = Answer(({"error": "ImportError: numpy.core.multiarray failed to import"},))
    finding = by_code(opencv.check(make_host(tmp_path, opencv=answer)))["opencv_numpy"]
    assert finding.command == 'pip install --upgrade "opencv-python>=4.10"'


def test_an_opencv_that_dies_is_a_fault(tmp_path):
    host = make_host(tmp_path, opencv=Answer((), "died of SIGILL (illegal instruction)"))
    found = by_code(opencv.check(host))
    assert levels(found) == {"opencv_dies": "fault"}
    assert by_code(display.check(host)) == {}


def test_an_opencv_without_streams_is_a_warning(tmp_path):
    found = by_code(opencv.check(make_host(tmp_path, opencv=Answer(({**OPENCV, "ffmpeg": False},)))))
    assert found["opencv_no_streams"].level == "warning"


def test_on_a_jetson_a_wheel_that_hides_the_systems_opencv_is_named_with_both_paths(tmp_path):
    files = {**JETSON, "usr/lib/python3.10/dist-packages/cv2/__init__.py": ""}
    finding = by_code(opencv.check(make_host(write_tree(tmp_path, files))))["opencv_hides_gstreamer"]
    assert OPENCV["path"] in finding.text
    assert "/usr/lib/python3.10/dist-packages/cv2" in finding.text
    assert finding.command == "pip uninstall -y opencv-python"


def test_in_an_environment_that_cannot_see_the_systems_opencv_another_is_made(tmp_path):
    files = {**JETSON, "usr/lib/python3.10/dist-packages/cv2/__init__.py": ""}
    closed = dataclasses.replace(PYTHON, system_packages=False)
    host = make_host(write_tree(tmp_path, files), python=closed)
    assert "--system-site-packages" in by_code(opencv.check(host))["opencv_hides_gstreamer"].command


def test_a_jetsons_own_opencv_is_fine(tmp_path):
    told = {"version": "4.8.0", "path": "/usr/lib/python3.10/dist-packages/cv2", "gstreamer": True, "ffmpeg": True}
    found = by_code(opencv.check(make_host(write_tree(tmp_path, JETSON), opencv=Answer((told,)))))
    assert levels(found) == {"opencv": "ok"}
    assert "FFmpeg and GStreamer" in found["opencv"].text


def test_a_headless_opencv_on_a_desktop_is_a_warning(tmp_path):
    reason = "this OpenCV was built without windows (opencv-python-headless)"
    host = with_packages(tmp_path, opencv_python=None, opencv_python_headless="5.0")
    host = dataclasses.replace(host, environ={"DISPLAY": ":0"}, opencv=Answer((OPENCV, {"no_window": reason})))
    finding = by_code(display.check(host))["opencv_headless"]
    assert finding.command == "pip uninstall -y opencv-python-headless && pip install opencv-python"
    board = dataclasses.replace(host, environ={})
    assert levels(by_code(display.check(board))) == {"no_display": "ok"}


def test_a_display_that_ends_the_process_is_a_warning(tmp_path):
    host = make_host(tmp_path, opencv=Answer((OPENCV,), "died of SIGABRT"))
    assert levels(by_code(display.check(host))) == {"display_dies": "warning"}
    assert levels(by_code(opencv.check(host))) == {"opencv": "ok"}


def test_two_onnx_runtimes_are_a_fault(tmp_path):
    found = by_code(onnx.check(with_packages(tmp_path, onnxruntime="1.23.2", onnxruntime_gpu="1.22.0")))
    assert found["onnxruntime_twice"].command == (
        'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "onnxruntime-gpu==1.22.0"'
    )


def test_the_processors_onnx_runtime_on_a_jetson_is_a_warning(tmp_path):
    host = dataclasses.replace(with_packages(tmp_path, onnxruntime="1.23.2"), root=write_tree(tmp_path, JETSON))
    assert levels(by_code(onnx.check(host))) == {"onnxruntime_cpu_on_jetson": "warning"}


def providers(tmp_path, names, *, gpu, used=None):
    packages = {"onnxruntime_gpu": "1.23.2"} if gpu else {"onnxruntime": "1.23.2"}
    answer = Answer(({"file": "a.int8.onnx", **RAN}, {"providers": names, "cuda_used": used}))
    return dataclasses.replace(with_packages(tmp_path, **packages), trials={"onnxruntime": answer})


def test_a_gpu_wheel_without_gpu_providers_is_hidden_by_another(tmp_path):
    host = providers(tmp_path, ["CPUExecutionProvider"], gpu=True)
    assert levels(by_code(onnx.check(host))) == {"onnxruntime_providers": "ok", "onnxruntime_gpu_hidden": "fault"}


@pytest.mark.parametrize(("used", "expected"), [(False, {"cuda_falls_back": "warning"}), (True, {})])
def test_cuda_that_falls_back_silently_is_said_aloud(tmp_path, used, expected):
    host = providers(tmp_path, ["CUDAExecutionProvider", "CPUExecutionProvider"], gpu=True, used=used)
    assert levels(by_code(onnx.check(host))) == {"onnxruntime_providers": "ok", **expected}


def test_a_model_that_ran_has_its_time_marked_as_rough(tmp_path):
    found = by_code(models.check(make_host(tmp_path)))
    assert levels(found) == {"model_runs": "ok"}
    assert found["model_runs"].text == "litert 2.3.0, 1 thread: people.int8 6 ms (rough, one call)"


def test_a_runtime_that_dies_keeps_what_it_did_before(tmp_path):
    answer = Answer(({"file": "nuclei.int8.tflite", **RAN},), "died of SIGILL (illegal instruction)")
    found = by_code(models.check(make_host(tmp_path, trials={"litert": answer})))
    assert levels(found) == {"model_runs": "ok", "runtime_dies": "fault"}
    assert "illegal instruction" in found["runtime_dies"].text


def test_a_model_that_a_runtime_refuses_is_a_fault(tmp_path):
    answer = Answer(({"file": "people.int8.tflite", "error": "op version too new"},))
    host = dataclasses.replace(with_packages(tmp_path, numpy="1.26.4"), trials={"tflite-runtime": answer})
    assert by_code(models.check(host))["model_fails"].command.endswith('"tflite-runtime==2.14.0" "numpy<2"')
    # With NumPy 2 there is one line that mends it, not two.
    finding = by_code(models.check(dataclasses.replace(host, packages={"numpy": "2.4.6"})))["model_fails"]
    assert (finding.command, "under runtimes" in finding.advice) == (None, True)


def test_where_no_model_could_be_tried_that_is_said(tmp_path):
    assert levels(by_code(models.check(make_host(tmp_path, trials={})))) == {"no_trial": "warning"}
