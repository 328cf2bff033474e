"""What a heart can have, and the ranges that each is drawn from.

Knows which volumes, ejection fractions and wall thicknesses belong to health, to each kind of
disease and to each single trait. Does not know shapes; `heart` draws them.

The ranges are drawn around the adult reference values (papillary muscles in the cavity); they are
wide on purpose and are no normal table: grading values is the business of the analysis.

References
----------
Kawel-Boehm N et al., J Cardiovasc Magn Reson 2020;22:87 (adult reference ranges).
Bernard O et al., IEEE TMI 2018;37:2514 (criteria of the disease groups).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from worker.phantom.anatomy import HeartKind

Range = tuple[float, float]


class Wall(StrEnum):
    """Where the left-ventricular wall is thick."""

    EVEN = "even"
    SEPTAL = "septal"
    CONCENTRIC = "concentric"
    APICAL = "apical"


@dataclass(frozen=True)
class HeartTraits:
    """What is wrong with a heart, one thing at a time; the defaults are a healthy heart.

    Attributes
    ----------
    lv_dilated, rv_dilated
        The ventricle is large.
    lv_weak, rv_weak
        The ventricle's ejection fraction is low.
    wall
        Where the wall is thick.
    infarct
        Part of the territory of one coronary artery is thin and does not move.
    """

    lv_dilated: bool = False
    lv_weak: bool = False
    wall: Wall = Wall.EVEN
    rv_dilated: bool = False
    rv_weak: bool = False
    infarct: bool = False


TRAITS: dict[HeartKind, HeartTraits] = {
    HeartKind.HEALTHY: HeartTraits(),
    HeartKind.DILATED: HeartTraits(lv_dilated=True, lv_weak=True),
    HeartKind.HYPERTROPHIC_SEPTAL: HeartTraits(wall=Wall.SEPTAL),
    HeartKind.HYPERTROPHIC_CONCENTRIC: HeartTraits(wall=Wall.CONCENTRIC),
    HeartKind.HYPERTROPHIC_APICAL: HeartTraits(wall=Wall.APICAL),
    HeartKind.INFARCT: HeartTraits(lv_weak=True, infarct=True),
    HeartKind.RIGHT_VENTRICULAR: HeartTraits(rv_dilated=True, rv_weak=True),
}


@dataclass(frozen=True)
class Pattern:
    """Ranges that one heart is drawn from; volumes are indexed (ml per m2 of BSA)."""

    lv_edv_ml_per_m2: Range
    lv_ef_percent: Range
    rv_edv_ml_per_m2: Range
    rv_ef_percent: Range
    wall_mm: Range
    elongation: Range
    descent_mm: Range
    rv_descent_mm: Range
    heart_rate_bpm: Range
    flattening_ed: Range = (0.0, 0.03)
    flattening_es: Range = (0.0, 0.03)


PATTERNS: dict[HeartKind, Pattern] = {
    HeartKind.HEALTHY: Pattern(
        (66, 92),
        (56, 68),
        (70, 96),
        (50, 63),
        (6.4, 8.6),
        (0.94, 1.06),
        (12, 17),
        (18, 24),
        (55, 80),
    ),
    HeartKind.DILATED: Pattern(
        (112, 175),
        (14, 38),
        (70, 120),
        (28, 52),
        (6.4, 9.0),
        (0.84, 0.98),
        (3, 8),
        (9, 16),
        (65, 95),
    ),
    HeartKind.HYPERTROPHIC_SEPTAL: Pattern(
        (56, 84),
        (60, 76),
        (60, 86),
        (52, 68),
        (8.5, 11.0),
        (0.96, 1.1),
        (8, 13),
        (15, 21),
        (55, 80),
    ),
    HeartKind.HYPERTROPHIC_CONCENTRIC: Pattern(
        (52, 80),
        (58, 75),
        (58, 84),
        (52, 68),
        (15.5, 20.0),
        (0.94, 1.06),
        (7, 12),
        (14, 20),
        (58, 85),
    ),
    HeartKind.HYPERTROPHIC_APICAL: Pattern(
        (56, 82),
        (60, 76),
        (60, 86),
        (52, 68),
        (8.5, 10.5),
        (0.96, 1.1),
        (9, 14),
        (15, 21),
        (55, 80),
    ),
    HeartKind.INFARCT: Pattern(
        (82, 125),
        (22, 42),
        (62, 92),
        (42, 60),
        (8.0, 10.5),
        (0.9, 1.02),
        (5, 10),
        (13, 20),
        (60, 90),
    ),
    HeartKind.RIGHT_VENTRICULAR: Pattern(
        (55, 82),
        (50, 64),
        (118, 185),
        (18, 40),
        (6.4, 8.6),
        (0.94, 1.06),
        (9, 14),
        (7, 13),
        (62, 95),
        (0.04, 0.14),
        (0.08, 0.26),
    ),
}

_SHARES = {"lv_dilated": 0.4, "lv_weak": 0.4, "rv_dilated": 0.4, "rv_weak": 0.4, "infarct": 0.3}
"""How often a drawn heart has each trait."""

_THICK_SHARE = 0.35
_THICK_WALLS = (Wall.SEPTAL, Wall.CONCENTRIC, Wall.APICAL)
_WALL_MM = {
    Wall.EVEN: (6.4, 9.0),
    Wall.SEPTAL: (8.5, 11.0),
    Wall.CONCENTRIC: (15.5, 20.0),
    Wall.APICAL: (8.5, 10.5),
}
"""Thickness away from the regional thickening."""


def sample_traits(rng: np.random.Generator) -> HeartTraits:
    """Draw every trait by a chance of its own, so that none tells of another.

    The seven kinds go together as diseases do: whose right ventricle is ill has a sound left one.
    What learns from them alone cannot tell the two findings apart; these hearts are for that. Some
    combinations are no known disease, and the two ventricles need not pump the same volume.
    """
    has = {name: bool(rng.random() < share) for name, share in _SHARES.items()}
    thick = rng.random() < _THICK_SHARE
    wall = _THICK_WALLS[rng.integers(len(_THICK_WALLS))] if thick else Wall.EVEN
    return HeartTraits(**has, wall=wall)


def pattern_of(traits: HeartTraits) -> Pattern:
    """Return the ranges of a heart with these traits; each range hangs on one trait."""
    return Pattern(
        lv_edv_ml_per_m2=(112, 175) if traits.lv_dilated else (58, 90),
        lv_ef_percent=(16, 40) if traits.lv_weak else (55, 70),
        rv_edv_ml_per_m2=(118, 185) if traits.rv_dilated else (64, 96),
        rv_ef_percent=(16, 38) if traits.rv_weak else (50, 65),
        wall_mm=_WALL_MM[traits.wall],
        elongation=(0.84, 1.0) if traits.lv_dilated else (0.94, 1.06),
        descent_mm=(3, 9) if traits.lv_weak else (9, 16),
        rv_descent_mm=(7, 13) if traits.rv_weak else (14, 22),
        heart_rate_bpm=(55, 95),
        flattening_ed=(0.04, 0.14) if traits.rv_dilated else (0.0, 0.03),
        flattening_es=(0.08, 0.26) if traits.rv_dilated else (0.0, 0.03),
    )


FEMALE_VOLUME, FEMALE_WALL = 0.92, 0.86
"""Indexed volumes and walls of women as a share of those of men."""
