"""Tissues of the generated thorax and how bright they are.

Knows the classes a voxel can be made of and draws a brightness for each: like a balanced
steady-state cine most of the time (blood > fat > muscle > lung), anything where blood and
myocardium differ enough otherwise. Does not know where tissues lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

N_FREE_CLASSES = 8
LEAST_CONTRAST = 0.15


class Tissue(IntEnum):
    """What a voxel is made of; the last `N_FREE_CLASSES` are organs of random maps."""

    AIR = 0
    LUNG = 1
    LUNG_VESSEL = 2
    SKIN_FAT = 3
    MUSCLE = 4
    RIB = 5
    MARROW = 6
    LIVER = 7
    LIVER_VESSEL = 8
    STOMACH_WALL = 9
    STOMACH = 10
    SPLEEN = 11
    BOWEL = 12
    ABDOMINAL_FAT = 13
    HEART_FAT = 14
    PERICARDIUM = 15
    LV_BLOOD = 16
    RV_BLOOD = 17
    MYOCARDIUM = 18
    ATRIUM = 19
    AORTA = 20
    VESSEL_WALL = 21
    FREE = 22


N_TISSUES = int(Tissue.FREE) + N_FREE_CLASSES


class Contrast(StrEnum):
    """How the brightness of the tissues is drawn."""

    BSSFP = "bssfp"
    FREE = "free"


@dataclass(frozen=True)
class Palette:
    """Brightness and unevenness of each tissue; index is the `Tissue`."""

    level: Float32Array
    grain: Float32Array


_BSSFP: dict[Tissue, tuple[float, float]] = {
    Tissue.AIR: (0.0, 0.005),
    Tissue.LUNG: (0.02, 0.10),
    Tissue.LUNG_VESSEL: (0.25, 0.9),
    Tissue.SKIN_FAT: (0.6, 1.1),
    Tissue.MUSCLE: (0.18, 0.34),
    Tissue.RIB: (0.05, 0.2),
    Tissue.MARROW: (0.25, 0.6),
    Tissue.LIVER: (0.24, 0.45),
    Tissue.LIVER_VESSEL: (0.45, 0.85),
    Tissue.STOMACH_WALL: (0.25, 0.45),
    Tissue.STOMACH: (0.02, 0.95),
    Tissue.SPLEEN: (0.3, 0.6),
    Tissue.BOWEL: (0.1, 0.9),
    Tissue.ABDOMINAL_FAT: (0.4, 0.9),
    Tissue.HEART_FAT: (0.4, 0.85),
    Tissue.PERICARDIUM: (0.12, 0.4),
    Tissue.LV_BLOOD: (0.72, 0.98),
    Tissue.MYOCARDIUM: (0.16, 0.36),
    Tissue.VESSEL_WALL: (0.15, 0.4),
}

_GRAINY = (Tissue.LUNG, Tissue.STOMACH, Tissue.BOWEL, Tissue.LIVER, Tissue.MUSCLE)


def _free_levels(rng: np.random.Generator) -> Float32Array:
    """Any brightness for any tissue, blood and myocardium at least 0.15 apart."""
    level = rng.uniform(0.0, 1.0, N_TISSUES)
    blood, muscle = rng.uniform(0.1, 1.0, 2)
    while abs(blood - muscle) < LEAST_CONTRAST:
        blood, muscle = rng.uniform(0.1, 1.0, 2)
    level[Tissue.LV_BLOOD], level[Tissue.MYOCARDIUM] = blood, muscle
    level[Tissue.AIR] = rng.uniform(0.0, 0.04)
    return level.astype(np.float32)


def sample_palette(rng: np.random.Generator, contrast: Contrast) -> Palette:
    """Draw the brightness of every tissue; blood of a bSSFP cine is just below 1."""
    if contrast is Contrast.FREE:
        level = _free_levels(rng)
    else:
        level = rng.uniform(0.05, 1.0, N_TISSUES).astype(np.float32)
        for tissue, (low, high) in _BSSFP.items():
            level[tissue] = rng.uniform(low, high)
    blood = float(level[Tissue.LV_BLOOD])
    for tissue, spread in ((Tissue.RV_BLOOD, 0.06), (Tissue.AORTA, 0.10)):
        level[tissue] = max(blood + rng.normal(-0.02, spread), 0.0)
    level[Tissue.ATRIUM] = blood * rng.uniform(0.65, 1.05)
    grain = rng.uniform(0.01, 0.08, N_TISSUES).astype(np.float32)
    for tissue in _GRAINY:
        grain[tissue] = rng.uniform(0.05, 0.25)
    grain[Tissue.AIR] = 0.0
    return Palette(level, grain)
