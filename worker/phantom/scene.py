"""A heart among its surroundings, turned into brightness and labels at points of a plane.

Knows how tissues are painted over each other with soft edges, what hides in the cavities (papillary
muscles, trabeculae, flow) and what continues above the valves (atria, aortic root). Does not know
noise, coils, slice profiles or patients' coordinates.
"""

# Proportions of a heart's neighbourhood are drawn here by the dozen.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import numpy.typing as npt

from worker.phantom.anatomy import Heart, Label
from worker.phantom.noise import Float32Array, Noise, NoisePool
from worker.phantom.scar import Scar
from worker.phantom.shape import (
    OUTFLOW_RAD,
    SEPTUM_RAD,
    Array,
    angle_between,
    base_mm,
    rv_base_mm,
    rv_depth_mm,
    ventricle,
    wall_start_zeta,
)
from worker.phantom.thorax import Thorax, sample_thorax
from worker.phantom.tissue import Contrast, Palette, Tissue, sample_palette

N_ANGLES = 480
ABOVE_MM, BELOW_MM, HEIGHT_STEP_MM = 62.0, 14.0, 1.25
ATRIUM_MM, ROOT_MM = 55.0, 45.0
LEAST_COLUMN_MM = 0.5
ATRIAL_WALL_MM = 1.2
BACK_RAD = 5.2

LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Papillary:
    """One papillary muscle, a column that stands in the cavity."""

    phi_rad: float
    reach: float
    radius_mm: float
    zeta: float
    half_length: float


@dataclass(frozen=True)
class Plane:
    """Points of one image plane in heart coordinates, made once and used for every phase.

    ``height_index`` selects a row of the tables at each point (0 everywhere for a plane
    perpendicular to the long axis).
    """

    x_mm: Float32Array
    y_mm: Float32Array
    radius_mm: Float32Array
    angle_index: npt.NDArray[np.int32]
    height_index: npt.NDArray[np.int32] | int
    heights_mm: Float32Array
    pixel_mm: float
    surroundings: Float32Array
    grain: Float32Array
    flow: Float32Array


@dataclass(frozen=True)
class Tables:
    """Radii and brightness by height and angle at one moment; shape [heights, `N_ANGLES`].

    The papillary muscles (``column_*``) are [muscle, height].
    """

    cavity_mm: Float32Array
    blood_mm: Float32Array
    epi_mm: Float32Array
    right_blood_mm: Float32Array
    right_mm: Float32Array
    outer_mm: Float32Array
    fat_mm: Float32Array
    wall_level: Float32Array
    blood_level: Float32Array
    right_level: Float32Array
    is_wall: npt.NDArray[np.bool_]
    is_left: npt.NDArray[np.bool_]
    is_right: npt.NDArray[np.bool_]
    column_mm: Float32Array
    column_x_mm: Float32Array
    column_y_mm: Float32Array


@dataclass(frozen=True)
class Scene:
    """A heart, its surroundings and one choice of brightness; a cine shows no scar."""

    heart: Heart
    thorax: Thorax
    palette: Palette
    papillaries: tuple[Papillary, ...]
    trabeculae_mm: float
    rv_trabeculae_mm: float
    fat_mm: float
    fat_phase: float
    groove_mm: float
    atrium_share: float
    aorta_mm: float
    descending_mm: tuple[float, float, float]
    flow_void: float
    ridges: Noise
    rv_ridges: Noise
    scar: Scar | None = None

    def plane(
        self, x_mm: Float32Array, y_mm: Float32Array, z_mm: Float32Array | float, pixel_mm: float
    ) -> Plane:
        """Prepare a plane: everything that does not move with the heart.

        Parameters
        ----------
        x_mm, y_mm, z_mm
            Heart coordinates of the pixels; ``z_mm`` a number for a short-axis plane.
        pixel_mm
            Pixel size, the width of a soft edge.
        """
        if isinstance(z_mm, float):
            heights, index = np.array([z_mm], np.float32), 0
        else:
            low, high = -ABOVE_MM, self.heart.shape.length_mm + BELOW_MM
            heights = np.arange(low, high, HEIGHT_STEP_MM, dtype=np.float32)
            steps = np.rint((z_mm - low) / HEIGHT_STEP_MM)
            index = np.clip(steps, 0, len(heights) - 1).astype(np.int32)
        shape = self.heart.shape
        along = np.clip(np.asarray(z_mm) / shape.length_mm, -0.3, 1.2) ** 2
        x = (x_mm - shape.curve_x_mm * along).astype(np.float32)
        y = (y_mm - shape.curve_y_mm * along).astype(np.float32)
        turn = np.arctan2(-y, x) * np.float32(N_ANGLES / (2 * pi))
        fine, small = self.thorax.fine.at(x_mm, y_mm, z_mm), self.thorax.small.at(x_mm, y_mm, z_mm)
        return Plane(
            x_mm=x,
            y_mm=y,
            radius_mm=np.hypot(x, y),
            angle_index=np.rint(turn).astype(np.int32) % N_ANGLES,
            height_index=index,
            heights_mm=heights,
            pixel_mm=pixel_mm,
            surroundings=self._surroundings(x_mm, y_mm, z_mm, 0.6 * fine + 0.8 * small, pixel_mm),
            grain=fine,
            flow=self.thorax.middle.at(x_mm, y_mm, z_mm),
        )

    def _surroundings(
        self,
        x_mm: Float32Array,
        y_mm: Float32Array,
        z_mm: Float32Array | float,
        grain: Float32Array,
        pixel_mm: float,
    ) -> Float32Array:
        """Brightness without the heart; the descending aorta included."""
        tissue = self.thorax.tissue(x_mm, y_mm, z_mm)
        level = self.palette.level[tissue] * (1.0 + self.palette.grain[tissue] * grain)
        ax, ay, radius = self.descending_mm
        away = np.hypot(x_mm - ax, y_mm - ay)
        level = _over(level, self._level(Tissue.VESSEL_WALL), _edge(radius + 1.5, away, pixel_mm))
        return _over(level, self._level(Tissue.AORTA), _edge(radius, away, pixel_mm))

    def _level(self, tissue: Tissue) -> float:
        return float(self.palette.level[tissue])

    def tables(self, heights_mm: Float32Array, contraction: float) -> Tables:
        """Radii at some heights and one state of contraction."""
        shape = self.heart.shape
        height = heights_mm[:, None].astype(np.float64)
        phi = (np.arange(N_ANGLES) * (2 * pi / N_ANGLES))[None, :]
        base = base_mm(shape, contraction)
        zeta = (height - base) / (shape.length_mm - base)
        left, above = (zeta >= 0.0) & (zeta <= 1.0), np.maximum(base - height, 0.0)
        radii = ventricle(shape, zeta, phi, contraction)
        atrium = self._left_atrium(above, phi, contraction)
        inside = (zeta <= 1.0) & (above < ATRIUM_MM)
        cavity: Array = np.where(above > 0.0, atrium, radii.endo_mm) * inside
        epi: Array = np.where(above > 0.0, atrium + ATRIAL_WALL_MM, radii.epi_mm) * inside
        ridge = np.maximum(self.ridges.at(_f32(phi * 30.0), _f32(height), 0.0), 0.0)
        rough = self.trabeculae_mm * ridge * (0.3 + np.clip(zeta, 0.0, 1.0)) * left
        blood = cavity - np.minimum(rough, 0.4 * cavity)
        right, has_right = self._right(height, phi, contraction)
        rv_ridge = np.maximum(self.rv_ridges.at(_f32(phi * 40.0), _f32(height), 0.0), 0.0)
        right_blood = right - np.minimum(self.rv_trabeculae_mm * rv_ridge, 0.6 * right)
        outer = epi + right + shape.rv_wall_mm * np.clip(right / 4.0, 0.0, 1.0)
        fat = self._fat(height, base, phi, right)
        beyond = np.clip(1.0 - (height - shape.length_mm) / 5.0, 0.0, 1.0)
        open_ring = left & (zeta < wall_start_zeta(shape, phi))
        wall_level = np.where(
            above > 0, self._level(Tissue.VESSEL_WALL), self._level(Tissue.MYOCARDIUM)
        )
        wall_level = np.where(open_ring, self._level(Tissue.AORTA), wall_level + 0.0 * phi)
        blood_level = np.where(above > 0, self._level(Tissue.ATRIUM), self._level(Tissue.LV_BLOOD))
        column_mm, column_x_mm, column_y_mm = self._columns(radii.endo_mm, zeta[:, 0])
        return Tables(
            cavity_mm=_f32(cavity),
            blood_mm=_f32(blood),
            epi_mm=_f32(epi),
            right_blood_mm=_f32(np.where(right_blood > 0.3, epi + right_blood, -9.0)),
            right_mm=_f32(epi + right),
            outer_mm=_f32(outer),
            fat_mm=_f32(outer + fat * beyond),
            wall_level=_f32(wall_level),
            blood_level=_f32(blood_level + 0.0 * phi),
            right_level=_f32(
                np.where(has_right, self._level(Tissue.RV_BLOOD), self._level(Tissue.ATRIUM))
            ),
            is_wall=left & ~open_ring,
            is_left=left & (phi >= 0.0),
            is_right=has_right,
            column_mm=column_mm,
            column_x_mm=column_x_mm,
            column_y_mm=column_y_mm,
        )

    def _fat(self, height_mm: Array, valve_mm: float, phi: Array, right_mm: Array) -> Array:
        """Depth of the fat on the heart: in the grooves, over the right ventricle, at the base."""
        front = np.exp(-((angle_between(phi, 2.0) / 0.4) ** 2))
        grooves = front + np.exp(-((angle_between(phi, 4.3) / 0.4) ** 2))
        uneven = 1.0 + np.cos(3.0 * phi + self.fat_phase + height_mm / 25.0)
        share = 0.1 + grooves + 0.5 * uneven * (right_mm > 1.0)
        around = np.clip(1.0 - np.abs(height_mm - valve_mm) / 25.0, 0.0, 1.0)
        return self.fat_mm * share + self.groove_mm * around * (0.6 + 0.2 * uneven)

    def _left_atrium(self, above_mm: Array, phi: Array, contraction: float) -> Array:
        """Radius of the left atrium above the valve; it fills while the ventricle empties."""
        shape = self.heart.shape
        valve = ventricle(shape, np.zeros((1, 1)), phi, 0.0).endo_mm
        backwards = 0.4 * np.cos(phi - BACK_RAD) * np.clip(above_mm / 15.0, 0.0, 1.0)
        dome = np.sqrt(np.clip(1.0 - (above_mm / ATRIUM_MM) ** 2, 0.0, 1.0))
        return self.atrium_share * (1.0 + 0.12 * contraction) * valve * (1.0 + backwards) * dome

    def _right(
        self, height: Array, phi: Array, contraction: float
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Depth of the right ventricle, above its valves of the atrium; and the labels."""
        shape = self.heart.shape
        base = rv_base_mm(shape, phi, contraction)
        above = np.maximum(base - height, 0.0)
        depth = rv_depth_mm(shape, height, phi, contraction)
        valve = rv_depth_mm(shape, rv_base_mm(shape, phi, 0.0), phi, 0.0)
        towards = np.cos(angle_between(phi, SEPTUM_RAD) - 0.3) ** 2
        filling = 0.8 * (1.0 + 0.12 * contraction)
        atrium = filling * valve * towards * np.sqrt(np.clip(1.0 - (above / 50.0) ** 2, 0.0, 1.0))
        return np.where(above > 0.0, atrium, depth), (above <= 0.0) & (depth > 0.0)

    def brightness(self, plane: Plane, tables: Tables, contraction: float) -> Float32Array:
        """Brightness of a plane at one moment, about 0 to 1, before any physics."""
        at, r, px = (plane.height_index, plane.angle_index), plane.radius_mm, plane.pixel_mm
        level, grain = self._level, self.palette.grain
        image = _over(
            plane.surroundings, level(Tissue.PERICARDIUM), _edge(tables.fat_mm[at] + 0.8, r, px)
        )
        fat = level(Tissue.HEART_FAT) * (1.0 + 0.1 * plane.flow)
        image = _over(image, fat, _edge(tables.fat_mm[at], r, px))
        muscle = tables.wall_level[at] * (1.0 + grain[Tissue.MYOCARDIUM] * plane.grain)
        image = _over(image, muscle, _edge(tables.outer_mm[at], r, px))
        streaming = 1.0 - self.flow_void * np.clip(plane.flow - 0.8, 0.0, 1.0)
        stirred = (1.0 + grain[Tissue.LV_BLOOD] * (0.6 * plane.grain + plane.flow)) * streaming
        image = _over(
            image, tables.right_level[at] * stirred, _edge(tables.right_blood_mm[at], r, px)
        )
        image = _over(image, muscle, _edge(tables.epi_mm[at], r, px))
        if self.scar is not None:
            radii = self.scar.radii_mm(self.heart.shape, plane.heights_mm, N_ANGLES, contraction)
            begins, ends = (_edge(_f32(radius)[at], r, px) for radius in radii)
            image = _over(image, self.scar.level, np.maximum(ends - begins, np.float32(0.0)))
        image = _over(image, tables.blood_level[at] * stirred, _edge(tables.blood_mm[at], r, px))
        image = self._papillary(image, plane, tables, muscle)
        return self._root(image, plane, contraction)

    def _columns(
        self, cavity: Array, zeta: Array
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Radius and position of the papillary muscles, each [muscle, height]."""
        size, x, y = [], [], []
        for column in self.papillaries:
            away = np.clip((zeta - column.zeta) / column.half_length, -1.0, 1.0)
            size.append(column.radius_mm * np.sqrt(1.0 - away**2))
            turn = round(column.phi_rad * N_ANGLES / (2 * pi)) % N_ANGLES
            reach = column.reach * cavity[:, turn]
            x.append(reach * np.cos(column.phi_rad))
            y.append(-reach * np.sin(column.phi_rad))
        return _f32(size), _f32(x), _f32(y)

    @staticmethod
    def _papillary(
        image: Float32Array, plane: Plane, tables: Tables, muscle: Float32Array
    ) -> Float32Array:
        """Paint the papillary muscles."""
        row = plane.height_index
        uneven = 1.0 + 0.35 * plane.flow
        for sizes, xs, ys in zip(
            tables.column_mm, tables.column_x_mm, tables.column_y_mm, strict=True
        ):
            size = sizes[row]
            if not np.any(size > LEAST_COLUMN_MM):
                continue
            distance = np.hypot(plane.x_mm - xs[row], plane.y_mm - ys[row]) * uneven
            share = _edge(size, distance, plane.pixel_mm) * (size > LEAST_COLUMN_MM)
            image = _over(image, muscle, share)
        return image

    def _root(self, image: Float32Array, plane: Plane, contraction: float) -> Float32Array:
        """Paint the aortic root above the outflow."""
        shape = self.heart.shape
        base = base_mm(shape, contraction)
        above = base - plane.heights_mm
        shown = ((above > 1.0) & (above < ROOT_MM))[plane.height_index]
        if not np.any(shown):
            return image
        reach = 0.8 * shape.cavity_radius_mm
        x, y = reach * np.cos(OUTFLOW_RAD), -reach * np.sin(OUTFLOW_RAD)
        distance = np.hypot(plane.x_mm - np.float32(x), plane.y_mm - np.float32(y))
        wall = _edge(self.aorta_mm + 2.0, distance, plane.pixel_mm) * shown
        image = _over(image, self._level(Tissue.VESSEL_WALL), wall)
        inner = _edge(self.aorta_mm, distance, plane.pixel_mm) * shown
        return _over(image, self._level(Tissue.AORTA) * (1.0 + 0.05 * plane.grain), inner)

    def labels(self, plane: Plane, tables: Tables) -> LabelMap:
        """Label of each pixel's centre; the same answer as `Heart.labels`."""
        at, r = (plane.height_index, plane.angle_index), plane.radius_mm
        found = np.zeros(r.shape, np.uint8)
        found[tables.is_right[at] & (r < tables.right_mm[at])] = Label.RV_CAVITY
        found[tables.is_left[at] & (r < tables.epi_mm[at])] = Label.BACKGROUND
        found[tables.is_wall[at] & (r < tables.epi_mm[at])] = Label.LV_MYOCARDIUM
        found[tables.is_left[at] & (r < tables.cavity_mm[at])] = Label.LV_CAVITY
        above = ~tables.is_left[at] & (r < tables.epi_mm[at])
        found[above] = Label.BACKGROUND
        return found


def _f32(values: Array) -> Float32Array:
    return np.asarray(values, dtype=np.float32)


def _edge(edge_mm: Float32Array | float, r: Float32Array, pixel_mm: float) -> Float32Array:
    """Share of a pixel that lies inside an edge."""
    share: Float32Array = np.clip((edge_mm - r) / np.float32(pixel_mm) + np.float32(0.5), 0.0, 1.0)
    return share


def _over(below: Float32Array, above: Float32Array | float, share: Float32Array) -> Float32Array:
    """Paint one brightness over another."""
    painted: Float32Array = below + (above - below) * share
    return painted


def sample_scene(
    heart: Heart,
    rng: np.random.Generator,
    pool: NoisePool,
    contrast: Contrast,
    random_share: float = 0.0,
) -> Scene:
    """Draw surroundings, brightness and the inside of the cavities for a heart."""
    u, shape = rng.uniform, heart.shape
    outer = shape.cavity_radius_mm + shape.wall_mm
    thorax = sample_thorax(rng, pool, outer, outer + shape.rv_depth_mm, random_share)
    columns = tuple(
        Papillary(
            phi_rad=float(np.radians(angle + rng.normal(0, 10))),
            reach=float(u(0.5, 0.75)),
            radius_mm=float(u(3.0, 6.5)),
            zeta=float(u(0.42, 0.62)),
            half_length=float(u(0.18, 0.32)),
        )
        for angle in (40.0, 292.0)
    )
    return Scene(
        heart=heart,
        thorax=thorax,
        palette=sample_palette(rng, contrast),
        papillaries=columns,
        trabeculae_mm=float(u(0.3, 2.6)),
        rv_trabeculae_mm=float(u(0.5, 5.0)),
        fat_mm=float(u(0.5, 7.0)),
        fat_phase=float(u(1.5, 5.0)),
        groove_mm=float(u(1.0, 8.0)),
        atrium_share=float(u(0.65, 0.95)),
        aorta_mm=float(u(11.0, 16.0)),
        descending_mm=(float(u(30, 75)), outer + float(u(-25, 15)), float(u(8, 13))),
        flow_void=float(u(0.0, 0.4)),
        ridges=pool.draw(rng, float(rng.choice([3.0, 8.0]))),
        rv_ridges=pool.draw(rng, 8.0),
    )
