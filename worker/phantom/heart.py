"""Draw generated hearts of a given kind: the front door of the phantom package.

Knows which volumes, ejection fractions, wall thicknesses and shapes belong to health and to each
disease pattern, and solves the shape so that it has them. Everything a caller needs of a heart
(`Heart`, `HeartKind`, `Label`, `HeartTruth` ...) can be imported from here.

The ranges are drawn around the adult reference values (papillary muscles in the cavity); they are
wide on purpose and are no normal table: grading values is the business of the analysis.

References
----------
Kawel-Boehm N et al., J Cardiovasc Magn Reson 2020;22:87 (adult reference ranges).
Bernard O et al., IEEE TMI 2018;37:2514 (criteria of the disease groups).
"""

# Shape constants are drawn here by the dozen; naming each would hide the shape.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, radians, sqrt

import numpy as np

from worker.phantom.anatomy import (
    Cylinder,
    Heart,
    HeartKind,
    Label,
    Person,
    Placement,
    Sex,
)
from worker.phantom.segments import CENTRES_DEG, TERRITORIES, Territory
from worker.phantom.shape import Bump, Harmonic, HeartShape
from worker.phantom.truth import (
    HeartTruth,
    SegmentTruth,
    Volumes,
    WallMotion,
    lv_cavity_ml,
    rv_cavity_ml,
)

__all__ = [
    "Cylinder",
    "Heart",
    "HeartKind",
    "HeartTruth",
    "Label",
    "Person",
    "Placement",
    "SegmentTruth",
    "Sex",
    "Volumes",
    "WallMotion",
    "sample_heart",
    "sample_person",
]

Range = tuple[float, float]


@dataclass(frozen=True)
class Pattern:
    """Ranges that one kind of heart is drawn from; volumes are indexed (ml per m2 of BSA)."""

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


FEMALE_VOLUME, FEMALE_WALL = 0.92, 0.86
"""Indexed volumes and walls of women as a share of those of men."""


def _draw(rng: np.random.Generator, bounds: Range) -> float:
    """Draw a value between the bounds, the middle more likely than the ends."""
    low, high = bounds
    return float(low + (high - low) * rng.beta(2.0, 2.0))


def sample_person(rng: np.random.Generator) -> Person:
    """Draw an adult patient."""
    if rng.random() < 0.5:
        height, bmi, sex = rng.normal(1.77, 0.07), rng.normal(26.0, 3.0), Sex.MALE
    else:
        height, bmi, sex = rng.normal(1.64, 0.06), rng.normal(25.0, 3.2), Sex.FEMALE
    height = float(np.clip(height, 1.48, 1.98))
    bmi = float(np.clip(bmi, 18.5, 36.0))
    return Person(sex, int(rng.integers(24, 79)), round(height, 2), round(bmi * height**2, 1))


def _wall_bumps(kind: HeartKind, rng: np.random.Generator, wall_mm: float) -> list[Bump]:
    """Regional thickening of hypertrophic hearts, and the small unevenness that all have."""
    bumps = [
        Bump(
            float(rng.uniform(-0.1, 0.1)),
            float(rng.uniform(0, 2 * pi)),
            float(rng.uniform(0.1, 0.8)),
            0.8,
            0.3,
        )
        for _ in range(3)
    ]
    if kind is HeartKind.HYPERTROPHIC_SEPTAL:
        target = rng.uniform(17.0, 25.0)
        angle = radians(rng.uniform(135, 185))
        bumps.append(
            Bump(
                float(target / wall_mm - 1.0),
                angle,
                float(rng.uniform(0.25, 0.45)),
                float(rng.uniform(0.6, 0.95)),
                float(rng.uniform(0.25, 0.36)),
            )
        )
    if kind is HeartKind.HYPERTROPHIC_APICAL:
        target = rng.uniform(15.0, 21.0)
        bumps.append(
            Bump(float(target / wall_mm - 1.0), float(rng.uniform(0, 2 * pi)), 0.85, 4.0, 0.22)
        )
    return bumps


def _infarct(rng: np.random.Generator) -> tuple[list[Bump], list[Bump]]:
    """Thinned wall and missing motion in part of one coronary territory."""
    territory = list(Territory)[rng.integers(len(Territory))]
    segments = [n for n in TERRITORIES[territory] if n in CENTRES_DEG]
    angles = np.radians([CENTRES_DEG[n][0] for n in segments])
    angle = float(np.arctan2(np.mean(np.sin(angles)), np.mean(np.cos(angles))))
    centre = float(np.mean([CENTRES_DEG[n][1] for n in segments]) + rng.uniform(-0.1, 0.1))
    width, along = float(rng.uniform(0.75, 1.05)), float(rng.uniform(0.26, 0.4))
    thinning = Bump(-float(rng.uniform(0.3, 0.55)), angle, centre, width, along)
    lost = Bump(-float(rng.uniform(0.9, 1.1)), angle, centre, width * 1.15, along * 1.15)
    return [thinning], [lost]


def _motion_bumps(kind: HeartKind, rng: np.random.Generator) -> list[Bump]:
    """Small differences of contraction that every heart has; larger ones in a dilated heart."""
    size = 0.22 if kind is HeartKind.DILATED else 0.07
    return [
        Bump(
            float(rng.uniform(-size, size)),
            float(rng.uniform(0, 2 * pi)),
            float(rng.uniform(0.1, 0.8)),
            0.8,
            0.35,
        )
        for _ in range(3)
    ]


def _harmonics(rng: np.random.Generator) -> tuple[Harmonic, ...]:
    """Departures of the outline from a circle."""
    sizes = {2: 0.045, 3: 0.02, 4: 0.012, 5: 0.006}
    return tuple(
        Harmonic(
            n,
            float(rng.normal(0.0, size)),
            float(rng.uniform(0, 2 * pi)),
            float(rng.normal(0, 0.6)),
        )
        for n, size in sizes.items()
    )


def _quadratic_root(at_zero: float, at_half: float, at_one: float, target: float) -> float:
    """Smaller root in [0, 1] of the parabola through three values; the nearer end without one."""
    curvature = 2.0 * at_one - 4.0 * at_half + 2.0 * at_zero
    slope = at_one - at_zero - curvature
    offset = at_zero - target
    roots = [r.real for r in np.roots([curvature, slope, offset]) if abs(r.imag) < 1e-9]
    inside = [r for r in roots if 0.0 <= r <= 1.0]
    if inside:
        return float(min(inside))
    return 0.0 if abs(offset) < abs(at_one - target) else 1.0


def _solve_left(shape: HeartShape, edv_ml: float, ef_percent: float) -> HeartShape:
    """Set cavity radius and shortening; volume is quadratic in both, so three values suffice."""
    unit = lv_cavity_ml(replace(shape, cavity_radius_mm=1.0), 0.0, n_heights=72, n_angles=40)
    shape = replace(shape, cavity_radius_mm=sqrt(edv_ml / unit))
    most = 0.7
    esv = [
        lv_cavity_ml(replace(shape, shortening=most * f), 1.0, n_heights=72, n_angles=40)
        for f in (0.0, 0.5, 1.0)
    ]
    share = _quadratic_root(esv[0], esv[1], esv[2], edv_ml * (1.0 - ef_percent / 100.0))
    return replace(shape, shortening=most * share)


def _solve_right(shape: HeartShape, edv_ml: float, ef_percent: float) -> HeartShape:
    """Set depth and shortening of the right ventricle the same way."""
    deepest = 110.0
    edv = [
        rv_cavity_ml(replace(shape, rv_depth_mm=deepest * f), 0.0, n_heights=72, n_angles=40)
        for f in (0.0, 0.5, 1.0)
    ]
    depth = deepest * _quadratic_root(edv[0], edv[1], edv[2], edv_ml)
    shape = replace(shape, rv_depth_mm=depth)
    esv = [
        rv_cavity_ml(replace(shape, rv_shortening=f), 1.0, n_heights=72, n_angles=40)
        for f in (0.0, 0.5, 1.0)
    ]
    share = _quadratic_root(esv[0], esv[1], esv[2], edv_ml * (1.0 - ef_percent / 100.0))
    return replace(shape, rv_shortening=min(share, 0.85))


def _placement(rng: np.random.Generator) -> Placement:
    """Apex to the left, to the front and downwards, turned by up to about 15 degrees."""
    apex = np.array([0.62, -0.55, -0.55]) + rng.normal(0.0, 0.08, 3)
    apex /= np.linalg.norm(apex)
    lateral = np.array([0.70, 0.70, 0.10]) + rng.normal(0.0, 0.06, 3)
    lateral -= (lateral @ apex) * apex
    lateral /= np.linalg.norm(lateral)
    inferior = np.cross(-apex, lateral)
    origin = np.array([12.0, -8.0, 18.0]) + rng.normal(0.0, 8.0, 3)
    return Placement(origin, np.stack([lateral, inferior, apex]))


def _draft(kind: HeartKind, sex: Sex, edv_ml: float, rng: np.random.Generator) -> HeartShape:
    """Draw a shape with everything drawn but what the volumes decide."""
    pattern = PATTERNS[kind]
    wall = _draw(rng, pattern.wall_mm) * (FEMALE_WALL if sex is Sex.FEMALE else 1.0)
    bumps, motion = _wall_bumps(kind, rng, wall), _motion_bumps(kind, rng)
    if kind is HeartKind.INFARCT:
        thinning, lost = _infarct(rng)
        bumps, motion = bumps + thinning, motion + lost
    thick_apex = kind in {HeartKind.HYPERTROPHIC_APICAL, HeartKind.HYPERTROPHIC_CONCENTRIC}
    wide_rv = kind is HeartKind.RIGHT_VENTRICULAR
    return HeartShape(
        cavity_length_mm=94.0 * (edv_ml / 150.0) ** (1 / 3) * _draw(rng, pattern.elongation),
        cavity_radius_mm=25.0,
        wall_mm=wall,
        apex_wall_mm=float(rng.uniform(10, 16) if thick_apex else rng.uniform(4.0, 7.0)),
        wall_taper=float(rng.uniform(0.05, 0.25)),
        bluntness=float(rng.uniform(1.9, 2.5)),
        widest_zeta=float(rng.uniform(0.15, 0.3)),
        base_narrowing=float(rng.uniform(0.03, 0.12)),
        harmonics=_harmonics(rng),
        wall_bumps=tuple(bumps),
        motion_bumps=tuple(motion),
        shortening=0.3,
        descent_mm=_draw(rng, pattern.descent_mm),
        outflow_zeta=float(rng.uniform(0.02, 0.09)),
        curve_x_mm=float(rng.normal(0.0, 5.0)),
        curve_y_mm=float(rng.normal(0.0, 5.0)),
        septal_flattening_ed=_draw(rng, pattern.flattening_ed),
        septal_flattening_es=_draw(rng, pattern.flattening_es),
        rv_depth_mm=30.0,
        rv_shortening=0.4,
        rv_half_angle_rad=radians(rng.uniform(74, 95) if wide_rv else rng.uniform(66, 92)),
        rv_apex_zeta=float(rng.uniform(0.78, 0.95)),
        rv_roundness=float(rng.uniform(1.6, 2.8)),
        rv_skew=float(rng.uniform(-0.1, 0.35)),
        rv_squareness=float(rng.uniform(1.8, 4.0)),
        rv_blunt_edge=float(rng.uniform(0.5, 0.9)),
        rv_descent_mm=_draw(rng, pattern.rv_descent_mm),
        rv_outflow_mm=float(rng.uniform(4.0, 14.0)),
        rv_inflow_mm=float(rng.uniform(-2.0, 5.0)),
        rv_wall_mm=float(rng.uniform(4.0, 7.0) if wide_rv else rng.uniform(1.0, 2.2)),
    )


def sample_heart(kind: HeartKind | str, rng: np.random.Generator) -> Heart:
    """Draw a heart of one kind; the same generator state gives the same heart.

    Parameters
    ----------
    kind
        A `HeartKind` or its value.
    rng
        Source of all randomness.

    Raises
    ------
    ValueError
        For a kind that does not exist.
    """
    kind = HeartKind(kind)
    pattern = PATTERNS[kind]
    person = sample_person(rng)
    small = FEMALE_VOLUME if person.sex is Sex.FEMALE else 1.0
    edv_ml = _draw(rng, pattern.lv_edv_ml_per_m2) * person.bsa_m2 * small
    rv_edv_ml = _draw(rng, pattern.rv_edv_ml_per_m2) * person.bsa_m2 * small
    shape = _draft(kind, person.sex, edv_ml, rng)
    shape = _solve_left(shape, edv_ml, _draw(rng, pattern.lv_ef_percent))
    shape = _solve_right(shape, rv_edv_ml, _draw(rng, pattern.rv_ef_percent))
    rate = _draw(rng, pattern.heart_rate_bpm)
    return Heart(
        kind=kind,
        person=person,
        shape=shape,
        placement=_placement(rng),
        heart_rate_bpm=round(rate),
        es_phase_fraction=float(
            np.clip(0.36 + (rate - 70.0) * 0.002 + rng.normal(0, 0.015), 0.28, 0.45)
        ),
    )
