"""Everything a check may ask of the machine, in one place: a test hands over another machine.

Nothing here imports NumPy, OpenCV or a runtime: what is broken on a board is just what would fail to import. They are
asked in processes of their own, see :mod:`fcn_edge.doctor.asking`.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import shutil
import site
import struct
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fcn_edge import optional
from fcn_edge.doctor.asking import Answer
from fcn_edge.machine.cache import cache_folder
from fcn_edge.machine.kernel import ROOT, board_model
from fcn_edge.machine.throttling import is_jetson, is_raspberry_pi
from fcn_edge.machine.tool import Runner, run_tool
from fcn_edge.machine.video import query_capabilities

_BITS = 8
_NOT_ASKED = Answer((), "was not asked")


@dataclass(frozen=True, slots=True)
class PythonInfo:
    """The interpreter.

    Attributes:
        version: Major, minor, micro.
        bits: 32 or 64.
        virtual: It is that of a virtual environment.
        system_packages: It sees the packages of the system (a virtual environment made with
            ``--system-site-packages``, or none at all).
        externally_managed: pip refuses to install into it (Debian's own Python since version 12).
    """

    version: tuple[int, int, int]
    bits: int
    virtual: bool
    system_packages: bool
    externally_managed: bool


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who runs this.

    Attributes:
        name: For ``usermod``.
        groups: Names of the groups that this process has.
    """

    name: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Host:
    """A machine to examine.

    Attributes:
        root: Of the file system in which ``proc``, ``sys``, ``dev`` and ``usr`` lie.
        run: Runs a program of the system.
        environ: The environment.
        python: The interpreter.
        machine: Architecture as the kernel tells it, such as ``aarch64``.
        packages: Versions of all installed distributions by normalised name (``opencv-python``).
        importable: Whether a top-level module could be imported.
        user: Who runs this.
        can_open: Whether this user may read and write a device, given as ``/dev/video0``.
        query_video: What a video device can do; see :func:`fcn_edge.machine.video.query_capabilities`.
        free_bytes: Free space where a path lies; None where that is not known.
        writable: Whether this user may make files in a folder.
        folder: Where recordings go unless told otherwise: the current folder.
        cache: Where this package keeps what it measured.
        year: Of the machine's clock.
        backends: Which runtimes this package knows and which of them are here.
        opencv: What OpenCV says of itself.
        trials: What became of shipped models, by backend.
    """

    root: Path
    run: Runner
    environ: Mapping[str, str]
    python: PythonInfo
    machine: str
    packages: Mapping[str, str]
    importable: Callable[[str], bool]
    user: UserInfo
    can_open: Callable[[str], bool]
    query_video: Callable[[Path], int | None]
    free_bytes: Callable[[Path], int | None]
    writable: Callable[[Path], bool]
    folder: Path
    cache: Path
    year: int
    backends: Answer = _NOT_ASKED
    opencv: Answer = _NOT_ASKED
    trials: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def is_board(self) -> bool:
        """Whether this is a small board rather than a desk or server: it has a device tree that names it."""
        return board_model(self.root) is not None

    @property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi."""
        return is_raspberry_pi(self.root)

    @property
    def is_jetson(self) -> bool:
        """Whether this is a Jetson."""
        return is_jetson(self.root)

    @property
    def has_display(self) -> bool:
        """Whether this session has a display, as its environment says."""
        return bool(self.environ.get("DISPLAY") or self.environ.get("WAYLAND_DISPLAY"))


def this_host(*, root: Path = ROOT, run: Runner = run_tool) -> Host:
    """Describe the machine this runs on, before anything is asked in other processes.

    Args:
        root: Of the file system in which ``proc``, ``sys``, ``dev`` and ``usr`` lie.
        run: Runs a program of the system.
    """
    return Host(
        root=root,
        run=run,
        environ=dict(os.environ),
        python=_python(),
        machine=platform.machine(),
        packages=_packages(),
        importable=optional.available,
        user=_user(),
        can_open=lambda device: os.access(root / device.lstrip("/"), os.R_OK | os.W_OK),
        query_video=query_capabilities,
        free_bytes=_free_bytes,
        writable=lambda folder: os.access(_existing(folder), os.W_OK | os.X_OK),
        folder=Path.cwd(),
        cache=cache_folder(),
        year=time.gmtime().tm_year,
    )


def _python() -> PythonInfo:
    virtual = sys.prefix != sys.base_prefix
    # The marker of PEP 668 lies beside the standard library of the interpreter that a virtual environment is based on.
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return PythonInfo(
        version=(sys.version_info.major, sys.version_info.minor, sys.version_info.micro),
        bits=struct.calcsize("P") * _BITS,
        virtual=virtual,
        system_packages=not virtual or _sees_system_packages(),
        externally_managed=not virtual and marker.is_file(),
    )


def _sees_system_packages() -> bool:
    inside = Path(sys.prefix)
    return any(not Path(folder).is_relative_to(inside) for folder in site.getsitepackages()) or any(
        folder.endswith("dist-packages") for folder in sys.path
    )


def _packages() -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        # A folder left behind by a broken removal has no name.
        name = distribution.metadata["Name"]
        if name:
            # The first on the path is the one that is imported.
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), distribution.version)
    return found


def _user() -> UserInfo:
    try:
        import grp

        numbers = {*os.getgroups(), os.getegid()}
        groups = frozenset(entry.gr_name for entry in grp.getgrall() if entry.gr_gid in numbers)
        name = getpass.getuser()
    except (ImportError, OSError, KeyError):
        # No such thing on this system, or a container whose user has no name.
        return UserInfo("$USER", frozenset())
    return UserInfo(name, groups)


def _free_bytes(path: Path) -> int | None:
    try:
        return shutil.disk_usage(_existing(path)).free
    except OSError:
        return None


def _existing(path: Path) -> Path:
    """Give the first folder on the way up that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
