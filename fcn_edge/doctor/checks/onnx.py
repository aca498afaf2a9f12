"""ONNX Runtime: its wheels, and what its providers really do."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host

# NVIDIA's own index for JetPack 6; there are no such wheels for Jetsons elsewhere.
_JETSON_WHEEL = "pip install onnxruntime-gpu --index-url https://pypi.jetson-ai-lab.io/jp6/cu126"
_GPU = ("TensorrtExecutionProvider", "CUDAExecutionProvider")


def check(host: Host) -> Iterator[Finding]:
    """Look at ONNX Runtime; nothing is found where it is not installed."""
    plain, gpu = "onnxruntime" in host.packages, "onnxruntime-gpu" in host.packages
    install = (
        _JETSON_WHEEL if host.is_jetson else f'pip install "onnxruntime-gpu=={host.packages.get("onnxruntime-gpu")}"'
    )
    if plain and gpu:
        text = "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files"
        command = f"pip uninstall -y onnxruntime onnxruntime-gpu && {install}"
        yield Finding("onnxruntime_twice", "fault", text, command=command)
    elif plain and host.is_jetson:
        text = "this onnxruntime runs on the processor only, not on the Jetson's GPU"
        command = f"pip uninstall -y onnxruntime && {install}"
        yield Finding("onnxruntime_cpu_on_jetson", "warning", text, command=command)
    yield from _providers(host, gpu=gpu)


def _providers(host: Host, *, gpu: bool) -> Iterator[Finding]:
    answer = host.trials.get("onnxruntime")
    told = next((event for event in answer.events if "providers" in event), None) if answer is not None else None
    if told is None:
        return
    providers = [str(name) for name in told["providers"]]
    short = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    yield Finding("onnxruntime_providers", "ok", f"ONNX Runtime's providers: {short}")
    if gpu and not any(name in providers for name in _GPU):
        text = f"onnxruntime-gpu is installed but offers neither CUDA nor TensorRT, only {short}"
        advice = "another onnxruntime hides it: pip list | grep onnxruntime, and uninstall all but one"
        yield Finding("onnxruntime_gpu_hidden", "fault", text, advice=advice)
    if told.get("cuda_used") is False:
        text = "ONNX Runtime offers CUDA but falls back to the processor: its CUDA libraries do not load"
        advice = "install the CUDA and cuDNN versions this onnxruntime-gpu was built for (on a Jetson: the JetPack's)"
        yield Finding("cuda_falls_back", "warning", text, advice=advice)
