"""Draw generated hearts of a given kind or with given traits: the front door of the package.

Knows which shapes belong to health and to each thing that can be wrong, and solves the shape so
that it has the volumes that were drawn (`patterns` has the ranges). Everything a caller needs of a
heart (`Heart`, `HeartKind`, `HeartTraits`, `Label`, `HeartTruth` ...) can be imported from here.
"""

# Shape constants are drawn here by the dozen; naming each would hide the shape.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import replace
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
from worker.phantom.patterns import (
    FEMALE_VOLUME,
    FEMALE_WALL,
    PATTERNS,
    TRAITS,
    HeartTraits,
    Pattern,
    Range,
    Wall,
    pattern_of,
    sample_traits,
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
    "HeartTraits",
    "HeartTruth",
    "Label",
    "Person",
    "Placement",
    "SegmentTruth",
    "Sex",
    "Volumes",
    "Wall",
    "WallMotion",
    "sample_heart",
    "sample_heart_with",
    "sample_person",
    "sample_traits",
]


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


def _wall_bumps(wall: Wall, rng: np.random.Generator, wall_mm: float) -> list[Bump]:
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
    if wall is Wall.SEPTAL:
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
    if wall is Wall.APICAL:
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


def _motion_bumps(traits: HeartTraits, rng: np.random.Generator) -> list[Bump]:
    """Small differences of contraction that every heart has; larger ones in a weak one."""
    size = 0.22 if traits.lv_weak and not traits.infarct else 0.07
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


def _draft(
    pattern: Pattern, traits: HeartTraits, sex: Sex, edv_ml: float, rng: np.random.Generator
) -> HeartShape:
    """Draw a shape with everything drawn but what the volumes decide."""
    wall = _draw(rng, pattern.wall_mm) * (FEMALE_WALL if sex is Sex.FEMALE else 1.0)
    bumps, motion = _wall_bumps(traits.wall, rng, wall), _motion_bumps(traits, rng)
    if traits.infarct:
        thinning, lost = _infarct(rng)
        bumps, motion = bumps + thinning, motion + lost
    thick_apex = traits.wall in {Wall.APICAL, Wall.CONCENTRIC}
    wide_rv = traits.rv_dilated
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
    return _drawn(kind, PATTERNS[kind], TRAITS[kind], rng)


def sample_heart_with(traits: HeartTraits, rng: np.random.Generator) -> Heart:
    """Draw a heart with these traits and no others; it is of no kind.

    Parameters
    ----------
    traits
        What is wrong with it; `sample_traits` draws them independently of each other.
    rng
        Source of all randomness; the same state gives the same heart.
    """
    return _drawn(None, pattern_of(traits), traits, rng)


def _drawn(
    kind: HeartKind | None, pattern: Pattern, traits: HeartTraits, rng: np.random.Generator
) -> Heart:
    person = sample_person(rng)
    small = FEMALE_VOLUME if person.sex is Sex.FEMALE else 1.0
    edv_ml = _draw(rng, pattern.lv_edv_ml_per_m2) * person.bsa_m2 * small
    rv_edv_ml = _draw(rng, pattern.rv_edv_ml_per_m2) * person.bsa_m2 * small
    shape = _draft(pattern, traits, person.sex, edv_ml, rng)
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
