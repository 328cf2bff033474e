"""The page of the wall: what it says, and that it says nothing that was not measured."""

from dataclasses import replace

import pytest

from plugin.domain.findings import Assessment
from tests.worker.report import samples
from tests.worker.report.figures.test_pages import badly_placed, words
from tests.worker.report.figures.test_pictures import study
from worker.findings.definitions import SEGMENT_NAMES
from worker.report.figures.bullseye import INWARD_MM, THICKENING_PERCENT, THICKNESS_MM
from worker.report.figures.canvas import BODY_PX, Canvas
from worker.report.figures.typesetting import wrap
from worker.report.figures.wall import _WHEEL_WIDTH, compose_wall, wheel_sentence
from worker.report.identity import NOT_VERIFIED


def page(assessment: Assessment) -> Canvas:
    loaded, labels, _ = study()
    return compose_wall(loaded.stack, labels, assessment, samples.identity())


def without(*keys: str) -> Assessment:
    whole = study()[2]
    kept = tuple(one for one in whole.measurements if one.key not in keys)
    return replace(whole, measurements=kept)


def test_page_says_what_each_picture_shows_and_who_did_not_verify_it() -> None:
    whole = study()[2]
    canvas = page(whole)
    text = words(canvas)
    assert NOT_VERIFIED in text
    assert "cmr-sax 1.0.0" in text
    emptying = whole.value("lv_peak_ejection_rate")
    assert emptying is not None
    assert f"LV empties by up to {emptying:.0f} ml/s" in text
    assert "derived wall motion score" in text
    assert "Not graded by eye." in text
    assert "16 segments are thickest" in text
    assert badly_placed(canvas) == []


def test_every_segment_has_its_three_values() -> None:
    whole = study()[2]
    shown = [text.get_text() for text in page(whole).axes.texts]
    for one in whole.measurements:
        digits = {"wall_thickness_ed": 0, "wall_thickening": 0, "inward_motion": 1}.get(one.key)
        if digits is not None:
            assert f"{one.value:.{digits}f}" in shown


def test_low_scores_are_marked_in_both_wheels_of_motion() -> None:
    whole = study()[2]
    poor = tuple(
        replace(one, value=3.0) if (one.key, one.segment) == ("wall_motion_score", 5) else one
        for one in whole.measurements
    )
    marked, plain = (
        [patch for patch in page(each).axes.patches if patch.get_zorder() == 4]
        for each in (replace(whole, measurements=poor), whole)
    )
    assert (len(marked), len(plain)) == (2, 0)
    assert "1 of 16 segments" in words(page(replace(whole, measurements=poor)))


def test_what_was_not_measured_is_said_to_be_missing() -> None:
    bare = without("lv_peak_ejection_rate", "lv_peak_filling_rate")
    assert "Peak rates were not measured" in words(page(bare))
    whole = study()[2]
    unplaced = replace(
        whole,
        measurements=tuple(one for one in whole.measurements if one.segment is None),
        segment_curves=(),
    )
    text = words(page(unplaced))
    assert text.count("segments could not be") == 3
    assert "not reported, see the notes" in text
    assert "No segment thickens enough" in words(page(without("time_to_peak_thickening")))


@pytest.mark.parametrize("scale", [THICKNESS_MM, THICKENING_PERCENT, INWARD_MM])
def test_colours_grow_lighter_with_the_value_and_end_at_the_ends(scale) -> None:
    light = [sum(scale.colour(value)[:3]) for value in (scale.low, scale.high)]
    assert light[0] < light[1]
    assert scale.colour(scale.low - 50.0) == scale.colour(scale.low)
    assert scale.colour(scale.high + 50.0) == scale.colour(scale.high)


def test_sentence_of_the_thickness_fits_with_the_longest_names() -> None:
    whole = study()[2]
    longest = sorted(SEGMENT_NAMES, key=lambda number: len(SEGMENT_NAMES[number]))[-2:]
    values = dict(zip(longest, (10.0, 22.0), strict=True))
    thickness = [one for one in whole.measurements if one.key == "wall_thickness_ed"]
    drawn = tuple(
        replace(one, value=values.get(one.segment or 0, 15.0)) for one in thickness if one.segment
    )
    words = wheel_sentence(replace(whole, measurements=drawn), "wall_thickness_ed")
    assert "22 mm" in words
    assert len(wrap(words, _WHEEL_WIDTH - 32, BODY_PX - 1)) <= 2, "what is longer is cut"
