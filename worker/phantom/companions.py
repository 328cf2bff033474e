"""The other series of the examination: localiser, long axes, late enhancement, T1 map, flow.

Cuts through the same scene as the short-axis cine, small and quick. They give a study its usual
company, so that finding the short-axis cine among them is a real task. The long-axis cines show
true motion, late enhancement the heart's scar, so that reading them can be learnt and tested; T1
and flow values are plausible, not simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from worker.phantom.cine import PhantomCine
from worker.phantom.noise import Float32Array
from worker.phantom.physics import coil_profile, expose, sample_scanner
from worker.phantom.pictures import Picture, SeriesKind, SlicePose
from worker.phantom.scar import Scar, infarct_scar
from worker.phantom.scene import Scene
from worker.phantom.tissue import Tissue

Float64Array = npt.NDArray[np.float64]

SIZE = 128
PIXEL_MM = 2.2
AIR_BELOW = 0.1
LONG_AXIS_DEG = {
    SeriesKind.FOUR_CHAMBER: 8.0,
    SeriesKind.TWO_CHAMBER: 98.0,
    SeriesKind.THREE_CHAMBER: 140.0,
}
"""Angle of each long-axis plane around the long axis, heart coordinates."""

_BLOOD = (Tissue.LV_BLOOD, Tissue.RV_BLOOD, Tissue.ATRIUM, Tissue.AORTA)
LATE_LEVELS = {Tissue.MYOCARDIUM: 0.05, **dict.fromkeys(_BLOOD, 0.6)}
"""Brightness ten minutes after contrast, the myocardium nulled."""


@dataclass(frozen=True)
class Cut:
    """A plane in heart coordinates: centre, direction of the columns and of the rows."""

    centre_mm: Float64Array
    across: Float64Array
    down: Float64Array


def _pose(scene: Scene, cut: Cut) -> SlicePose:
    """Where the cut lies in the patient."""
    axes = scene.heart.placement.axes
    corner = cut.centre_mm - 0.5 * PIXEL_MM * (SIZE - 1) * (cut.across + cut.down)
    return SlicePose(
        np.asarray(scene.heart.to_patient(corner)),
        np.asarray(cut.across @ axes),
        np.asarray(cut.down @ axes),
    )


def _brightness(scene: Scene, cut: Cut, contractions: list[float]) -> Float32Array:
    """Brightness of a cut at several moments, ``[phase, row, column]``."""
    steps = (np.arange(SIZE) - (SIZE - 1) / 2.0) * PIXEL_MM
    points = (
        cut.centre_mm + steps[None, :, None] * cut.across + steps[:, None, None] * cut.down
    ).astype(np.float32)
    z = points[..., 2]
    flat = float(np.ptp(z)) < 1e-3  # noqa: PLR2004 - rounding
    plane = scene.plane(points[..., 0], points[..., 1], float(z[0, 0]) if flat else z, PIXEL_MM)
    return np.stack(
        [scene.brightness(plane, scene.tables(plane.heights_mm, c), c) for c in contractions]
    )


def _shown(bright: Float32Array, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Expose images and round to 12 bits."""
    scanner = sample_scanner(rng, harsh=False)
    seen = expose(bright, scanner, coil_profile(scanner, SIZE, SIZE), rng)
    return np.asarray(np.clip(seen * 800.0, 0, 4095), dtype=np.uint16)


def _picture(
    cine: PhantomCine,
    kind: SeriesKind,
    pixels: npt.NDArray[np.uint16],
    cuts: list[Cut],
    trigger_times_ms: Float64Array | None,
) -> Picture:
    return Picture(
        kind=kind,
        pixels=pixels,
        poses=tuple(_pose(cine.scene, cut) for cut in cuts),
        pixel_spacing_mm=(PIXEL_MM, PIXEL_MM),
        slice_thickness_mm=8.0,
        slice_distance_mm=cine.protocol.slice_distance_mm,
        rr_interval_ms=cine.rr_interval_ms,
        trigger_times_ms=trigger_times_ms,
    )


def long_axis_picture(
    cine: PhantomCine, kind: SeriesKind, rng: np.random.Generator, apart_mm: float = 0.0
) -> Picture:
    """Cine of one plane through the long axis; ``apart_mm`` as in `late_enhancement_picture`."""
    angle = np.radians(LONG_AXIS_DEG[kind])
    across = np.array([np.cos(angle), -np.sin(angle), 0.0])
    cut = Cut(np.array([0.0, 0.0, 35.0]), across, np.array([0.0, 0.0, -1.0]))
    n = cine.protocol.n_phases
    moments = [cine.heart.contraction(p / n) for p in range(n)]
    bright = _brightness(cine.scene, _apart(cut, apart_mm, rng), moments)
    return _picture(cine, kind, _shown(bright, rng)[:, None], [cut], cine.trigger_times_ms)


def _apart(cut: Cut, spread_mm: float, rng: np.random.Generator) -> Cut:
    """Return what is imaged of a cut when the heart lies elsewhere in that breath-hold."""
    if not spread_mm:
        return cut
    return replace(cut, centre_mm=cut.centre_mm + rng.normal(0.0, spread_mm, 3))


def _localiser(cine: PhantomCine, rng: np.random.Generator) -> Picture:
    """Three planes along the patient's axes, three slices each."""
    to_heart = cine.heart.placement.axes.T
    left, back, up = to_heart[0], to_heart[1], to_heart[2]
    centre = np.array([10.0, 5.0, 35.0])
    cuts = [
        Cut(centre + offset * normal, across, down)
        for across, down, normal in ((left, back, up), (back, -up, left), (left, -up, back))
        for offset in (-25.0, 0.0, 25.0)
    ]
    pixels = np.stack([_shown(_brightness(cine.scene, cut, [0.2])[0], rng) for cut in cuts])
    return _picture(cine, SeriesKind.LOCALISER, pixels[None], cuts, None)


def _short_axis_cuts(n_slices: int) -> list[Cut]:
    """Planes perpendicular to the long axis, base to apex."""
    across, down = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    heights = np.linspace(8.0, 68.0, n_slices)
    return [Cut(np.array([15.0, 5.0, z]), across, down) for z in heights]


def _with_levels(scene: Scene, levels: dict[Tissue, float]) -> Scene:
    """Return the same scene with other brightness of some tissues."""
    level = scene.palette.level.copy()
    for tissue, value in levels.items():
        level[tissue] = value
    return replace(scene, palette=replace(scene.palette, level=level))


def late_enhancement_picture(
    cine: PhantomCine, rng: np.random.Generator, scar: Scar | None, apart_mm: float = 0.0
) -> Picture:
    """Nulled myocardium, bright blood and brighter scar at mid-diastole.

    Parameters
    ----------
    scar
        What is enhanced; None for a wall without scar.
    apart_mm
        How far the heart lies from where the headers say, from breath-hold to breath-hold
        (standard deviation along each axis).
    """
    scene = replace(_with_levels(cine.scene, LATE_LEVELS), scar=scar, flow_void=0.0)
    cuts = _short_axis_cuts(9)
    shown = [_brightness(scene, _apart(cut, apart_mm, rng), [0.2])[0] for cut in cuts]
    pixels = np.stack([_shown(bright, rng) for bright in shown])
    trigger = np.array([0.75 * cine.rr_interval_ms])
    return _picture(cine, SeriesKind.LGE, pixels[None], cuts, trigger)


def _t1_map(cine: PhantomCine, rng: np.random.Generator) -> Picture:
    """Pixel values are T1 in ms: blood 1550, myocardium 1000, fat 300 at 1.5 T."""
    scene = _with_levels(
        cine.scene,
        {
            Tissue.MYOCARDIUM: 1.0,
            Tissue.LV_BLOOD: 1.55,
            Tissue.RV_BLOOD: 1.55,
            Tissue.ATRIUM: 1.55,
            Tissue.AORTA: 1.55,
            Tissue.HEART_FAT: 0.3,
            Tissue.SKIN_FAT: 0.3,
        },
    )
    cuts = _short_axis_cuts(3)
    bright = np.stack([_brightness(scene, cut, [0.2])[0] for cut in cuts])
    noisy = 1000.0 * bright + rng.normal(0.0, 25.0, bright.shape)
    pixels = np.asarray(np.clip(noisy, 0, 4095), dtype=np.uint16)
    return _picture(
        cine, SeriesKind.T1_MAP, pixels[None], cuts, np.array([0.75 * cine.rr_interval_ms])
    )


def _flow(cine: PhantomCine, rng: np.random.Generator) -> Picture:
    """Velocity images across the aorta: grey 2048 is standstill, more is flow to the head."""
    cut = Cut(np.array([5.0, 0.0, -25.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    n = min(cine.protocol.n_phases, 20)
    moments = [cine.heart.contraction(p / n) for p in range(n)]
    bright = _brightness(cine.scene, cut, moments)
    speed = np.maximum(np.diff(np.array([*moments, moments[0]])), 0.0) * n / 4.0
    blood = bright > 0.6 * float(cine.scene.palette.level[Tissue.AORTA])
    noise = rng.normal(0.0, 60.0, bright.shape)
    noise += rng.normal(0.0, 500.0, bright.shape) * (bright < AIR_BELOW)
    values = 2048.0 + 1200.0 * speed[:, None, None] * blood + noise
    pixels = np.asarray(np.clip(values, 0, 4095), dtype=np.uint16)[:, None]
    times = np.arange(n) * cine.rr_interval_ms / n
    return _picture(cine, SeriesKind.FLOW, pixels, [cut], times)


def companion_pictures(cine: PhantomCine, rng: np.random.Generator) -> list[Picture]:
    """Draw every other series of the examination, in the order it would be acquired.

    Parameters
    ----------
    rng
        Noise of these series; the same state gives the same pixels.
    """
    return [
        _localiser(cine, rng),
        *(long_axis_picture(cine, kind, rng) for kind in LONG_AXIS_DEG),
        _flow(cine, rng),
        _t1_map(cine, rng),
        late_enhancement_picture(cine, rng, infarct_scar(cine.heart)),
    ]
