"""The beating surface of a generated heart, in its own coordinates.

Knows the radius of the left-ventricular endocardium and epicardium and of the right-ventricular
free wall at every height, angle and state of contraction, and conserves the myocardium while it
moves. Does not know patients, images, slices or DICOM.

Heart coordinates (mm): ``z`` runs from the mitral valve plane at end-diastole (0) to the epicardial
apex, ``x`` from the right ventricle to the lateral wall, ``y`` from anterior to inferior; looking
along -z (from the apex) this is the usual short-axis picture. ``phi`` is counter-clockwise in that
picture, ``atan2(-y, x)``: lateral 0, anterior 90, septum 180, inferior 270 degrees. ``zeta`` is the
material height, 0 at the valve plane of the moment and 1 at the apex.

Every wall sector keeps ``(epi^2 - endo^2) * length``: what the wall loses in circumference and
length it gains in thickness, so mass is conserved by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Any

from array_api_compat import array_namespace

Array = Any
"""Any array of the Python array API standard (numpy here, torch where a caller brings it)."""

SEPTUM_RAD = pi
OUTFLOW_RAD = pi * 0.78


@dataclass(frozen=True)
class Bump:
    """A smooth regional change of the wall, as a fraction of the value around it.

    ``amplitude`` -0.4 makes the wall 40 % thinner there, or its motion 40 % smaller.
    """

    amplitude: float
    phi_rad: float
    zeta: float
    width_rad: float
    width_zeta: float


@dataclass(frozen=True)
class Harmonic:
    """One cosine of the outline, its amplitude fading from base to apex or the other way."""

    order: int
    amplitude: float
    phi_rad: float
    twist_rad: float


@dataclass(frozen=True)
class HeartShape:
    """Everything that fixes the surfaces; lengths in mm at end-diastole."""

    cavity_length_mm: float
    cavity_radius_mm: float
    wall_mm: float
    apex_wall_mm: float
    wall_taper: float
    bluntness: float
    widest_zeta: float
    base_narrowing: float
    harmonics: tuple[Harmonic, ...]
    wall_bumps: tuple[Bump, ...]
    motion_bumps: tuple[Bump, ...]
    shortening: float
    descent_mm: float
    outflow_zeta: float
    curve_x_mm: float
    curve_y_mm: float
    septal_flattening_ed: float
    septal_flattening_es: float
    rv_depth_mm: float
    rv_shortening: float
    rv_half_angle_rad: float
    rv_apex_zeta: float
    rv_roundness: float
    rv_skew: float
    rv_squareness: float
    rv_blunt_edge: float
    rv_descent_mm: float
    rv_outflow_mm: float
    rv_inflow_mm: float
    rv_wall_mm: float

    @property
    def length_mm(self) -> float:
        """Valve plane to epicardial apex at end-diastole."""
        return self.cavity_length_mm + self.apex_wall_mm

    @property
    def cavity_end_zeta(self) -> float:
        """Material height of the endocardial apex."""
        return self.cavity_length_mm / self.length_mm


@dataclass(frozen=True)
class Radii:
    """Distances from the long axis in mm, broadcast over the requested heights and angles."""

    endo_mm: Array
    epi_mm: Array


def angle_between(phi: Array, centre_rad: float) -> Array:
    """Signed smallest angle from ``centre_rad`` to ``phi``, in [-pi, pi)."""
    xp = array_namespace(phi)
    return xp.remainder(phi - (centre_rad - pi), 2 * pi) - pi


def bump_field(bumps: tuple[Bump, ...], zeta: Array, phi: Array) -> Array:
    """Sum of the regional changes at each point (0 where nothing differs)."""
    xp = array_namespace(zeta, phi)
    total = xp.zeros_like(zeta + phi)
    for bump in bumps:
        around = angle_between(phi, bump.phi_rad) / bump.width_rad
        along = (zeta - bump.zeta) / bump.width_zeta
        total = total + bump.amplitude * xp.exp(-0.5 * (around**2) ** 1.5 - 0.5 * (along**2) ** 1.5)
    return total


def _profile(shape: HeartShape, zeta: Array, end_zeta: float) -> Array:
    """Radius along the axis as a share of the widest: narrowed base, blunt closed apex."""
    xp = array_namespace(zeta)
    widest = shape.widest_zeta
    below = xp.clip((zeta - widest) / (end_zeta - widest), 0.0, 1.0)
    above = xp.clip((widest - zeta) / widest, 0.0, 1.0)
    apex = (1.0 - below**shape.bluntness) ** (1.0 / shape.bluntness)
    return apex * (1.0 - shape.base_narrowing * above**2)


def _outline(shape: HeartShape, zeta: Array, phi: Array, contraction: float) -> Array:
    """Departure of the cavity from a circle at each height and angle."""
    xp = array_namespace(zeta, phi)
    total = xp.ones_like(zeta + phi)
    for wave in shape.harmonics:
        total = total + wave.amplitude * xp.cos(
            wave.order * (phi - wave.phi_rad) + wave.twist_rad * zeta
        )
    flat = shape.septal_flattening_ed + contraction * (
        shape.septal_flattening_es - shape.septal_flattening_ed
    )
    if flat:
        total = total * (1.0 - flat * xp.exp(-((angle_between(phi, SEPTUM_RAD) / 0.75) ** 2)))
    return total


def motion_field(shape: HeartShape, zeta: Array, phi: Array) -> Array:
    """Share of the heart's shortening that each place takes part in: 1 normal, 0 akinetic."""
    return 1.0 + bump_field(shape.motion_bumps, zeta, phi)


def base_mm(shape: HeartShape, contraction: float) -> float:
    """Height of the mitral valve plane; it descends towards the resting apex."""
    return shape.descent_mm * contraction


def stretch(shape: HeartShape, contraction: float) -> float:
    """Length of the ventricle as a share of its end-diastolic length."""
    return (shape.length_mm - base_mm(shape, contraction)) / shape.length_mm


def ventricle(shape: HeartShape, zeta: Array, phi: Array, contraction: float) -> Radii:
    """Endocardial and epicardial radius of the left ventricle.

    Parameters
    ----------
    zeta, phi
        Material height (clipped to 0..1) and angle, broadcast against each other.
    contraction
        0 at end-diastole, 1 at end-systole.
    """
    xp = array_namespace(zeta, phi)
    zeta = xp.clip(zeta, 0.0, 1.0)
    cavity = _profile(shape, zeta, shape.cavity_end_zeta)
    outline = _outline(shape, zeta, phi, 0.0)
    resting = shape.cavity_radius_mm * cavity * outline
    wall = (
        shape.wall_mm
        * (1.0 - shape.wall_taper * zeta)
        * (1.0 + bump_field(shape.wall_bumps, zeta, phi))
    )
    end = _profile(shape, zeta, 1.0)
    outer = (shape.cavity_radius_mm * outline + wall) * end
    floor = xp.where(cavity > 0.0, resting + 1.5 * end, 0.0 * resting)
    outer = xp.where(outer > floor, outer, floor)
    area = outer**2 - resting**2
    moved = (
        shape.cavity_radius_mm
        * cavity
        * (outline if contraction == 0.0 else _outline(shape, zeta, phi, contraction))
        * (1.0 - contraction * shape.shortening * motion_field(shape, zeta, phi))
    )
    return Radii(moved, xp.sqrt(moved**2 + area / stretch(shape, contraction)))


def wall_start_zeta(shape: HeartShape, phi: Array) -> Array:
    """Where the wall begins below the valve plane: the ring is open towards the outflow."""
    xp = array_namespace(phi)
    return shape.outflow_zeta * xp.exp(-((angle_between(phi, OUTFLOW_RAD) / 0.55) ** 4))


def rv_base_mm(shape: HeartShape, phi: Array, contraction: float) -> Array:
    """Height of the right ventricle's upper end: outflow higher (negative), inflow lower."""
    xp = array_namespace(phi)
    side = xp.tanh(angle_between(phi, SEPTUM_RAD) / 0.8)
    tilt = xp.where(side < 0.0, side * shape.rv_outflow_mm, side * shape.rv_inflow_mm)
    return tilt + shape.rv_descent_mm * contraction


def rv_depth_mm(shape: HeartShape, height_mm: Array, phi: Array, contraction: float) -> Array:
    """Depth of the right-ventricular cavity beyond the septal epicardium, 0 where there is none.

    Parameters
    ----------
    height_mm
        Heart coordinate z.
    """
    xp = array_namespace(height_mm, phi)
    base = rv_base_mm(shape, phi, contraction)
    end = shape.rv_apex_zeta * shape.length_mm
    eta = (height_mm - base) / (end - base)
    inside = xp.clip(eta, 0.0, 1.0)
    along = (1.0 - inside**shape.rv_roundness) * (0.86 + 0.55 * inside * (1.0 - inside))
    half = shape.rv_half_angle_rad * (1.0 - 0.45 * inside**1.5)
    theta = angle_between(phi, SEPTUM_RAD) / half
    lens = (1.0 - xp.clip(xp.abs(theta), 0.0, 1.0) ** shape.rv_squareness) ** shape.rv_blunt_edge
    depth = shape.rv_depth_mm * (1.0 - contraction * shape.rv_shortening) * along * lens
    depth = depth * (1.0 + shape.rv_skew * theta * (1.0 - inside))
    return xp.where((eta >= 0.0) & (eta <= 1.0), depth, 0.0 * depth)


def contraction_at(phase_fraction: float, es_fraction: float) -> float:
    """State of contraction in the heart cycle: 0 at the R wave, 1 at end-systole.

    Ejection, rapid filling to 80 %, diastasis and the atrial kick.

    Parameters
    ----------
    phase_fraction
        Time after the R wave as a fraction of the RR interval; any number, taken modulo 1.
    es_fraction
        Time of end-systole, 0.2 to 0.5.
    """
    t = phase_fraction % 1.0
    if t <= es_fraction:
        return 0.5 - 0.5 * cos(pi * t / es_fraction)
    rest = (t - es_fraction) / (1.0 - es_fraction)
    early, kick = 0.48, 0.80
    if rest <= early:
        return 0.2 + 0.8 * (0.5 + 0.5 * cos(pi * rest / early))
    if rest <= kick:
        return 0.2
    return 0.2 * (0.5 + 0.5 * cos(pi * (rest - kick) / (1.0 - kick)))
