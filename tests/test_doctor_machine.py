"""What doctor says of cameras, accelerators, processor, memory, disk and clock."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hosts import PYTHON, RAN, by_code, make_host
from machines import JETSON, PI_4, PI_5, X86_VM, FakeTools, write_tree

from fcn_edge.doctor.asking import Answer
from fcn_edge.doctor.checks import camera_modules, cameras, clock, delegates, disk, memory, processor
from fcn_edge.doctor.host import UserInfo
from fcn_edge.doctor.unproven import find_unproven

WEBCAM = {
    "sys/class/video4linux/video0/name": "HD Pro Webcam C920\n",
    "sys/class/video4linux/video0/index": "0\n",
    "sys/class/video4linux/video1/name": "HD Pro Webcam C920\n",
    "sys/class/video4linux/video1/index": "1\n",
    "sys/class/video4linux/video10/name": "bcm2835-codec-decode\n",
    "sys/class/video4linux/video10/index": "0\n",
}
CORAL = {"sys/bus/usb/devices/1-1/idVendor": "1a6e\n", "sys/bus/usb/devices/1-1/idProduct": "089a\n"}
LISTING = (
    "Available cameras\n-----------------\n0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)\n"
    "    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]\n"
)


def levels(found):
    return {code: finding.level for code, finding in found.items()}


def test_a_usb_camera_is_found_among_nodes_that_are_none(tmp_path):
    found = by_code(cameras.check(make_host(write_tree(tmp_path, WEBCAM))))
    assert levels(found) == {"camera": "ok", "other_nodes": "ok"}
    assert "/dev/video0: HD Pro Webcam C920" in found["camera"].text
    assert found["other_nodes"].text == "not cameras: 1 metadata, 1 codec"


def test_a_camera_that_another_program_holds_is_named_with_it(tmp_path):
    root = write_tree(tmp_path, {**WEBCAM, "proc/321/comm": "motion\n"})
    (root / "proc/321/fd").mkdir()
    (root / "proc/321/fd/7").symlink_to("/dev/video0")
    found = by_code(cameras.check(make_host(root)))
    assert found["camera_busy"].level == "warning"
    assert "held by motion (process 321)" in found["camera_busy"].text


def test_a_camera_that_may_not_be_opened_is_mended_with_the_group(tmp_path):
    outsider = UserInfo("pi", frozenset({"pi"}))
    host = make_host(write_tree(tmp_path, WEBCAM), can_open=lambda device: False, user=outsider)
    finding = by_code(cameras.check(host))["camera_forbidden"]
    assert (finding.level, finding.command) == ("fault", "sudo usermod -aG video pi")


def test_a_user_who_joined_the_group_since_is_told_to_log_in_again(tmp_path):
    root = write_tree(tmp_path, {**WEBCAM, "etc/group": "audio:x:29:pi\nvideo:x:44:ubuntu,pi\n"})
    host = make_host(root, can_open=lambda device: False, user=UserInfo("pi", frozenset({"pi"})))
    finding = by_code(cameras.check(host))["camera_forbidden"]
    assert finding.command is None
    assert finding.advice.startswith("log out and in again")


def test_a_machine_without_a_camera_gets_a_note(tmp_path):
    assert levels(by_code(cameras.check(make_host(tmp_path)))) == {"no_camera": "note"}


def test_a_raspberry_pi_with_picamera2_lists_its_modules(tmp_path):
    host = make_host(
        write_tree(tmp_path, PI_5),
        importable=lambda module: module in ("picamera2", "libcamera"),
        run=FakeTools({"rpicam-hello --list-cameras": LISTING}),
    )
    found = by_code(camera_modules.check(host))
    assert levels(found) == {"picamera2": "ok", "pi_modules": "ok"}
    assert "imx219" in found["pi_modules"].text


def test_a_closed_virtual_environment_hides_libcamera(tmp_path):
    closed = dataclasses.replace(PYTHON, system_packages=False)
    found = by_code(camera_modules.check(make_host(write_tree(tmp_path, PI_5), python=closed)))
    assert found["picamera2_hidden"].level == "warning"
    assert found["picamera2_hidden"].command.startswith("python3 -m venv --system-site-packages")


def test_a_raspberry_pi_without_picamera2_or_modules(tmp_path):
    tools = FakeTools({"libcamera-hello --list-cameras": "No cameras available!\n"})
    found = by_code(camera_modules.check(make_host(write_tree(tmp_path, PI_4), run=tools)))
    assert levels(found) == {"picamera2_missing": "note", "no_pi_module": "note"}


@pytest.mark.parametrize(("argus", "expected"), [(True, {"csi": "ok"}), (False, {"csi": "ok", "no_argus": "fault"})])
def test_a_jetson_lists_its_csi_cameras_and_needs_their_daemon(tmp_path, argus, expected):
    files = {**JETSON, "sys/class/video4linux/video0/name": "vi-output, imx219 9-0010\n"}
    root = write_tree(tmp_path, {**files, "tmp/argus_socket": ""} if argus else files)
    found = by_code(camera_modules.check(make_host(root)))
    assert levels(found) == expected
    assert "imx219 9-0010" in found["csi"].text


def test_other_machines_have_no_camera_modules(tmp_path):
    assert by_code(camera_modules.check(make_host(write_tree(tmp_path, X86_VM)))) == {}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {}),
        (CORAL, {"coral_no_library": "warning"}),
        ({**CORAL, "usr/lib/aarch64-linux-gnu/libedgetpu.so.1": ""}, {"coral": "ok"}),
        ({"usr/lib/libedgetpu.so.1": ""}, {"no_coral": "note"}),
        (
            {
                "sys/bus/pci/devices/0000:01:00.0/vendor": "0x1ac1\n",
                "sys/bus/pci/devices/0000:01:00.0/device": "0x089a\n",
            },
            {"coral_no_library": "warning"},
        ),
    ],
)
def test_a_coral_is_found_by_its_numbers_and_needs_its_library(tmp_path, files, expected):
    assert levels(by_code(delegates.check(make_host(write_tree(tmp_path, files))))) == expected


def test_the_path_of_the_delegate_is_the_one_to_type(tmp_path):
    root = write_tree(tmp_path, {**CORAL, "usr/lib/aarch64-linux-gnu/libedgetpu.so.1": ""})
    text = by_code(delegates.check(make_host(root)))["coral"].text
    assert "--delegate /usr/lib/aarch64-linux-gnu/libedgetpu.so.1" in text


@pytest.mark.parametrize(("delegated", "expected"), [(0, {"no_xnnpack": "warning"}), (21, {"xnnpack": "ok"})])
def test_a_model_that_xnnpack_leaves_alone_is_a_warning(tmp_path, delegated, expected):
    event = {"file": "a.int8.tflite", **RAN, "delegated": delegated, "delegation": f"{delegated} of 22 ops on XNNPACK"}
    host = make_host(tmp_path, trials={"litert": Answer((event,))})
    assert levels(by_code(delegates.check(host))) == expected


def test_a_healthy_raspberry_pi(tmp_path):
    tools = FakeTools({"vcgencmd get_throttled": "throttled=0x0\n"})
    found = by_code(processor.check(make_host(write_tree(tmp_path, PI_5), run=tools)))
    assert levels(found) == {
        "processor": "ok",
        "governor": "note",
        "temperature": "ok",
        "not_throttled": "ok",
        "voltage": "ok",
    }
    assert "Cortex-A76" in found["processor"].text
    assert "tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor" in found["governor"].command


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("0x1", {"undervoltage": "fault", "not_throttled": "ok"}),
        ("0x10000", {"undervoltage_before": "warning", "not_throttled": "ok"}),
        ("0x4", {"throttled": "warning", "voltage": "ok"}),
        ("0x40000", {"throttled_before": "warning", "voltage": "ok"}),
        ("0x50005", {"undervoltage": "fault", "throttled": "warning"}),
    ],
)
def test_throttling_and_undervoltage_are_told_now_and_since_the_start(tmp_path, word, expected):
    tools = FakeTools({"vcgencmd get_throttled": f"throttled={word}\n"})
    found = levels(by_code(processor.check(make_host(write_tree(tmp_path, PI_5), run=tools))))
    of_power = {code: level for code, level in found.items() if "thrott" in code or "volt" in code}
    assert of_power == expected


def test_heat_is_a_warning_from_80_degrees_on(tmp_path):
    host = make_host(write_tree(tmp_path, PI_4))
    assert levels(by_code(processor.check(host)))["temperature"] == "warning"
    write_tree(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "74000\n"})
    assert levels(by_code(processor.check(host)))["temperature"] == "note"


def test_a_jetson_that_is_not_in_its_fastest_mode_gets_the_command(tmp_path):
    root = write_tree(tmp_path, JETSON)
    found = by_code(processor.check(make_host(root, run=FakeTools({"nvpmodel -q": "NV Power Mode: 15W\n"}))))
    assert found["power_mode"].command == "sudo nvpmodel -m 0"
    assert found["throttled"].level == "warning"
    found = by_code(processor.check(make_host(root, run=FakeTools({"nvpmodel -q": "NV Power Mode: MAXN\n"}))))
    assert found["power_mode"].level == "ok"


@pytest.mark.parametrize(("quota", "level"), [("50000 100000", "warning"), ("150000 100000", "note")])
def test_a_quota_is_told(tmp_path, quota, level):
    root = write_tree(tmp_path, {**X86_VM, "sys/fs/cgroup/cpu.max": quota})
    assert by_code(processor.check(make_host(root)))["cpu_quota"].level == level


@pytest.mark.parametrize(
    ("total", "free", "swap", "expected"),
    [
        (8_000_000, 7_000_000, 0, {"memory": "ok"}),
        (900_000, 150_000, 100_000, {"memory": "warning"}),
        (900_000, 50_000, 100_000, {"memory": "fault"}),
        (900_000, 500_000, 0, {"memory": "ok", "no_swap": "note"}),
    ],
)
def test_memory_is_held_to_what_a_camera_takes(tmp_path, total, free, swap, expected):
    text = f"MemTotal: {total} kB\nMemAvailable: {free} kB\nSwapTotal: {swap} kB\n"
    host = make_host(write_tree(tmp_path, {"proc/meminfo": text}))
    assert levels(by_code(memory.check(host))) == expected


@pytest.mark.parametrize(
    ("free", "level"), [(20_000_000_000, "ok"), (1_000_000_000, "note"), (50_000_000, "warning"), (None, None)]
)
def test_little_space_for_recordings_is_told(tmp_path, free, level):
    found = levels(by_code(disk.check(make_host(tmp_path, free_bytes=lambda folder: free))))
    assert found.get("disk") == level


def test_a_folder_that_may_not_be_written_to_is_a_warning(tmp_path):
    host = make_host(tmp_path, writable=lambda folder: folder != Path("/home/pi/films"))
    found = by_code(disk.check(host))
    assert levels(found) == {"disk_forbidden": "warning", "cache": "ok"}
    assert found["disk_forbidden"].text.startswith("~/films (recordings)")


@pytest.mark.parametrize(
    ("answer", "expected"), [("yes\n", {"clock": "ok"}), ("no\n", {"clock_free": "note"}), (None, {})]
)
def test_a_clock_that_is_not_synchronised_is_told(tmp_path, answer, expected):
    asked = "timedatectl show --property=NTPSynchronized --value"
    host = make_host(tmp_path, run=FakeTools({} if answer is None else {asked: answer}))
    assert levels(by_code(clock.check(host))) == expected


def test_a_clock_in_the_past_is_a_warning(tmp_path):
    assert levels(by_code(clock.check(make_host(tmp_path, year=1970)))) == {"clock_wrong": "warning"}


def test_timesyncd_needs_no_program_to_be_asked(tmp_path):
    tools = FakeTools({})
    host = make_host(write_tree(tmp_path, {"run/systemd/timesync/synchronized": ""}), run=tools)
    assert levels(by_code(clock.check(host))) == {"clock": "ok"}
    assert tools.asked == []


@pytest.mark.parametrize(
    ("files", "machine", "here"),
    [
        (X86_VM, "x86_64", set()),
        (PI_5, "aarch64", {"Raspberry Pi"}),
        (PI_4, "armv7l", {"Raspberry Pi", "32-bit ARM"}),
        (JETSON, "aarch64", {"Jetson", "CSI"}),
        (CORAL, "x86_64", {"Coral"}),
    ],
)
def test_what_was_never_run_on_hardware_is_marked_where_that_hardware_is(tmp_path, files, machine, here):
    unproven = find_unproven(make_host(write_tree(tmp_path, files), machine=machine))
    assert {item.name for item in unproven if item.here} == here
    assert {"picamera2", "CSI", "TensorRT", "Coral"} <= {item.name for item in unproven}


def test_gpu_providers_count_as_hardware(tmp_path):
    answer = Answer(({"providers": ["TensorrtExecutionProvider", "CUDAExecutionProvider"], "cuda_used": True},))
    unproven = find_unproven(make_host(tmp_path, trials={"onnxruntime": answer}))
    assert {item.name for item in unproven if item.here} == {"CUDA", "TensorRT"}
