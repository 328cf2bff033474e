"""Every kind of picture for five different hearts, on one sheet to look at.

    python -m tests.benchmarks.picture_sheet OUT [--study DIR ...]

The hearts are generated and shown with their true labels; studies (folders of DICOM files) are
analysed with the bundle that ships and come below them. Pictures are taken out of the DICOM
objects, as a viewer would: the captures, the cine a third of the beat after it began, the first
text page of the PDF (with ``pdftoppm``), Segmentation and Presentation State over one of their
images. OUT gets a folder for each heart, ``sheet.html`` with all pictures, and ``sheet.jpg``.
"""

import argparse
import html
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pydicom import Dataset, dcmread

from worker.bundle import load_bundle
from worker.explain import explain
from worker.findings import assess
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate, write_study
from worker.pipeline import analyse_paths
from worker.report import AnalysisIdentity
from worker.report.build import build_results
from worker.report.figures.canvas import ENDOCARDIUM, EPICARDIUM, RIGHT_VENTRICLE
from worker.report.structures import STRUCTURES
from worker.volume import load_study

HEARTS = (
    HeartKind.HEALTHY,
    HeartKind.DILATED,
    HeartKind.HYPERTROPHIC_SEPTAL,
    HeartKind.INFARCT,
    HeartKind.RIGHT_VENTRICULAR,
)
CAPTURES = ("summary", "wall", "contours", "saliency")
KINDS = ("summary", "wall", "contours", "cine", "saliency", "seg", "gsps", "pdf")
_PROTOCOL = Protocol(n_slices=0, n_phases=20, n_rows=176, n_columns=176, pixel_mm=1.6)
_SMALL = (300, 212)
_ENLARGED, _MARGIN = 4, 24
_LAYER_COLOURS = {"LV_ENDO": ENDOCARDIUM, "LV_EPI": EPICARDIUM, "RV_ENDO": RIGHT_VENTRICLE}
_OPAQUE = 0.45


def main() -> None:
    """Make the results, take the pictures out of them, and lay them on a sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--study", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    rows: dict[str, dict[str, Path]] = {}
    for kind in HEARTS:
        folder = arguments.out / kind.value
        study = write_study(generate(kind, 3, protocol=_PROTOCOL).instances(), folder / "study")
        report_truth(kind, study, folder)
        rows[kind.value] = pictures(folder, study)
        print(f"{kind.value}: {len(rows[kind.value])} pictures")
    for given in arguments.study:
        folder = arguments.out / given.name
        folder.mkdir(parents=True, exist_ok=True)
        study = [path for path in sorted(given.rglob("*")) if path.is_file()]
        tower = SegmentationTower(load_bundle(None))
        analyse_paths(study, tower, folder, software_version="picture sheet")
        rows[given.name] = pictures(folder, study)
        print(f"{given.name}: {len(rows[given.name])} pictures")
    (arguments.out / "sheet.html").write_text(page(rows, arguments.out), encoding="utf-8")
    sheet(rows).save(arguments.out / "sheet.jpg", quality=82)
    print(arguments.out / "sheet.html")


def report_truth(kind: HeartKind, study: Sequence[Path], folder: Path) -> None:
    """Write the result objects of a generated heart with its true labels."""
    loaded = load_study(study)
    labels = generate(kind, 3, protocol=_PROTOCOL).cine().labels.astype(np.uint8)
    segmentation = Segmentation(labels, np.full(labels.shape[:2], 0.95, np.float32))
    assessment = assess(loaded.stack, segmentation, loaded.patient)
    identity = AnalysisIdentity(
        software_version="picture sheet",
        bundle_name="true labels",
        bundle_version="0",
        bundle_digest="0" * 64,
        input_digest=loaded.input_digest,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    explanation = explain(loaded.stack, labels, assessment, loaded.patient)
    build_results(loaded, segmentation, assessment, identity, folder, explanation=explanation)


def pictures(folder: Path, study: Sequence[Path]) -> dict[str, Path]:
    """Take one picture of each kind out of the objects of a result and write it as PNG."""
    images = {str(one.SOPInstanceUID): one for one in map(dcmread, study) if "PixelData" in one}
    found: dict[str, Image.Image] = {}
    for kind in KINDS:
        path = folder / f"{kind}.dcm"
        if not path.exists():
            continue
        dataset = dcmread(path)
        if kind in CAPTURES:
            found[kind] = Image.fromarray(dataset.pixel_array)
        elif kind == "cine":
            frames = dataset.pixel_array
            found[kind] = Image.fromarray(frames[len(frames) // 3])
        elif kind == "seg":
            found[kind] = segmented(dataset, images)
        elif kind == "gsps":
            found[kind] = presented(dataset, images)
        else:
            found[kind] = printed(dataset, folder)
    written = {}
    for kind, picture in found.items():
        written[kind] = folder / f"seen_{kind}.png"
        picture.save(written[kind])
    return written


def segmented(dataset: Dataset, images: Mapping[str, Dataset]) -> Image.Image:
    """Lay the segments of one image over it: the image with the largest."""
    by_image: dict[str, list[tuple[int, np.ndarray]]] = {}
    frames = zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True)
    for group, mask in frames:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        number = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        by_image.setdefault(str(source.ReferencedSOPInstanceUID), []).append((number, mask))
    uid = max(by_image, key=lambda one: sum(mask.sum() for _, mask in by_image[one]))
    colours = grey(images[uid])
    for number, mask in by_image[uid]:
        structure = STRUCTURES[(number - 1) % len(STRUCTURES)]
        colour = np.array([int(structure.colour[at : at + 2], 16) for at in (1, 3, 5)])
        colours[mask > 0] = (1 - _OPAQUE) * colours[mask > 0] + _OPAQUE * colour
    found = np.argwhere(np.any([mask for _, mask in by_image[uid]], axis=0))
    return enlarged(colours).crop(around(found[:, ::-1]))


def presented(dataset: Dataset, images: Mapping[str, Dataset]) -> Image.Image:
    """Draw the graphics of one image over it: the image with the longest."""
    by_image: dict[str, list[tuple[str, np.ndarray]]] = {}
    for annotation in dataset.GraphicAnnotationSequence:
        for item in annotation.get("GraphicObjectSequence", []):
            for image in annotation.get("ReferencedImageSequence", []):
                points = np.reshape(item.GraphicData, (-1, 2)) - 0.5
                line = (str(annotation.GraphicLayer), points)
                by_image.setdefault(str(image.ReferencedSOPInstanceUID), []).append(line)
    uid = max(by_image, key=lambda one: sum(len(points) for _, points in by_image[one]))
    picture = enlarged(grey(images[uid]))
    draw = ImageDraw.Draw(picture)
    for layer, points in by_image[uid]:
        corners = [((x + 0.5) * _ENLARGED, (y + 0.5) * _ENLARGED) for x, y in points.tolist()]
        draw.line(corners, fill=_LAYER_COLOURS[layer], width=2)
    return picture.crop(around(np.concatenate([points for _, points in by_image[uid]])))


def around(points: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box around points (column, row) in the enlarged picture."""
    low, high = points.min(axis=0) - _MARGIN, points.max(axis=0) + _MARGIN
    left, top, right, bottom = (int(n * _ENLARGED) for n in (*low, *high))
    return max(left, 0), max(top, 0), right, bottom


def printed(dataset: Dataset, folder: Path) -> Image.Image:
    """Return the first page of the PDF that has text: the pictures before it are their own."""
    path = folder / "report.pdf"
    path.write_bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])
    subprocess.run(["pdftoppm", "-r", "60", "-png", path, folder / "printed"], check=True)
    pages = sorted(folder.glob("printed-*.png"))
    with_text = [page for page in pages if Image.open(page).height > Image.open(page).width]
    return Image.open(with_text[0]).convert("RGB")


def grey(image: Dataset) -> np.ndarray:
    """Return the first frame of an image as colours ``[row, column, 3]``, 0..255."""
    pixels = np.asarray(image.pixel_array, np.float64)
    plane = pixels.reshape(-1, *pixels.shape[-2:])[0]
    low, high = np.percentile(plane, [1, 99.5])
    shades = np.clip((plane - low) / max(high - low, 1.0), 0.0, 1.0) * 255
    return np.repeat(shades[..., np.newaxis], 3, axis=2)


def enlarged(colours: np.ndarray) -> Image.Image:
    """Return colours as a picture, every pixel larger."""
    picture = Image.fromarray(colours.astype(np.uint8))
    size = (picture.width * _ENLARGED, picture.height * _ENLARGED)
    return picture.resize(size, Image.Resampling.BILINEAR)


def sheet(rows: dict[str, dict[str, Path]]) -> Image.Image:
    """Return small pictures in a row for each heart and a column for each kind."""
    width, height = _SMALL
    laid = Image.new("RGB", (width * len(KINDS), height * len(rows)), "#20262d")
    for y, (name, found) in enumerate(rows.items()):
        for x, kind in enumerate(KINDS):
            if kind not in found:
                continue
            with Image.open(found[kind]) as picture:
                small = picture.convert("RGB")
                small.thumbnail((width - 6, height - 24), Image.Resampling.LANCZOS)
            laid.paste(small, (x * width + (width - small.width) // 2, y * height + 20))
            ImageDraw.Draw(laid).text((x * width + 6, y * height + 4), f"{name}: {kind}", "white")
    return laid


def page(rows: dict[str, dict[str, Path]], folder: Path) -> str:
    """Return a page with all pictures."""
    parts = ["<!doctype html><meta charset=utf-8><title>Pictures of every kind</title>"]
    parts.append("<style>body{background:#222;color:#eee}img{max-width:48%;margin:4px}</style>")
    for name, found in rows.items():
        parts.append(f"<h2>{html.escape(name)}</h2>")
        parts += [
            f'<img src="{html.escape(path.relative_to(folder).as_posix())}" alt="{kind}">'
            for kind, path in found.items()
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    main()
