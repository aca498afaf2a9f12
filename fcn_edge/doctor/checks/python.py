"""The interpreter: version, word size, and whether pip may install into it."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host

# As in pyproject.toml.
OLDEST, NEWEST = (3, 10), (3, 13)
_BITS_64 = 64

_VENV = "python3 -m venv --system-site-packages ~/fcn-edge && . ~/fcn-edge/bin/activate"


def check(host: Host) -> Iterator[Finding]:
    """Look at the interpreter."""
    python = host.python
    version = ".".join(str(n) for n in python.version)
    if OLDEST <= python.version[:2] <= NEWEST:
        where = "in a virtual environment" if python.virtual else "the system's own"
        yield Finding("python", "ok", f"{version}, {python.bits} bit, {where}")
    else:
        supported = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        advice = "make a virtual environment with one of these: python3.11 -m venv ~/fcn-edge"
        yield Finding("python_unsupported", "fault", f"{version}, but {supported} is supported", advice=advice)
    if python.externally_managed:
        text = "pip refuses to install into this system's Python (externally managed)"
        yield Finding("externally_managed", "note", text, command=_VENV)
    if python.bits != _BITS_64:
        yield from _narrow(host)


def _narrow(host: Host) -> Iterator[Finding]:
    advice = "a 64-bit system has LiteRT, ONNX Runtime and newer Pythons, and runs int8 models faster"
    yield Finding("python_32_bit", "note", "32 bit: of the runtimes only tflite-runtime 2.14 is there", advice=advice)
    if host.machine == "aarch64":
        # What pip's platform markers see is the kernel, not the Python: it then asks for packages that have no wheels.
        text = "32-bit Python on a 64-bit kernel: pip takes it for aarch64 and asks for wheels that do not fit"
        command = 'pip install --no-deps fcn-edge && pip install tflite-runtime==2.14.0 tqdm "numpy<2"'
        yield Finding("narrow_python_wide_kernel", "warning", text, command=command)
