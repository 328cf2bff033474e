"""A short-axis cine of a generated heart, as arrays with geometry, timing and exact labels.

Knows how a stack is planned on a heart and what its pixels are. Does not know DICOM (`study`) and
no training randomisation (`slices`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import numpy.typing as npt

from worker.phantom.heart import Heart
from worker.phantom.noise import Float32Array, NoisePool
from worker.phantom.physics import Scanner, coil_profile, expose, sample_scanner
from worker.phantom.scene import Plane, Scene, Tables, sample_scene
from worker.phantom.tissue import Contrast

Float64Array = npt.NDArray[np.float64]
LabelMap = npt.NDArray[np.uint8]

N_SUBSLICES = 3
REACH_MM = 8.0
"""The moving region is this much wider than the heart at rest."""


@dataclass(frozen=True)
class Protocol:
    """How the stack is acquired.

    ``n_slices`` 0 plans as many as cover the heart. ``base_share`` says how far above the valve
    plane of end-diastole the first slice centre lies, in slice distances: -0.5 starts the stack
    with the first slice that is all ventricle, 0.5 adds one slice of atrium.
    """

    n_slices: int = 0
    n_phases: int = 25
    slice_distance_mm: float = 8.0
    slice_thickness_mm: float = 8.0
    pixel_mm: float = 1.4
    n_rows: int = 224
    n_columns: int = 192
    turn_deg: float = 0.0
    base_share: float = -0.5
    breath_hold_mm: float = 0.7
    blood_value: float = 800.0
    harsh: bool = False


@dataclass(frozen=True)
class PhantomCine:
    """A cine stack with everything that is true of it.

    ``pixels`` uint16 and ``labels`` uint8 are ``[phase, slice, row, column]``, slice 0 at the base;
    ``affine @ (column, row, slice, 1)`` is a voxel centre in LPS mm.
    """

    heart: Heart
    scene: Scene
    protocol: Protocol
    pixels: npt.NDArray[np.uint16]
    labels: LabelMap
    affine: Float64Array
    trigger_times_ms: Float64Array
    ed_phase: int
    es_phase: int

    @property
    def rr_interval_ms(self) -> float:
        """Time from R wave to R wave."""
        return self.heart.rr_interval_ms

    @property
    def row_cosines(self) -> Float64Array:
        """Direction of increasing column index (first triple of ImageOrientationPatient)."""
        return np.asarray(self.affine[:3, 0] / np.linalg.norm(self.affine[:3, 0]))

    @property
    def column_cosines(self) -> Float64Array:
        """Direction of increasing row index."""
        return np.asarray(self.affine[:3, 1] / np.linalg.norm(self.affine[:3, 1]))

    def position_mm(self, slice_index: int) -> Float64Array:
        """Centre of the first pixel of a slice (ImagePositionPatient)."""
        return np.asarray((self.affine @ np.array([0.0, 0.0, slice_index, 1.0]))[:3])


@dataclass(frozen=True)
class Grid:
    """Pixels of the stack in heart coordinates: in-plane axes, origin and slice heights."""

    columns_axis: Float64Array
    rows_axis: Float64Array
    first_mm: Float64Array
    heights_mm: Float64Array


def _grid(heart: Heart, protocol: Protocol, rng: np.random.Generator) -> Grid:
    """Plan the stack: perpendicular to the long axis, from the valve plane to below the apex."""
    turn = np.radians(protocol.turn_deg)
    columns_axis = np.array([np.cos(turn), np.sin(turn), 0.0])
    rows_axis = np.array([-np.sin(turn), np.cos(turn), 0.0])
    step = protocol.slice_distance_mm
    first = -step * protocol.base_share
    length = heart.shape.length_mm
    n_slices = protocol.n_slices or ceil((length - first) / step) + 1
    beside = 18.0 - 0.2 * heart.shape.rv_depth_mm
    aim = np.array([rng.normal(beside, 6.0), rng.normal(5.0, 6.0), 0.0])
    half = 0.5 * protocol.pixel_mm
    corner = aim - half * (
        (protocol.n_columns - 1) * columns_axis + (protocol.n_rows - 1) * rows_axis
    )
    heights = np.asarray(first + step * np.arange(n_slices), dtype=np.float64)
    return Grid(columns_axis, rows_axis, corner, heights)


def _affine(heart: Heart, protocol: Protocol, grid: Grid) -> Float64Array:
    """Voxel index (column, row, slice) to patient coordinates."""
    axes = heart.placement.axes
    affine = np.eye(4)
    affine[:3, 0] = grid.columns_axis @ axes * protocol.pixel_mm
    affine[:3, 1] = grid.rows_axis @ axes * protocol.pixel_mm
    affine[:3, 2] = axes[2] * protocol.slice_distance_mm
    start = grid.first_mm + np.array([0.0, 0.0, grid.heights_mm[0]])
    affine[:3, 3] = heart.to_patient(start)
    return affine


def _planes(scene: Scene, protocol: Protocol, grid: Grid, rng: np.random.Generator) -> list[Plane]:
    """One plane per slice, each breath-hold a little elsewhere."""
    columns = np.arange(protocol.n_columns)[None, :, None] * protocol.pixel_mm
    rows = np.arange(protocol.n_rows)[:, None, None] * protocol.pixel_mm
    points = grid.first_mm + columns * grid.columns_axis + rows * grid.rows_axis
    planes = []
    for height in grid.heights_mm:
        shift = rng.normal(0.0, protocol.breath_hold_mm, 2)
        x = (points[..., 0] + shift[0]).astype(np.float32)
        y = (points[..., 1] + shift[1]).astype(np.float32)
        planes.append(scene.plane(x, y, float(height), protocol.pixel_mm))
    return planes


def _subheights(protocol: Protocol, grid: Grid) -> Float32Array:
    """Heights that are averaged into each slice, slice by slice."""
    share = (np.arange(N_SUBSLICES) - (N_SUBSLICES - 1) / 2.0) / N_SUBSLICES
    heights = grid.heights_mm[:, None] + share[None, :] * protocol.slice_thickness_mm
    return np.asarray(heights.ravel(), dtype=np.float32)


def _moving_region(plane: Plane, tables: Tables, rows: slice) -> tuple[slice, slice]:
    """Rows and columns in which anything moves."""
    reach = tables.fat_mm[rows].max(axis=0)[plane.angle_index] + REACH_MM
    near = plane.radius_mm < np.maximum(reach, 45.0)
    used_rows, used_columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not used_rows.size:
        return slice(0, 0), slice(0, 0)
    return (
        slice(int(used_rows[0]), int(used_rows[-1]) + 1),
        slice(int(used_columns[0]), int(used_columns[-1]) + 1),
    )


def _cropped(plane: Plane, region: tuple[slice, slice], heights_mm: Float32Array) -> Plane:
    """Part of a plane, looked up in tables of all heights."""
    return replace(
        plane,
        x_mm=plane.x_mm[region],
        y_mm=plane.y_mm[region],
        radius_mm=plane.radius_mm[region],
        angle_index=plane.angle_index[region],
        surroundings=plane.surroundings[region],
        grain=plane.grain[region],
        flow=plane.flow[region],
        heights_mm=heights_mm,
    )


def _paint(
    scene: Scene, protocol: Protocol, grid: Grid, planes: list[Plane]
) -> tuple[Float32Array, LabelMap]:
    """Brightness and labels of every phase and slice."""
    heart, heights = scene.heart, _subheights(protocol, grid)
    size = (protocol.n_phases, len(planes), protocol.n_rows, protocol.n_columns)
    bright, labels = np.empty(size, np.float32), np.zeros(size, np.uint8)
    resting = scene.tables(heights, 0.0)
    regions, parts = [], []
    for s, plane in enumerate(planes):
        bright[:, s] = plane.surroundings
        rows = slice(s * N_SUBSLICES, (s + 1) * N_SUBSLICES)
        regions.append(_moving_region(plane, resting, rows))
        parts.append(_cropped(plane, regions[s], heights))
    for p in range(protocol.n_phases):
        contraction = heart.contraction(p / protocol.n_phases)
        tables = scene.tables(heights, contraction)
        for s, (region, part) in enumerate(zip(regions, parts, strict=True)):
            total = np.zeros(part.radius_mm.shape, np.float32)
            for k in range(s * N_SUBSLICES, (s + 1) * N_SUBSLICES):
                total += scene.brightness(replace(part, height_index=k), tables, contraction)
            bright[(p, s, *region)] = total / np.float32(N_SUBSLICES)
            middle = replace(part, height_index=s * N_SUBSLICES + N_SUBSLICES // 2)
            labels[(p, s, *region)] = scene.labels(middle, tables)
    return bright, labels


def _digitise(
    bright: Float32Array, scanner: Scanner, protocol: Protocol, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """Expose phase by phase and round to 12 bits."""
    coil = coil_profile(scanner, protocol.n_rows, protocol.n_columns)
    pixels = np.empty(bright.shape, np.uint16)
    for p in range(bright.shape[0]):
        seen = expose(bright[p], scanner, coil, rng)
        pixels[p] = np.clip(seen * protocol.blood_value, 0, 4095)
    return pixels


def acquire(heart: Heart, protocol: Protocol, rng: np.random.Generator) -> PhantomCine:
    """Image a heart.

    Parameters
    ----------
    heart
        What is imaged.
    protocol
        Geometry and timing of the stack.
    rng
        Surroundings, brightness, breath-holds and noise; the same state gives the same pixels.

    Returns
    -------
    PhantomCine
        Phase 0 is end-diastole; labels are those of `Heart.labels` at the voxel centres, moved
        with the breath-hold of each slice.
    """
    pool = NoisePool.make(rng)
    scene = sample_scene(heart, rng, pool, Contrast.BSSFP)
    scanner = sample_scanner(rng, harsh=protocol.harsh)
    grid = _grid(heart, protocol, rng)
    bright, labels = _paint(scene, protocol, grid, _planes(scene, protocol, grid, rng))
    phases = np.arange(protocol.n_phases)
    return PhantomCine(
        heart=heart,
        scene=scene,
        protocol=protocol,
        pixels=_digitise(bright, scanner, protocol, rng),
        labels=labels,
        affine=_affine(heart, protocol, grid),
        trigger_times_ms=phases * heart.rr_interval_ms / protocol.n_phases,
        ed_phase=0,
        es_phase=int(np.argmin(np.abs(phases / protocol.n_phases - heart.es_phase_fraction))),
    )
