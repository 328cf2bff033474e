"""The picture of failures: its words say what is wrong and where, its slices are the worst."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("nibabel", reason="needs the extra train")

from worker.training.evaluate import Case, stack_from_array
from worker.training.failure_sheet import Failure, failures_png

pytestmark = pytest.mark.train

N_SLICES = 6
ORANGE, BLUE = (230, 159, 0), (86, 180, 233)


def truth():
    rows, columns = np.mgrid[:48, :48]
    labels = np.zeros((2, N_SLICES, 48, 48), np.uint8)
    distance = np.hypot(rows - 24, columns - 24)
    labels[:, :, np.hypot(rows - 24, columns - 8) < 7] = 1
    labels[:, :, distance < 16] = 2
    labels[:, :, distance < 10] = 3
    return labels


def failure(labels, **given):
    true = truth()
    stack = stack_from_array(true.astype(np.float32) * 50, (2.0, 1.0, 10.0))
    return Failure(
        "Dilated heart", Case("1", "dilated", stack, true), labels, (55, 41), "", **given
    )


def test_words_name_place_volume_and_structure_of_the_greatest_error():
    labels = truth()
    labels[0, 5][labels[0, 5] == 1] = 0
    n_pixels = (truth()[0, 5] == 1).sum()
    missed = failure(labels)
    ml = n_pixels * 2 * 10 / 1000
    place = "end-diastole, slice 6 of 6 (apex)"
    assert missed.why() == f"Worst place: {place}: {ml:.0f} ml of right ventricle not drawn."
    labels[1, 0][:20] = 3
    assert "end-systole, slice 1 of 6 (base)" in failure(labels).why()
    assert "left ventricle drawn where there is none" in failure(labels).why()


def test_figures_are_those_of_both_phases():
    labels = truth()
    labels[1][labels[1] == 1] = 0
    words = failure(labels).figures()
    assert words.startswith("LVEF 41 % (true 55 %, \N{MINUS SIGN}14 points)")
    assert "LV 1.00 / 1.00" in words
    assert "RV 1.00 / 0.00" in words


def test_a_cause_that_contours_do_not_tell_and_a_missing_heart_are_said():
    assert failure(truth(), cause="Slices are missing.").why() == "Slices are missing."
    assert failure(np.zeros_like(truth())).why() == "No heart was found."


def test_picture_grows_by_the_hearts_and_keeps_the_colours_of_the_lines():
    labels = truth()
    labels[:, :, :, :10] = 0
    sizes = []
    for n in (1, 2):
        written = failures_png("drawn 1.0", "The worst.", [failure(labels)] * n)
        with Image.open(BytesIO(written)) as picture:
            sizes.append(picture.size)
            shown = np.asarray(picture.convert("RGB")).astype(int)
        for colour in (ORANGE, BLUE):
            assert (np.abs(shown - colour).max(axis=2) < 25).sum() > 50
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] - sizes[0][1] > 200
