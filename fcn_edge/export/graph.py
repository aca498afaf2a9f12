"""Keras graphs as data: one flat functional model with a fixed input, and how to rewrite it.

A *flat* model is functional, has one input ``(1, H, W, 3)`` float32 in 0..255 RGB and one output, and holds no nested
model: each operation is a layer or a Keras op that a pass can look at. Weights are shared with the model it came from,
so flattening costs no memory.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

# Keras has no types: models, layers, operations and symbolic tensors are Any here.
Model = Any
Operation = Any
Tensor = Any
Rewrite = Callable[[Operation, tuple[Any, ...], dict[str, Any]], Any]


def new_input(size_hw: tuple[int, int], channels: int = 3, dtype: str = "float32") -> Tensor:
    """Make the symbolic input ``(1, *size_hw, channels)`` of a flat model."""
    import keras

    return keras.Input(batch_shape=(1, *size_hw, channels), dtype=dtype, name="image")


def model_of(entry: Tensor, scores: Tensor) -> Model:
    """Make the functional model from *entry* to *scores*."""
    import keras

    return keras.Model(entry, scores, name="network")


def inline(model: Model, entry: Tensor) -> Tensor:
    """Apply *model* to *entry*, with nested models dissolved into their operations.

    Operations of two nested models that share a name are copied under a new one, since a functional model refuses
    two of the same name. A model that is not functional (a subclassed one) is applied as a single operation.
    """
    named: dict[str, Operation] = {}
    copies: dict[int, Operation] = {}

    def unique(operation: Operation) -> Operation:
        if named.setdefault(operation.name, operation) is operation:
            return operation
        if id(operation) not in copies:
            number = next(n for n in itertools.count(1) if f"{operation.name}_{n}" not in named)
            copies[id(operation)] = copy_operation(operation, name=f"{operation.name}_{number}")
            named[f"{operation.name}_{number}"] = operation
        return copies[id(operation)]

    def call(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        graph = graph_of(operation)
        if graph is not None:
            return replay(graph, args[0] if args else kwargs["inputs"], call)
        if not args and "inputs" in kwargs:
            # Passes read a layer's input from its first argument.
            args, kwargs = (kwargs["inputs"],), {key: value for key, value in kwargs.items() if key != "inputs"}
        # A dropout or normalisation recorded with training=True would stay a training one in the file.
        return unique(operation)(*args, **{key: value for key, value in kwargs.items() if key != "training"})

    graph = graph_of(model)
    outputs = model(entry) if graph is None else replay(graph, entry, call)
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs


def rewrite(model: Model, change: Rewrite) -> Model:
    """Build a flat model anew from the same input, each operation called by *change*.

    Args:
        model: Flat; it stays as it was.
        change: Gets an operation and its new arguments, returns its new output.
    """
    old = model.inputs[0]
    entry = new_input(old.shape[1:3], old.shape[3], old.dtype)
    return model_of(entry, replay(model, entry, change))


def replay(model: Model, entry: Any, call: Rewrite) -> Any:  # noqa: ANN401
    """Walk through a functional *model* from *entry* on, each operation called by *call*; give its outputs."""
    # Private, but what keras.models.clone_model itself is made of, and the same in Keras 3.0 to 3.15.
    run = model._run_through_graph  # noqa: SLF001
    return run(entry, operation_fn=lambda operation: lambda *args, **kwargs: call(operation, args, kwargs))


def graph_of(operation: Operation) -> Model | None:
    """Give the functional graph inside a functional or sequential model, None for anything else."""
    import keras

    if isinstance(operation, keras.Sequential):
        return getattr(operation, "_functional", None)
    return operation if hasattr(operation, "_run_through_graph") else None


def copy_operation(operation: Operation, **changes: Any) -> Operation:  # noqa: ANN401
    """Copy a layer or Keras op with its weights, some values of its configuration changed."""
    copied = type(operation).from_config({**operation.get_config(), **changes})
    if getattr(operation, "weights", None):
        copied.build(operation.input.shape)
        copied.set_weights(operation.get_weights())
    return copied


def nodes_of(model: Model) -> list[Any]:
    """List the nodes of a flat model, inputs before outputs."""
    by_depth = model._nodes_by_depth  # noqa: SLF001 - Keras has no public list of a model's nodes
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def called_once(model: Model) -> set[int]:
    """Give the ids of the operations that a flat model calls once; a shared layer is called more often."""
    calls = Counter(id(node.operation) for node in nodes_of(model))
    return {operation for operation, count in calls.items() if count == 1}


def is_plain(operation: Operation) -> bool:
    """Tell whether a layer is Keras's own, without activation, and its weights as they seem."""
    import keras

    activation = getattr(operation, "activation", keras.activations.linear)
    return activation is keras.activations.linear and has_true_weights(operation)


def has_true_weights(operation: Operation) -> bool:
    """Tell whether a layer is Keras's own and its weights as they seem: no LoRA, no int8."""
    return (
        type(operation).__module__.startswith("keras.")
        and getattr(operation, "quantization_mode", None) is None
        and not getattr(operation, "lora_enabled", False)
    )


def names(model: Model) -> Callable[[str], str]:
    """Make names from wishes: free of what Keras refuses, of every name in *model*, and each once."""
    used = {operation.name for operation in model.operations}

    def name(wanted: str) -> str:
        base = wanted.replace("/", "_")
        free = next(n for n in itertools.chain([base], (f"{base}_{i}" for i in itertools.count(2))) if n not in used)
        used.add(free)
        return free

    return name


def producer(tensor: Tensor) -> tuple[Operation, Any] | None:
    """Give the operation that made a symbolic tensor and its node, None for a model's input."""
    history = tensor._keras_history  # noqa: SLF001 - Keras has no public way from a tensor to its operation
    node = history.operation._inbound_nodes[history.node_index]  # noqa: SLF001
    return None if node.is_input else (history.operation, node)


def consumers(model: Model, tensor: Tensor) -> list[tuple[Operation, Any]]:
    """Give the operations of *model* that read *tensor*, each with its node."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]  # noqa: SLF001 - as in replay
    return [(node.operation, node) for node in nodes if any(read is tensor for read in node.input_tensors)]


def float32_everywhere(model: Model) -> None:
    """Let layers trained in mixed precision compute in float32; their variables already are."""
    for operation in model._flatten_layers():  # noqa: SLF001 - includes layers inside layers
        if getattr(operation, "compute_dtype", "float32") in ("float16", "bfloat16"):
            operation.dtype_policy = "float32"
