"""The microscope: a stain, its light, uneven illumination, and the camera's noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.scenes.cell import Amount

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Stain = Literal["fluorescence", "dapi", "purple", "grey"]

STAINS: tuple[Stain, ...] = get_args(Stain)
# About as often as in the real pack of nuclei, where four images of five are grey fluorescence.
STAIN_ODDS = (0.76, 0.04, 0.17, 0.03)

# How strongly a typical nucleus absorbs blue, green and red light (optical density, natural logarithm).
ABSORBANCE_BGR = {"purple": (0.22, 0.95, 0.42), "grey": (0.85, 0.85, 0.85)}
TISSUE_BGR = {"purple": (0.04, 0.16, 0.08), "grey": (0.22, 0.22, 0.22)}
GLOW_BGR = {"fluorescence": (1.0, 1.0, 1.0), "dapi": (1.0, 0.72, 0.6)}


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """What may disturb a scene; 0 takes a disturbance away, 1 is as in real pictures.

    Attributes:
        stain: ``fluorescence`` (grey on dark), ``dapi`` (bluish on dark), ``purple`` (as haematoxylin and eosin, on
            near-white), ``grey`` (dark on bright, unstained); None draws one, fluorescence most often.
        noise: Photon (Poisson) and read-out (Gaussian) noise.
        illumination: Unevenness of the light.
        texture: Grain inside nuclei, and differences between them.
        clutter: Out-of-focus glow, tissue and specks, none of which is in the mask.
        blur_px: Width of soft borders; None draws one.
    """

    stain: Stain | None = None
    noise: float = 1.0
    illumination: float = 1.0
    texture: float = 1.0
    clutter: float = 1.0
    blur_px: float | None = None


PLAIN = SceneConfig(stain="fluorescence", noise=0, illumination=0, texture=0, clutter=0, blur_px=1.0)


@dataclass(frozen=True, slots=True)
class Optics:
    """One microscope as it stays over a film: drawn once, then every frame is exposed with it.

    Attributes:
        stain: What was drawn or asked for.
        backdrop_bgr: Light where there is no nucleus, ``(H, W, 3)`` float32, 0..255.
        gain: Illumination, ``(H, W)`` float32 about 1.
        peak: Level a typical fluorescent nucleus adds, 0..255; unused by absorbing stains.
        haze: Share of fluorescence that comes from out of focus.
        photons: Electrons per grey level; fewer are noisier. 0 means no noise.
        read_noise: Gaussian noise in grey levels.
    """

    stain: Stain
    backdrop_bgr: Field
    gain: Field
    peak: float
    haze: float
    photons: float
    read_noise: float


def draw_optics(rng: np.random.Generator, size_hw: tuple[int, int], config: SceneConfig) -> Optics:
    """Set up a microscope for fields of *size_hw*.

    Raises:
        UsageError: The stain is unknown.
    """
    stain = STAINS[int(rng.choice(len(STAINS), p=STAIN_ODDS))] if config.stain is None else config.stain
    if stain not in STAINS:
        raise UsageError(f"stain {stain!r} is unknown", hint=f"use one of {', '.join(STAINS)}")
    tissue = _tissue(rng, size_hw) * config.clutter
    if stain in GLOW_BGR:
        base = rng.uniform(3.0, 14.0)
        backdrop = np.multiply.outer(base + 2.5 * tissue, np.asarray(GLOW_BGR[stain]))
    else:
        lamp = np.asarray((212.0, 206.0, 204.0) if stain == "purple" else (226.0, 226.0, 226.0)) + rng.normal(0, 4)
        backdrop = lamp * np.exp(-np.multiply.outer(tissue, np.asarray(TISSUE_BGR[stain])))
    # Drawn whether used or not, so that switching a disturbance off changes nothing else.
    peak, photons = 60.0 * math.exp(rng.normal(0, 0.45)), rng.uniform(4.0, 12.0)
    return Optics(
        stain=stain,
        backdrop_bgr=backdrop.astype(np.float32),
        gain=_illumination(rng, size_hw, config.illumination),
        peak=min(200.0, peak) if config.texture else 200.0,
        haze=rng.uniform(0.02, 0.12) * config.clutter,
        photons=photons / config.noise**2 if config.noise else 0.0,
        read_noise=rng.uniform(0.3, 1.2) * config.noise,
    )


def expose(optics: Optics, amount: Amount, rng: np.random.Generator) -> Image:
    """Take one picture.

    Args:
        optics: From :func:`draw_optics`, for fields of this size.
        amount: Stain, ``(H, W)`` float32 from 0.
        rng: For the noise of this picture.

    Returns:
        ``(H, W, 3)`` uint8, BGR.
    """
    # A grey camera's three channels are one; a colour camera counts photons in each.
    channels = 1 if optics.stain == "fluorescence" else 3
    backdrop = optics.backdrop_bgr[..., :channels]
    if optics.stain in GLOW_BGR:
        seen = amount + optics.haze * cv2.GaussianBlur(amount, (0, 0), 8.0) if optics.haze else amount
        light = backdrop + np.multiply.outer(optics.peak * seen, np.asarray(GLOW_BGR[optics.stain][:channels]))
    else:
        light = backdrop * np.exp(-np.multiply.outer(amount, np.asarray(ABSORBANCE_BGR[optics.stain])))
    light = light * optics.gain[..., None]
    if optics.photons:
        counted = rng.poisson(np.maximum(light, 0) * optics.photons) / optics.photons
        light = counted + rng.normal(0, optics.read_noise, light.shape)
    return np.ascontiguousarray(np.broadcast_to(np.clip(np.rint(light), 0, 255), (*amount.shape, 3)), dtype=np.uint8)


def smooth_field(rng: np.random.Generator, size_hw: tuple[int, int], width_px: float) -> Field:
    """Draw a random field that varies over about *width_px*: ``(H, W)`` float32, mean 0, standard deviation 1."""
    step = max(1, int(width_px / 3))
    coarse = rng.normal(size=(size_hw[0] // step + 2, size_hw[1] // step + 2)).astype(np.float32)
    field = cv2.GaussianBlur(coarse, (0, 0), max(0.8, width_px / (2 * step)))
    field = cv2.resize(field, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), dtype=np.float32)


def _tissue(rng: np.random.Generator, size_hw: tuple[int, int]) -> Field:
    """Faint matter between the nuclei, from 0."""
    patches = np.clip(smooth_field(rng, size_hw, 50) + 0.3, 0, None)
    fibres = np.exp(-np.abs(smooth_field(rng, size_hw, 24)) * 6)
    return np.asarray(0.8 * patches + 0.5 * fibres, dtype=np.float32)


def _illumination(rng: np.random.Generator, size_hw: tuple[int, int], strength: float) -> Field:
    """Brighter towards one place, darker towards the corners."""
    x = np.linspace(-1, 1, size_hw[1])[None, :] - rng.uniform(-0.5, 0.5)
    y = np.linspace(-1, 1, size_hw[0])[:, None] - rng.uniform(-0.5, 0.5)
    falloff = rng.uniform(0.0, 0.12) * strength
    return np.asarray(1 + falloff * (0.7 - (x**2 + y**2)), dtype=np.float32)
