"""What dcmqi, by which 3D Slicer's QuantitativeReporting reads, makes of our objects."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest

from tests.worker.report.conftest import Reported
from worker.report.structures import STRUCTURES, ends_of_cycle


def dcmqi(name: str, *arguments: str) -> str:
    """Run one of the programs of the Python package ``dcmqi``."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["sr", "sr_enhanced"])
def test_dcmqi_reads_every_value_with_its_place_and_unit(
    reported: Reported, tmp_path: Path, kind: str
) -> None:
    report, told = reported.files[kind].path, tmp_path / "told.json"
    dcmqi("tid1500reader", "--inputDICOM", str(report), "--outputMetadata", str(told))
    groups = json.loads(told.read_text("utf-8"))["Measurements"]
    found = [
        (
            group["TrackingUniqueIdentifier"],
            group["FindingSite"]["CodeValue"],
            item["quantity"]["CodeValue"],
            item["units"]["CodeValue"],
            float(item["value"]),
        )
        for group in groups
        for item in group["measurementItems"]
    ]
    written = [
        (
            str(group.tracking_uid),
            group.finding_sites[0].value.value,
            one.name.value,
            one.unit.value,
            float(one.value),
        )
        for group in highdicom.sr.srread(report).content.get_image_measurement_groups()
        for one in group.get_measurements()
    ]
    assert len(written) == 30
    assert found == written
    assert len(set(found)) == len(found), "two values that it cannot tell apart"
    assert sum("Finding" in group for group in groups) == 24, "the contours, by what they outline"


def test_dcmqi_reads_the_labels_of_every_segment_in_their_place(
    reported: Reported, tmp_path: Path
) -> None:
    segmentation = str(reported.files["seg"].path)
    out = ("--outputDirectory", str(tmp_path), "--prefix", "seg")
    dcmqi("segimage2itkimage", "--inputDICOM", segmentation, *out)
    stack, labels = reported.loaded.stack, reported.segmentation.labels
    number = 0
    for _, phase in ends_of_cycle(reported.assessment):
        for structure in STRUCTURES:
            number += 1
            volume, affine = nrrd(tmp_path / f"seg-{number}.nrrd")
            expected = np.argwhere(labels[phase] == structure.label)[:, [2, 1, 0]]
            assert len(expected) > 0
            at = np.argwhere(volume)
            assert places(at, affine) == places(expected, stack.affine), structure
    attributes = json.loads((tmp_path / "seg-meta.json").read_text("utf-8"))["segmentAttributes"]
    assert [one["labelID"] for file in attributes for one in file] == list(range(1, number + 1))


def places(indices: np.ndarray, affine: np.ndarray) -> set[tuple[float, ...]]:
    """Return where voxels ``[voxel, axis]`` lie in the patient, to a hundredth of a mm."""
    points = indices @ affine[:3, :3].T + affine[:3, 3]
    return {tuple(point) for point in np.round(points, 2) + 0.0}


def nrrd(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels ``[column, row, slice]`` of a file as dcmqi writes it, and affine (LPS, mm)."""
    header, _, content = path.read_bytes().partition(b"\n\n")
    fields: dict[str, Any] = dict(
        line.split(": ", 1) for line in header.decode().splitlines() if ": " in line
    )
    assert (fields["type"], fields["encoding"]) == ("short", "gzip")
    sizes = [int(number) for number in fields["sizes"].split()]
    affine = np.eye(4)
    for axis, vector in enumerate(fields["space directions"].split()):
        affine[:3, axis] = np.array(vector.strip("()").split(","), float)
    affine[:3, 3] = np.array(fields["space origin"].strip("()").split(","), float)
    voxels = np.frombuffer(gzip.decompress(content), "<i2").reshape(sizes, order="F")
    return voxels, affine
