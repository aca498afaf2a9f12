"""Whether the shipped models run, in each runtime that is here."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.asking import Answer
from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host


def check(host: Host) -> Iterator[Finding]:
    """Look at what became of the trials."""
    if not host.trials:
        text = "no shipped model could be tried: no runtime, or no models in this installation"
        yield Finding("no_trial", "warning", text, advice="mend the faults above, or install the wheel again")
    for backend, answer in host.trials.items():
        yield from _backend(host, backend, answer)


def _backend(host: Host, backend: str, answer: Answer) -> Iterator[Finding]:
    ran = [event for event in answer.events if "last_ms" in event]
    if ran:
        times = ", ".join(f"{_short(event['file'])} {event['last_ms']:.0f} ms" for event in ran)
        text = f"{backend} {ran[0].get('version', '')}, 1 thread: {times} (rough, one call)"
        yield Finding("model_runs", "ok", text)
    failed: dict[str, list[str]] = {}
    for event in answer.events:
        if "error" in event:
            failed.setdefault(str(event["error"]), []).append(_short(event["file"]))
    for error, files in failed.items():
        text = f"{backend} cannot run {' nor '.join(files)}: {error}"
        if backend == "tflite-runtime" and not host.packages.get("numpy", "1").startswith("1"):
            advice = "mend tflite-runtime with NumPy 2 as above, under runtimes"
            yield Finding("model_fails", "fault", text, advice=advice)
        else:
            yield Finding("model_fails", "fault", text, command=_reinstall(backend))
    if answer.failure is not None:
        text = f"{backend} {answer.failure} when it ran a shipped model"
        yield Finding("runtime_dies", "fault", text, command=_reinstall(backend))


def _short(file: str) -> str:
    return file.rpartition(".")[0]


def _reinstall(backend: str) -> str:
    package = {"litert": "ai-edge-litert", "tflite-runtime": '"tflite-runtime==2.14.0" "numpy<2"'}.get(backend, backend)
    return f"pip install --upgrade --force-reinstall {package}"
