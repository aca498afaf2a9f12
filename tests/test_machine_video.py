"""Which of the many video devices of a board is a camera."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from machines import write_tree

from fcn_edge.machine.video import VideoNodeInfo, find_video_nodes, holders, query_capabilities

fcntl = pytest.importorskip("fcntl", reason="this system has no ioctl")

CAPTURE, OUTPUT, M2M, META = 0x04200001, 0x04200002, 0x04008000, 0x04A00000


def node(tmp_path, name, *, index=None, capabilities=None):
    files = {"sys/class/video4linux/video0/name": f"{name}\n"}
    if index is not None:
        files["sys/class/video4linux/video0/index"] = f"{index}\n"
    (found,) = find_video_nodes(write_tree(tmp_path, files), query=lambda path: capabilities)
    assert (found.path, found.name) == ("/dev/video0", name)
    return found.kind


@pytest.mark.parametrize(
    ("name", "capabilities", "kind"),
    [
        ("HD Pro Webcam C920", CAPTURE, "camera"),
        ("HD Pro Webcam C920", META, "metadata"),
        ("Crisp Display Capture", CAPTURE, "camera"),
        ("USB Video: USB Video", 0x04201000, "camera"),
        ("Dummy video device (0x0000)", 0x05208003, "codec"),
        ("v4l2 loopback", 0x85200003, "camera"),
        ("some encoder", M2M, "codec"),
        ("vivid-000-vid-out", OUTPUT, "isp"),
        # These capture as well, by their capabilities.
        ("bcm2835-codec-decode", CAPTURE, "codec"),
        ("bcm2835-isp-capture0", CAPTURE, "isp"),
        ("unicam-image", 0x05200001, "sensor"),
        ("unicam-embedded", META, "metadata"),
        ("rp1-cfe-csi2_ch0", CAPTURE, "sensor"),
        ("rp1-cfe-fe_stats", META, "metadata"),
        ("pispbe-output0", CAPTURE, "isp"),
        ("rpi-hevc-dec", 0x04204000, "codec"),
        ("vi-output, imx219 9-0010", CAPTURE, "sensor"),
    ],
)
def test_a_node_is_known_by_its_name_or_else_by_what_it_can_do(tmp_path, name, capabilities, kind):
    assert node(tmp_path, name, capabilities=capabilities) == kind


@pytest.mark.parametrize(("index", "kind"), [(0, "camera"), (1, "metadata"), (None, "unknown")])
def test_a_node_that_cannot_be_asked_is_known_by_its_place(tmp_path, index, kind):
    assert node(tmp_path, "HD Pro Webcam C920", index=index) == kind


def test_nodes_come_in_the_order_of_their_numbers(tmp_path):
    root = write_tree(tmp_path, {f"sys/class/video4linux/video{n}/name": "cam\n" for n in (10, 2, 0)})
    assert [found.path for found in find_video_nodes(root, query=lambda path: CAPTURE)] == [
        "/dev/video0",
        "/dev/video2",
        "/dev/video10",
    ]


def test_a_machine_without_video_devices_has_none(tmp_path):
    assert find_video_nodes(tmp_path) == ()


@pytest.mark.parametrize(
    ("whole", "own", "expected"), [(0x84A00001, 0x04200001, 0x04200001), (0x05000001, 0, 0x05000001)]
)
def test_the_capabilities_of_the_node_count_where_the_driver_gives_them(tmp_path, monkeypatch, whole, own, expected):
    device = tmp_path / "video0"
    device.touch()

    def answer(handle, request, buffer):
        assert request == 0x80685600
        buffer[84:92] = struct.pack("=II", whole, own)

    monkeypatch.setattr(fcntl, "ioctl", answer)
    assert query_capabilities(device) == expected


def test_a_file_that_is_no_device_cannot_be_asked(tmp_path):
    (tmp_path / "video0").touch()
    assert query_capabilities(tmp_path / "video0") is None
    assert query_capabilities(tmp_path / "video1") is None


def test_the_request_is_the_one_of_the_kernels_header():
    # _IOR('V', 0, struct v4l2_capability): read, 104 bytes, 'V', 0.
    assert (2 << 30) | (104 << 16) | (ord("V") << 8) | 0 == 0x80685600


def test_whoever_holds_a_device_is_named_but_not_this_process(tmp_path):
    root = write_tree(
        tmp_path, {"proc/12/comm": "motion\n", f"proc/{os.getpid()}/comm": "python\n", "proc/13/fd/x": ""}
    )
    for process in ("12", str(os.getpid())):
        (root / "proc" / process / "fd").mkdir()
        (root / "proc" / process / "fd/3").symlink_to("/dev/video0")
    assert holders("/dev/video0", root) == ("motion (process 12)",)
    assert holders("/dev/video2", root) == ()


def test_this_machine_can_be_looked_at():
    assert all(isinstance(found, VideoNodeInfo) for found in find_video_nodes())
    assert holders(str(Path("/dev/video999"))) == ()
