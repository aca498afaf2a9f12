"""What the tests of folding share: flat networks with random weights, and how they are held to each other."""

from __future__ import annotations

from linear_layers import difference, probe_images, randomise, scores

from fcn_edge.export.graph import inline, model_of, new_input, rewrite

# float32 rounds to 6e-8; sums of some hundred products lose two digits of it.
FLOAT32 = 1e-5
NARROW = (6, 8, 10, 12, 14)


def flat(model, seed=0):
    """Flatten a model and draw all its weights anew."""
    entry = new_input(model.inputs[0].shape[1:3])
    whole = model_of(entry, inline(model, entry))
    randomise(whole, seed)
    return whole


def with_batch_norm(model, seed=0):
    """Put a batch normalisation with statistics of its own behind each transposed convolution of a flat model."""
    from keras import layers

    def change(operation, args, kwargs):
        result = operation(*args, **kwargs)
        if isinstance(operation, layers.Conv2DTranspose):
            result = layers.BatchNormalization(name=f"{operation.name}_norm")(result)
        return result

    changed = rewrite(model, change)
    randomise(changed, seed)
    return changed


def check_same(folded, model):
    """Hold a folded model to the one it was made from, on all images of ``probe_images``."""
    images = probe_images(model.inputs[0].shape[1:3])
    found = difference(scores(folded, images), scores(model, images))
    assert found <= FLOAT32, f"differs by {found:.2g} of the range"


def kinds(model):
    return [type(operation).__name__ for operation in model.operations]


def names(model):
    return {operation.name for operation in model.operations}
