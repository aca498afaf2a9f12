"""Accelerators that LiteRT reaches through a delegate: Coral's Edge TPU, and XNNPACK on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host
from fcn_edge.machine.kernel import find, read_text

LIBRARY = "libedgetpu.so.1"
# Before and after the library has loaded its firmware into it.
_CORAL_USB = (("1a6e", "089a"), ("18d1", "9302"))
_CORAL_PCI = ("0x1ac1", "0x089a")
_FOLDERS = ("usr/lib/*", "usr/lib", "usr/local/lib", "lib/*")
_TFLITE = ("litert", "tflite-runtime")


def check(host: Host) -> Iterator[Finding]:
    """Look for a Coral and its library, and at what XNNPACK takes."""
    yield from _coral(host)
    for backend in _TFLITE:
        answer = host.trials.get(backend)
        for event in () if answer is None else answer.events:
            if event.get("delegated") == 0:
                text = f"{backend} runs {event['file']} without XNNPACK, several times slower than with it"
                advice = "use a newer runtime: pip install --upgrade ai-edge-litert"
                yield Finding("no_xnnpack", "warning", text, advice=advice)
            elif event.get("delegation"):
                yield Finding("xnnpack", "ok", f"{event['file']} in {backend}: {event['delegation']}")


def has_coral(host: Host) -> bool:
    """Tell whether an Edge TPU is plugged in, by USB or PCIe."""
    usb = (
        (read_text(path / "idVendor"), read_text(path / "idProduct"))
        for path in find(host.root, "sys/bus/usb/devices/*")
    )
    pci = (
        (read_text(path / "vendor"), read_text(path / "device")) for path in find(host.root, "sys/bus/pci/devices/*")
    )
    return any(ids in _CORAL_USB for ids in usb) or any(ids == _CORAL_PCI for ids in pci)


def _coral(host: Host) -> Iterator[Finding]:
    libraries = [path for folder in _FOLDERS for path in find(host.root, f"{folder}/{LIBRARY}")]
    if not has_coral(host):
        if libraries:
            text = f"{LIBRARY} is there, but no Coral is plugged in"
            yield Finding("no_coral", "note", text, advice="plug it in, into a USB 3 port")
        return
    if libraries:
        path = _from_root(host, libraries[0])
        yield Finding("coral", "ok", f"Coral Edge TPU with {path} (--delegate {path})")
    else:
        text = f"a Coral Edge TPU is plugged in, but its library {LIBRARY} is missing"
        advice = "add Google's Coral package source as coral.ai/docs describes, then: sudo apt install libedgetpu1-std"
        yield Finding("coral_no_library", "warning", text, advice=advice)


def _from_root(host: Host, path: Path) -> str:
    return f"/{path.relative_to(host.root)}"
