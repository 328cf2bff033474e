"""Everything around the heart: chest wall, lungs, liver, stomach, spleen and random organs.

Knows which tissue lies at a point given in heart coordinates, short-axis picture: left is the
front of the chest, right the back, the diaphragm lies below the heart. It is a stage set, made to
look like what a network meets around real hearts, not an anatomical atlas.
"""

# Proportions of a body are drawn here by the dozen; naming each would hide the picture.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.phantom.noise import Float32Array, Noise, NoisePool
from worker.phantom.tissue import N_FREE_CLASSES, Tissue

TissueMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Blob:
    """An ellipsoidal organ with an uneven surface."""

    tissue: Tissue
    shell: Tissue | None
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    unevenness: float


@dataclass(frozen=True)
class Thorax:
    """Parameters of the surroundings; lengths in mm, heart coordinates."""

    centre_mm: tuple[float, float]
    drift: tuple[float, float]
    radii_mm: tuple[float, float]
    squareness: float
    fat_mm: float
    muscle_mm: float
    ribs: float
    rib_phase: float
    diaphragm_mm: float
    diaphragm_slope: float
    diaphragm_bend_per_mm: float
    liver_edge_mm: float
    vessels: float
    blobs: tuple[Blob, ...]
    mediastinum: tuple[Blob, ...]
    random_share: float
    coarse: Noise
    middle: Noise
    small: Noise
    fine: Noise
    organs: tuple[Noise, ...]

    def tissue(
        self, x_mm: Float32Array, y_mm: Float32Array, z_mm: Float32Array | float
    ) -> TissueMap:
        """Tissue at points in heart coordinates, as if there were no heart."""
        middle = self.middle.at(x_mm, y_mm, z_mm)
        small = self.small.at(x_mm, y_mm, z_mm)
        depth = self._depth(x_mm, y_mm, z_mm) + 1.5 * middle
        found = np.full(x_mm.shape, Tissue.LUNG, np.uint8)
        found[small + 0.5 * self.fine.at(x_mm, y_mm, z_mm) > 2.9 - self.vessels] = (
            Tissue.LUNG_VESSEL
        )
        for blob in self.mediastinum:
            size = self._blob(blob, x_mm, y_mm, z_mm) + blob.unevenness * (middle + 0.3 * small)
            found[size < 1.0] = blob.tissue
        self._abdomen(found, x_mm, y_mm, z_mm, middle, small)
        if self.random_share > 0.0:
            self._random_organs(found, x_mm, y_mm, z_mm)
        self._wall(found, x_mm, y_mm, depth, middle, small)
        return found

    def _depth(
        self, x_mm: Float32Array, y_mm: Float32Array, z_mm: Float32Array | float
    ) -> Float32Array:
        """Rough distance below the skin."""
        x = np.abs(x_mm - (self.centre_mm[0] + self.drift[0] * z_mm)) / self.radii_mm[0]
        y = np.abs(y_mm - (self.centre_mm[1] + self.drift[1] * z_mm)) / self.radii_mm[1]
        rho = (x**self.squareness + y**self.squareness) ** (1.0 / self.squareness)
        return ((1.0 - rho) * min(self.radii_mm)).astype(np.float32)

    def _abdomen(
        self,
        found: TissueMap,
        x_mm: Float32Array,
        y_mm: Float32Array,
        z_mm: Float32Array | float,
        middle: Float32Array,
        small: Float32Array,
    ) -> None:
        """Paint what lies below the diaphragm."""
        coarse = self.coarse.at(x_mm, y_mm, z_mm)
        dome = (
            self.diaphragm_mm
            + self.diaphragm_slope * x_mm
            + self.diaphragm_bend_per_mm * (x_mm - 10.0) ** 2
            - 0.06 * z_mm
        )
        below = y_mm - dome + 1.2 * coarse
        abdomen = below > 0.0
        found[abdomen] = Tissue.ABDOMINAL_FAT
        crowd = 0.7 * small + middle
        for low, tissue in ((0.5, Tissue.BOWEL), (1.1, Tissue.SPLEEN), (1.6, Tissue.STOMACH_WALL)):
            found[abdomen & (crowd > low)] = tissue
        found[abdomen & (crowd < -1.0)] = Tissue.MUSCLE
        found[abdomen & (crowd < -1.7)] = Tissue.LIVER_VESSEL
        liver = abdomen & (x_mm + 9.0 * coarse + 0.25 * below < self.liver_edge_mm)
        found[liver] = Tissue.LIVER
        found[liver & (small > 2.0)] = Tissue.LIVER_VESSEL
        for blob in self.blobs:
            size = self._blob(blob, x_mm, y_mm, z_mm) + blob.unevenness * middle
            where = (size < 1.0) & (below > 2.0)
            if blob.shell is not None:
                found[where] = blob.shell
                where = (size < 1.0 - 3.0 / min(blob.radii_mm)) & (below > 5.0)
            found[where] = blob.tissue
        found[abdomen & (below < 2.0)] = Tissue.MUSCLE

    @staticmethod
    def _blob(
        blob: Blob, x_mm: Float32Array, y_mm: Float32Array, z_mm: Float32Array | float
    ) -> Float32Array:
        """Distance from the blob's centre in units of its radii."""
        cx, cy, cz = blob.centre_mm
        rx, ry, rz = blob.radii_mm
        along = ((z_mm - cz) / rz) ** 2
        return np.sqrt(((x_mm - cx) / rx) ** 2 + ((y_mm - cy) / ry) ** 2 + along)

    def _random_organs(
        self,
        found: TissueMap,
        x_mm: Float32Array,
        y_mm: Float32Array,
        z_mm: Float32Array | float,
    ) -> None:
        """Replace part of the inside by regions of made-up tissues."""
        fields = np.stack([noise.at(x_mm, y_mm, z_mm) for noise in self.organs])
        winner = np.argmax(fields, axis=0)
        share = self.random_share * len(self.organs)
        chosen = winner < share
        found[chosen] = (int(Tissue.FREE) + winner[chosen] % N_FREE_CLASSES).astype(np.uint8)

    def _wall(
        self,
        found: TissueMap,
        x_mm: Float32Array,
        y_mm: Float32Array,
        depth: Float32Array,
        middle: Float32Array,
        small: Float32Array,
    ) -> None:
        """Paint the chest wall from the inside out: muscle with ribs, fat, air."""
        angle = np.arctan2(y_mm - self.centre_mm[1], x_mm - self.centre_mm[0])
        fat = self.fat_mm * (1.0 + 0.35 * np.cos(angle - 2.5) + 0.12 * middle)
        inner = fat + self.muscle_mm * (1.0 + 0.15 * middle)
        found[depth < inner] = Tissue.MUSCLE
        along = np.cos(self.ribs * angle + self.rib_phase + 1.5 * middle) + 0.5 * middle - 0.4
        band = (depth > fat + 0.2 * self.muscle_mm) & (depth < inner - 0.15 * self.muscle_mm)
        if self.ribs:
            found[band & (along > 0.45)] = Tissue.RIB
            found[band & (along > 0.7)] = Tissue.MARROW
        found[(depth < inner) & (small + middle > 1.9)] = Tissue.SKIN_FAT
        found[depth < fat] = Tissue.SKIN_FAT
        found[(depth < fat) & (self.fine.at(x_mm, y_mm, 0.0) > 2.4)] = Tissue.MUSCLE
        found[depth < 0.0] = Tissue.AIR


def _blobs(rng: np.random.Generator, floor_mm: float) -> tuple[Blob, ...]:
    """Stomach, spleen and a vertebra, each in about the right place."""
    u = rng.uniform
    stomach = Blob(
        Tissue.STOMACH,
        Tissue.STOMACH_WALL,
        (u(15, 60), floor_mm + u(18, 45), u(0, 70)),
        (u(15, 40), u(12, 30), u(40, 80)),
        0.12,
    )
    spleen = Blob(
        Tissue.SPLEEN,
        None,
        (u(70, 115), floor_mm + u(10, 45), u(-40, 30)),
        (u(18, 35), u(25, 45), u(30, 60)),
        0.1,
    )
    spine = Blob(
        Tissue.MARROW,
        Tissue.RIB,
        (u(70, 105), floor_mm + u(20, 70), -60.0),
        (u(16, 22), u(20, 40), u(40, 70)),
        0.1,
    )
    chosen = [blob for blob, odds in ((spine, 0.5), (spleen, 0.7), (stomach, 0.85)) if u() < odds]
    return tuple(chosen)


def _mediastinum(
    rng: np.random.Generator, heart_radius_mm: float, front_mm: float
) -> tuple[Blob, ...]:
    """Fat in front of and below the heart, and around the great vessels above its base."""
    u, r = rng.uniform, heart_radius_mm
    front = Blob(
        Tissue.HEART_FAT,
        None,
        (-front_mm * u(0.6, 1.0), r * u(0.0, 0.8), u(0, 70)),
        (front_mm * u(0.3, 0.7), r * u(0.6, 1.4), u(40, 80)),
        0.25,
    )
    below = Blob(
        Tissue.HEART_FAT,
        None,
        (u(-30, 20), r * u(0.7, 1.0), u(0, 50)),
        (u(25, 60), u(8, 22), u(40, 80)),
        0.25,
    )
    above = Blob(
        Tissue.HEART_FAT,
        None,
        (u(-35, 0), u(-20, 10), -50.0),
        (u(35, 60), u(35, 60), u(35, 50)),
        0.25,
    )
    chosen = [blob for blob, odds in ((front, 0.45), (below, 0.6), (above, 0.9)) if u() < odds]
    return tuple(chosen)


def sample_thorax(
    rng: np.random.Generator,
    pool: NoisePool,
    heart_radius_mm: float,
    front_mm: float,
    random_share: float,
) -> Thorax:
    """Draw surroundings that fit around a heart.

    Parameters
    ----------
    heart_radius_mm
        Largest epicardial radius: the diaphragm starts below it.
    front_mm
        Reach of the right ventricle towards the chest wall (positive, along -x).
    random_share
        0 for the stage set alone, 1 for made-up organs everywhere inside.
    """
    u = rng.uniform
    fat, muscle = float(u(5, 30)), float(u(8, 18))
    width = float(u(112, 150))
    left = front_mm + u(4, 22) + fat + muscle
    floor = heart_radius_mm + float(u(1.0, 9.0))
    return Thorax(
        centre_mm=(float(width - left), float(u(-10, 60))),
        drift=(float(u(0.05, 0.4)), float(u(0.1, 0.6))),
        radii_mm=(width, float(u(150, 240))),
        squareness=float(u(2.0, 3.0)),
        fat_mm=fat,
        muscle_mm=muscle,
        ribs=float(rng.integers(6, 13)) if u() < 0.5 else 0.0,
        rib_phase=float(u(0, 6.3)),
        diaphragm_mm=floor,
        diaphragm_slope=float(u(-0.25, 0.35)),
        diaphragm_bend_per_mm=float(u(0.0, 0.003)),
        liver_edge_mm=float(u(-30, 40)),
        vessels=float(u(0.0, 0.8)),
        blobs=_blobs(rng, floor),
        mediastinum=_mediastinum(rng, heart_radius_mm, front_mm),
        random_share=random_share,
        coarse=pool.draw(rng, 45.0),
        middle=pool.draw(rng, 20.0),
        small=pool.draw(rng, 8.0),
        fine=pool.draw(rng, 3.0),
        organs=tuple(
            pool.draw(rng, float(rng.choice([20.0, 45.0]))) for _ in range(N_FREE_CLASSES)
        ),
    )
