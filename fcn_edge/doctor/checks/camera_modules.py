"""Camera modules on a ribbon cable: a Raspberry Pi's through libcamera, a Jetson's through CSI."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host
from fcn_edge.machine.video import find_video_nodes

# 0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
_LISTED = re.compile(r"^\s*\d+ : (\S+)", re.MULTILINE)
# The first since Raspberry Pi OS bookworm, the second before.
_LISTERS = ("rpicam-hello", "libcamera-hello")
_VENV = "python3 -m venv --system-site-packages ~/fcn-edge && ~/fcn-edge/bin/pip install fcn-edge"


def check(host: Host) -> Iterator[Finding]:
    """Look at the modules; nothing is found on other boards."""
    if host.is_pi:
        yield from _raspberry_pi(host)
    elif host.is_jetson:
        yield from _jetson(host)


def _raspberry_pi(host: Host) -> Iterator[Finding]:
    missing = [name for name in ("picamera2", "libcamera") if not host.importable(name)]
    if not missing:
        yield Finding("picamera2", "ok", "picamera2 and libcamera are there (--source picamera)")
    elif not host.python.system_packages:
        text = f"{' and '.join(missing)} cannot be seen from this virtual environment; pip has no wheel of libcamera"
        yield Finding("picamera2_hidden", "warning", text, command=_VENV)
    else:
        text = f"{' and '.join(missing)} missing: Pi camera modules cannot be used"
        command = "sudo apt install -y python3-picamera2 --no-install-recommends"
        yield Finding("picamera2_missing", "note", text, command=command)
    answers = (host.run([name, "--list-cameras"]) for name in _LISTERS)
    listing = next((answer for answer in answers if answer is not None), None)
    if listing is None:
        return
    modules = _LISTED.findall(listing)
    if modules:
        yield Finding("pi_modules", "ok", f"camera modules: {', '.join(modules)} (--source picamera)")
    else:
        advice = "with a module plugged in: turn the board off, and check the cable, its side, and camera_auto_detect=1"
        yield Finding("no_pi_module", "note", "libcamera finds no camera module", advice=advice)


def _jetson(host: Host) -> Iterator[Finding]:
    sensors = [node for node in find_video_nodes(host.root, query=host.query_video) if node.kind == "sensor"]
    for node in sensors:
        yield Finding("csi", "ok", f"CSI camera {node.name.removeprefix('vi-output, ')} (--source csi)")
    if not sensors:
        advice = "for a CSI module, choose it in: sudo /opt/nvidia/jetson-io/jetson-io.py, and start again"
        yield Finding("no_csi", "note", "no CSI camera found", advice=advice)
    elif not (host.root / "tmp/argus_socket").exists():
        text = "nvargus-daemon, through which CSI cameras are read, does not run"
        yield Finding("no_argus", "fault", text, command="sudo systemctl restart nvargus-daemon")
