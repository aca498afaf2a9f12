"""OpenCV: which one is imported, whether wheels of it lie on top of each other, and what it can open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host
from fcn_edge.machine.kernel import find

WHEELS = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
_BITS_64 = 64


def check(host: Host) -> Iterator[Finding]:
    """Look at OpenCV."""
    yield from _twice(host)
    told = host.opencv.first
    if host.opencv.failure is not None and not told:
        yield Finding("opencv_dies", "fault", f"importing OpenCV {host.opencv.failure}", command=_again(host))
        return
    if "error" in told:
        yield _broken(host, str(told["error"]))
        return
    parts = [name for name, key in (("FFmpeg", "ffmpeg"), ("GStreamer", "gstreamer")) if told.get(key)]
    what = f"OpenCV {told.get('version')} with {' and '.join(parts) or 'neither FFmpeg nor GStreamer'}"
    yield Finding("opencv", "ok", f"{what}, in {_shorten(host, str(told.get('path')))}")
    if not parts:
        text = "this OpenCV can open neither films nor network streams"
        yield Finding("opencv_no_streams", "warning", text, command="pip install --force-reinstall opencv-python")
    if host.is_jetson and not told.get("gstreamer"):
        yield _hides_gstreamer(host, Path(str(told.get("path"))))


def _twice(host: Host) -> Iterator[Finding]:
    found = [name for name in WHEELS if name in host.packages]
    if len(found) < 2:  # noqa: PLR2004 - two of them
        return
    # The one that can do everything that any of them could.
    contrib = "contrib-" if any("contrib" in name for name in found) else ""
    headless = "-headless" if all(name.endswith("-headless") for name in found) else ""
    kept = f"opencv-{contrib}python{headless}"
    version = f"=={host.packages[kept]}" if kept in host.packages else ""
    text = f"{' and '.join(found)} are installed together and overwrite each other's files"
    command = f'pip uninstall -y {" ".join(found)} && pip install "{kept}{version}"'
    yield Finding("opencv_twice", "fault", text, command=command)


def _broken(host: Host, error: str) -> Finding:
    """Name the cause of an import that failed, where it is one of those that are known."""
    if not any(name in host.packages for name in WHEELS) and "No module named 'cv2'" in error:
        return Finding("opencv_missing", "fault", "OpenCV is not installed", command=_again(host))
    if "libGL.so.1" in error:
        text = "OpenCV needs the system's libGL, which is missing"
        return Finding("opencv_no_libgl", "fault", text, command="sudo apt install -y libgl1")
    if "numpy" in error.lower() and "No module named 'numpy'" not in error:
        text = f"this OpenCV was built for another NumPy than {host.packages.get('numpy', 'the one here')}: {error}"
        old = any(name in host.packages for name in WHEELS)
        command = 'pip install --upgrade "opencv-python>=4.10"' if old else 'pip install "numpy<2"'
        return Finding("opencv_numpy", "fault", text, command=command)
    return Finding("opencv_broken", "fault", f"OpenCV does not import: {error}", command=_again(host))


def _again(host: Host) -> str:
    if host.python.bits != _BITS_64:
        return "sudo apt install -y python3-opencv"
    if any(name in host.packages for name in WHEELS):
        return "pip install --force-reinstall --no-deps opencv-python"
    return "pip install opencv-python"


def _hides_gstreamer(host: Host, here: Path) -> Finding:
    text = f"the OpenCV in {here} has no GStreamer, which a Jetson's CSI cameras need"
    system = [path.parent for path in _system_opencvs(host) if path.parent != here]
    wheels = [name for name in WHEELS if name in host.packages]
    if not system:
        return Finding("opencv_no_gstreamer", "warning", text, command="sudo apt install -y python3-opencv")
    text += f"; the system's own is in {', '.join(f'/{path.relative_to(host.root)}' for path in system)}"
    if host.python.system_packages and wheels:
        command = f"pip uninstall -y {' '.join(wheels)}"
    else:
        command = "python3 -m venv --system-site-packages ~/fcn-edge && ~/fcn-edge/bin/pip install --no-deps fcn-edge"
    return Finding("opencv_hides_gstreamer", "warning", text, command=command)


def _system_opencvs(host: Host) -> list[Path]:
    patterns = (
        "usr/lib/python3*/dist-packages/cv2/__init__.py",
        "usr/lib/python3*/dist-packages/cv2*.so",
        "usr/local/lib/python3*/dist-packages/cv2/__init__.py",
    )
    return [path for pattern in patterns for path in find(host.root, pattern)]


def _shorten(host: Host, path: str) -> str:
    home = host.environ.get("HOME", "")
    return f"~{path[len(home) :]}" if len(home) > 1 and path.startswith(f"{home}/") else path
