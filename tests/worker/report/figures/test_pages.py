"""Layout of the pages: everything legible, nothing clipped, nothing over anything else."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.transforms import Bbox

from plugin.domain.comparison import Comparison, Obstacle
from plugin.domain.findings import (
    Assessment,
    Certainty,
    NotAssessed,
    Priority,
    PrioritySuggestion,
    QualityNote,
    Stratum,
)
from tests.worker.earlier_results import beside
from tests.worker.report import samples
from worker.report.figures.canvas import Canvas, Picture
from worker.report.figures.sheet import compose_sheet, tile_layout
from worker.report.figures.summary import compose_summary, shown_slices
from worker.report.identity import NOT_VERIFIED


def boxes(canvas: Canvas) -> list[tuple[str, Bbox]]:
    """Return every text with the box of its letters (line spacing taken off)."""
    return [
        (text.get_text(), text.get_window_extent().shrunk(0.9, 0.6))
        for axes in canvas.figure.axes
        for text in axes.texts
    ]


def badly_placed(canvas: Canvas) -> list[str]:
    """Return texts that reach out of the page or lie over another one."""
    placed = boxes(canvas)
    clipped = [
        words
        for words, box in placed
        if box.x0 < 16 or box.y0 < 0 or box.x1 > canvas.width - 16 or box.y1 > canvas.height
    ]
    over = [
        f"{one} / {other}"
        for (one, a), (other, b) in combinations(placed, 2)
        if a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1
    ]
    return clipped + over


def words(canvas: Canvas) -> str:
    return " ".join(text.get_text() for text in canvas.axes.texts)


def summary(assessment: Assessment, language: str = "en", **options: int) -> Canvas:
    loaded, segmentation = samples.loaded_sample(n_phases=3, n_slices=5, size=64, **options)
    identity = samples.identity(report_language=language)
    return compose_summary(loaded.stack, segmentation.labels, assessment, identity)


def long_assessment() -> Assessment:
    sentence = "A sentence of a length that rules write when several values are borderline at once."
    thing = samples.assessment().not_assessed[0]
    return replace(
        samples.assessment(),
        impression=(sentence,) * 9,
        quality=tuple(QualityNote(f"k{i}", sentence) for i in range(6)),
        not_assessed=(NotAssessed("x", thing.code, thing.sentence),) * 30,
    )


@pytest.mark.parametrize("make", [samples.assessment, long_assessment])
def test_no_text_of_the_summary_is_clipped_or_over_another(make) -> None:
    assert badly_placed(summary(make())) == []


def test_summary_says_that_nobody_verified_it_and_which_bundle_made_it() -> None:
    text = words(summary(samples.assessment()))
    assert NOT_VERIFIED in text
    assert "cmr-sax 1.0.0" in text


def test_summary_shows_values_with_their_side_of_the_normal_range() -> None:
    text = words(summary(samples.assessment()))
    assert "▼ 38" in text
    assert "▲ 221" in text
    assert "52 to 101 ml/m²" in text
    assert "M 40–74  F 42–76 %" in text
    assert "suggested priority: URGENT" in text


def test_values_without_a_normal_range_get_none() -> None:
    whole = samples.assessment()
    bare = replace(
        whole, measurements=tuple(replace(m, normal_ranges=()) for m in whole.measurements)
    )
    canvas = summary(bare)
    column = [t.get_text() for t in canvas.axes.texts if t.get_position()[0] == 854 + 464]
    assert set(column) == {""}
    assert "▼" not in words(canvas)


def test_what_was_not_assessed_is_named_however_long_the_impression_is() -> None:
    text = words(summary(long_assessment()))
    assert "Not assessed: late contrast enhancement" in text
    assert "and more: see the report." in text


def test_statements_that_do_not_fit_are_said_to_be_in_the_report() -> None:
    assert "More in the report." in words(summary(long_assessment()))
    assert "More in the report." not in words(summary(samples.assessment()))


def test_long_ranges_of_both_sexes_stay_inside_the_table() -> None:
    whole = samples.assessment()
    both = tuple(replace(m.normal_ranges[0], low=100, high=204) for m in whole.measurements[1:2])
    ranges = tuple(replace(both[0], population=who) for who in ("men", "women"))
    rows = tuple(replace(m, normal_ranges=ranges) for m in whole.measurements)
    canvas = summary(replace(whole, measurements=rows))
    placed = [box for words, box in boxes(canvas) if words.startswith("M 100–204  F 100–204")]
    assert len(placed) >= 8
    assert max(box.x1 for box in placed) <= 838 + 678 - 14


def test_ventricle_that_is_not_reported_is_said_so_and_has_no_curve() -> None:
    whole = samples.assessment()
    left = tuple(m for m in whole.measurements if not m.key.startswith("rv_"))
    canvas = summary(replace(whole, measurements=left))
    assert "Right ventricle not reported, see the notes" in words(canvas)
    curves = [axes for axes in canvas.figure.axes if axes is not canvas.axes]
    assert [len([c for c in axes.lines if c.get_marker() == "o"]) for axes in curves] == [1]
    assert "not reported, see the notes" not in words(summary(whole))


def test_notes_are_not_cut_off_by_statements_that_the_table_shows_too() -> None:
    whole = long_assessment()
    finding = replace(whole.findings[0], sentence="The finding.")
    crowded = replace(
        whole,
        findings=(finding,),
        impression=("The finding.", *whole.impression * 2),
        quality=(QualityNote("doubt", "A doubt."),),
    )
    text = words(summary(crowded))
    places = [text.find(part) for part in ("The finding.", "Note: A doubt.", "A sentence of")]
    assert -1 not in places
    assert places == sorted(places)
    roomy = words(summary(samples.assessment()))
    assert roomy.find(samples.assessment().impression[-1]) < roomy.find("Note: ")


def test_a_finding_in_other_words_than_the_rules_stands_before_the_notes_too() -> None:
    whole = long_assessment()
    worded = replace(
        whole,
        findings=(replace(whole.findings[0], sentence="The finding."),),
        impression=("A language model's finding.", *whole.impression * 2),
        quality=(QualityNote("doubt", "A doubt."),),
    )
    text = words(summary(worded))
    places = [text.find(part) for part in ("A language model's finding.", "Note: A doubt.")]
    assert -1 not in places
    assert places == sorted(places)


def test_value_near_a_threshold_of_priority_is_shown_without_a_priority() -> None:
    near = PrioritySuggestion(Priority.ROUTINE, "near_threshold", "Near. Look.", ("lv_mass",))
    text = words(summary(replace(samples.assessment(), priority=near)))
    assert "Near. Look." in text
    assert "suggested priority" not in text


def test_summary_without_segments_or_body_surface_says_so() -> None:
    whole = samples.assessment()
    bare = replace(
        whole,
        measurements=tuple(m for m in whole.measurements if m.segment is None),
        bsa_m2=None,
        bsa_formula=None,
    )
    text = words(summary(bare))
    assert "segments could not be" in text
    assert "Body surface area unknown" in text


def test_bullseye_gives_each_segment_its_value_at_its_place() -> None:
    whole = samples.assessment()
    walls = [m for m in whole.measurements if m.segment is not None]
    marked = tuple(replace(m, value=float(m.segment or 0) + 30.0) for m in walls)
    canvas = summary(replace(whole, measurements=marked))
    at = {t.get_text(): t.get_position() for t in canvas.axes.texts}
    anterior, septal, inferior, lateral = (at[str(30 + n)] for n in (13, 14, 15, 16))
    assert anterior[1] < inferior[1]
    assert septal[0] < lateral[0]
    assert at["31"][1] < at["34"][1]  # basal anterior above basal inferior
    for right, left in ((6, 2), (5, 3), (12, 8), (11, 9)):  # lateral right of septal
        assert at[str(30 + right)][0] > at[str(30 + left)][0]


def test_shown_slices_have_cavity_in_both_phases() -> None:
    labels = np.zeros((2, 9, 4, 4), np.uint8)
    labels[0, 1:8] = 3
    labels[1, 2:7] = 3
    assert shown_slices(labels, 0, 1) == [3, 4, 5]
    labels[1] = 0
    assert all(1 <= index <= 7 for index in shown_slices(labels, 0, 1))
    labels[0] = 0
    assert len(shown_slices(labels, 0, 1)) == 3


@pytest.mark.parametrize("n_slices", [1, 10, 13, 24])
def test_contour_sheet_shows_every_slice_twice_inside_the_page(n_slices: int) -> None:
    loaded, segmentation = samples.loaded_sample(n_phases=3, n_slices=n_slices, size=48)
    canvas = compose_sheet(
        loaded.stack, segmentation.labels, samples.assessment(), samples.identity()
    )
    text = [t.get_text() for t in canvas.axes.texts]
    assert text.count("ED") == text.count("ES") == n_slices
    pictures = [one for one in canvas.axes.artists if isinstance(one, Picture)]
    assert len(pictures) == 2 * n_slices
    empty = [(segmentation.labels[phase] == 0).all(axis=(1, 2)).sum() for phase in (0, 1)]
    assert text.count("no contour") == sum(empty)
    assert badly_placed(canvas) == []
    assert canvas.height <= 1024
    for picture in pictures:
        place = picture.get_window_extent()
        assert 0 <= place.x0 < place.x1 <= canvas.width
        assert 44 <= place.y0 < place.y1 <= canvas.height


@pytest.mark.parametrize("n_slices", range(1, 25))
def test_tiles_are_large_and_all_fit(n_slices: int) -> None:
    n_columns, width, height = tile_layout(n_slices)
    assert n_columns * width <= 1536 - 40
    assert height >= 120
    assert 1.0 <= width / height <= 1.36


def test_page_of_a_report_in_another_language_is_in_english_and_says_so() -> None:
    whole = samples.assessment()
    canvas = summary(whole, "zh")
    assert "This page is in English, the report in zh-CN." in words(canvas)
    assert badly_placed(canvas) == []
    assert "This page" not in words(summary(whole))


def test_risk_strata_are_on_the_page_where_there_is_room() -> None:
    whole = replace(samples.assessment(), findings=(), impression=("Short.",), quality=())
    source = "A source"
    band = Stratum("defibrillator_evaluation", Certainty.PRESENT, "In a band.", (), source)
    usual = Stratum("ejection_fraction_preserved", Certainty.PRESENT, "Usual.", (), source)
    text = words(summary(replace(whole, strata=(usual, band))))
    assert "In a band." in text
    assert "Usual." not in text
    assert "In a band." not in words(summary(replace(long_assessment(), strata=(band,))))


@pytest.mark.parametrize("days", [0, 1, 4000])
def test_earlier_result_gets_a_strip_that_marks_what_changed(days: int) -> None:
    before = {"lv_ejection_fraction": 15.0, "rv_end_diastolic_volume": -100.0}
    canvas = summary(beside(samples.assessment(), before, days=days, same_version=False))
    assert badly_placed(canvas) == []
    assert canvas.height > summary(samples.assessment()).height
    text = words(canvas)
    assert "53.4 → 38.4 ▼ -15.0" in text
    assert "▲ +100.0" in text
    assert "measured by another version" in text
    assert "2024" not in text, "no date is on the page"


def test_page_without_an_earlier_result_speaks_of_none() -> None:
    why = Comparison(obstacles=(Obstacle.OTHER_PERSON,))
    canvas = summary(replace(samples.assessment(), comparison=why))
    assert canvas.height == summary(samples.assessment()).height
    assert "identity should be checked" in words(canvas).replace("  ", " ")
    assert "Earlier result" not in words(canvas)
