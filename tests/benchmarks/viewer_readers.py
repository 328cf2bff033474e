"""What the libraries of OHIF read of our reports and Segmentation.

    python -m tests.benchmarks.viewer_readers [--packages FOLDER]

OHIF reads with dcmjs, ``@cornerstonejs/adapters`` and its extension for structured reports
(JavaScript: needs node, npm and, once, the network; ``viewers/package.json`` names the versions).
The study is a generated heart, so what they should read is known. Exits with 1 when one of them
reads something else. dcmqi, which 3D Slicer reads with, runs with every change instead
(``tests/worker/report/test_dcmqi.py``).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom
import numpy as np

from tests.worker.report import materials
from worker.report.material import Material
from worker.report.regions import outlines
from worker.report.segmentation import segmentation
from worker.report.structured_report import FORMS, structured_report
from worker.report.structures import STRUCTURES, ends_of_cycle

_PROGRAM = Path(__file__).with_name("viewers")
_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class Line:
    """One line of what is printed: who read what, and how much of it as it was written."""

    reader: str
    what: str
    n_right: int
    n_written: int

    @property
    def good(self) -> bool:
        """Whether all of it, and something, was read as written."""
        return self.n_right == self.n_written > 0


def main() -> int:
    """Write, let them read, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, help="keep the npm packages here")
    packages = parser.parse_args().packages
    with tempfile.TemporaryDirectory(prefix="cmr-viewers-") as name:
        folder = Path(name)
        material, _ = materials.generated(folder / "images")
        files = written(material, folder)
        read = by_javascript(folder / "images", files, packages or folder / "packages")
        lines = compared(material, read, files)
    for line in lines:
        mark = "ok  " if line.good else "DIFF"
        print(f"{mark} {line.reader:30s} {line.what:38s} {line.n_right:4d} of {line.n_written}")
    return 0 if all(line.good for line in lines) else 1


def written(material: Material, folder: Path) -> dict[str, Path]:
    """Write both forms of the report and the Segmentation."""
    made = {form: structured_report(form, material) for form in FORMS}
    made["seg"] = segmentation(material)
    files = {name: folder / f"{name}.dcm" for name in made}
    for name, dataset in made.items():
        dataset.save_as(files[name], enforce_file_format=True)
    return files


def by_javascript(images: Path, files: dict[str, Path], packages: Path) -> dict[str, Any]:
    """Return what ``viewers/read_results.mjs`` tells of the files."""
    packages.mkdir(parents=True, exist_ok=True)
    for source in _PROGRAM.iterdir():
        shutil.copy(source, packages)
    install = ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=packages, check=True)
    command = ["node", "read_results.mjs", str(images), *map(str, files.values())]
    done = subprocess.run(command, cwd=packages, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compared(material: Material, read: dict[str, Any], files: dict[str, Path]) -> list[Line]:
    """Return a line for each thing that each form holds."""
    lines = []
    for form in FORMS:
        values = expected_values(files[form])
        found = [
            (group["subject"], number["code"], number["unit"], number["value"])
            for group in read[form]["groups"]
            for number in group["numbers"]
        ]
        right = sum(a == b for a, b in zip(values, found, strict=False))
        lines.append(Line(f"dcmjs, {form}", "values with code, unit and group", right, len(values)))
        regions = {one["trackingUid"]: one for one in read[form]["contours"]}
        lines.append(contours(material, form, regions))
        if form == "sr_enhanced":  # it draws no SCOORD3D POLYGON
            shown = set(read[form]["ohif"]["drawn"]) & set(regions)
            lines.append(Line(f"OHIF, {form}", "contours drawn", len(shown), len(regions)))
        else:  # and the adapters edit no outline on an image without an area
            drawn = sum(one["tool"] for one in regions.values())
            what = "contours as editable annotations"
            lines.append(Line(f"adapters, {form}", what, drawn, len(regions)))
    return [*lines, segments(material, read["seg"]["pixels"])]


def expected_values(path: Path) -> list[tuple[str, str, str, float]]:
    """Return subject, code, unit and value of every measurement, as highdicom reads them."""
    document = highdicom.sr.srread(path)
    return [
        (group.tracking_identifier, one.name.value, one.unit.value, float(one.value))
        for group in document.content.get_image_measurement_groups()
        for one in group.get_measurements()
    ]


def contours(material: Material, form: str, regions: dict[str, Any]) -> Line:
    """Return how many outlines lie where they were drawn, in mm, with structure and image."""
    stack = material.stack
    right = n_written = 0
    for outline in outlines(material):
        n_written += 1
        found = regions.get(str(material.uids.tracking(outline.subject)))
        if found is None:
            continue
        place = np.pad(outline.points, ((0, 0), (0, 1)), constant_values=1.0)
        axes = [stack.affine[:3, 0], stack.affine[:3, 1]]
        drawn = place @ np.array([*axes, stack.slice_origins_mm[outline.slice_index]])
        points = np.array(found["points"])
        image = stack.frames[outline.phase][outline.slice_index].sop_instance_uid
        same = points.shape == drawn.shape and np.allclose(points, drawn, atol=_TOLERANCE_MM)
        border = outline.border
        named = (found["finding"], found["site"]) == (border.finding.value, border.site.value)
        right += bool(same and named and found.get("image", image) == image)
    return Line(f"adapters, {form}", "contours in the patient, mm", right, n_written)


def segments(material: Material, pixels: dict[str, dict[str, int]]) -> Line:
    """Return how many frames of the Segmentation lie on their image with all their pixels."""
    frames = material.stack.frames
    drawn = [(p, one.label) for _, p in ends_of_cycle(material.assessment) for one in STRUCTURES]
    right = n_written = 0
    for number, (phase, label) in enumerate(drawn, start=1):
        for index, frame in enumerate(material.labels[phase]):
            n_pixels = int((frame == label).sum())
            if n_pixels:
                n_written += 1
                image = frames[phase][index].sop_instance_uid
                right += pixels.get(str(number), {}).get(image) == n_pixels
    return Line("adapters, seg", "frames of segments on their images", right, n_written)


if __name__ == "__main__":
    sys.exit(main())
