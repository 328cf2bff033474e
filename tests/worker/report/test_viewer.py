"""The pages cut sprites by what viewer.json says; the pixels and contours must be where it says."""

import json
import time

import numpy as np
from PIL import Image

from tests.worker.report import samples
from worker.report.viewer import write_viewer


def read(folder):
    index = json.loads((folder / "viewer.json").read_text())
    sprites = [
        np.asarray(Image.open(folder / f"slice-{i:02d}.png")) for i in range(index["n_slices"])
    ]
    return index, sprites


def tile(index, sprite, phase):
    row, column = divmod(phase, index["sprite_columns"])
    height, width = index["height"], index["width"]
    return sprite[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_sprites_hold_every_phase_of_every_slice_in_place(tmp_path):
    loaded, segmentation = samples.loaded_sample(n_phases=7, n_slices=3, size=64)
    assessment = samples.assessment(segmentation.labels)
    for phase in range(7):
        loaded.stack.pixels[phase, 1] = 40.0 * phase
    index, sprites = read(write_viewer(loaded.stack, segmentation.labels, assessment, tmp_path))
    shown = [tile(index, sprites[1], phase) for phase in range(7)]
    assert all(one.min() == one.max() for one in shown)
    levels = [int(one[0, 0]) for one in shown]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]
    assert index["ed_phase"] == assessment.ed_phase
    assert index["sides"].keys() == {"left", "right", "top", "bottom"}


def test_contours_enclose_the_labels_of_their_phase_and_slice(tmp_path):
    loaded, segmentation = samples.loaded_sample(n_phases=4, n_slices=4, size=64)
    labels = segmentation.labels
    assessment = samples.assessment(labels)
    # Mark the cavity in the pixels: then contour and sprite can be compared in one frame.
    loaded.stack.pixels[...] = np.where(labels == 3, 1000.0, 0.0)
    index, sprites = read(write_viewer(loaded.stack, labels, assessment, tmp_path))
    n_compared = 0
    for phase, slices in enumerate(index["contours"]["endocardium"]):
        for slice_index, lines in enumerate(slices):
            assert bool(lines) == bool((labels[phase, slice_index] == 3).any())
            if not lines:
                continue
            points = np.array(lines[0]).reshape(-1, 2)
            rows, columns = np.nonzero(tile(index, sprites[slice_index], phase) > 128)
            for axis, pixels in ((0, columns), (1, rows)):
                assert abs(points[:, axis].min() - pixels.min()) < 1.0
                assert abs(points[:, axis].max() - (pixels.max() + 1)) < 1.0
            n_compared += 1
    assert n_compared > 0


def test_viewer_names_no_patient_and_is_small(tmp_path):
    loaded, segmentation = samples.loaded_sample(n_phases=4, n_slices=4, size=64)
    assessment = samples.assessment(segmentation.labels)
    started = time.process_time()
    folder = write_viewer(loaded.stack, segmentation.labels, assessment, tmp_path)
    assert time.process_time() - started < 2.0
    text = (folder / "viewer.json").read_text()
    assert str(loaded.reference.PatientID) not in text
    assert str(loaded.reference.StudyInstanceUID) not in text
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000
