"""Two results of one heart: what is comparable, what differs, and what the text says of it."""

from dataclasses import replace
from math import hypot

import pytest

from plugin.domain.comparison import COMPARED, Comparison, EarlierResult, Obstacle, Verdict
from plugin.domain.findings import QualityNote
from tests.worker.findings.studies import KNOWN
from worker.findings.checker import DisagreementKind, check_comparison
from worker.findings.compare import changes_between, is_doubtful, values_of
from worker.findings.compared import change_sentence, comparison_lines, summary_sentences
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import languages, load_language
from worker.findings.reread import reread
from worker.findings.worded import worded

NOW = KNOWN["weak dilated left ventricle"]
EF = "lv_ejection_fraction"
ENGLISH = load_language("en")


def moved(assessment, by):
    """Return an assessment whose measurements ``by`` names are shifted, with their intervals."""
    return replace(
        assessment,
        measurements=tuple(
            replace(
                one,
                value=one.value + by.get(one.key, 0.0),
                interval=None
                if one.interval is None
                else (
                    one.interval[0] + by.get(one.key, 0.0),
                    one.interval[1] + by.get(one.key, 0.0),
                ),
            )
            for one in assessment.measurements
        ),
    )


def earlier(assessment, days=200, **changes):
    known = {
        "day": "2025-03-01",
        "days": days,
        "job_id": "",
        "made_by": "truth 1, cmr-triage 1",
        "same_version": True,
        "is_doubtful": False,
        "values": values_of(assessment),
    }
    return EarlierResult(**(known | changes))


def compared(by, now=NOW, **changes):
    before = moved(now, by)
    found, otherwise = changes_between(now, before)
    return Comparison((earlier(before, **changes),), found, otherwise)


def test_everything_that_is_compared_is_defined_and_in_one_order():
    assert set(COMPARED) <= set(DEFINITIONS)
    found, otherwise = changes_between(NOW, NOW)
    assert [one.key for one in found] == [key for key in COMPARED if NOW.value(key) is not None]
    assert otherwise == ()
    assert {one.verdict for one in found} <= {Verdict.WITHIN, Verdict.UNKNOWN}
    assert all(one.difference == 0 for one in found)


def test_limit_is_the_root_of_the_squares_of_both_uncertainties():
    (change,) = [one for one in compared({EF: 20.0}).changes if one.key == EF]
    half = NOW.measurement(EF).interval[1] - NOW.value(EF)
    assert change.limit == pytest.approx(hypot(half, half), abs=0.05)
    assert change.difference == pytest.approx(-20.0, abs=0.1)
    assert change.verdict is Verdict.BEYOND


@pytest.mark.parametrize(("share", "verdict"), [(0.9, Verdict.WITHIN), (1.1, Verdict.BEYOND)])
def test_a_difference_says_something_only_beyond_the_uncertainty_of_both(share, verdict):
    limit = next(one.limit for one in compared({}).changes if one.key == EF)
    (change,) = [one for one in compared({EF: share * limit}).changes if one.key == EF]
    assert change.verdict is verdict


def test_difference_is_that_of_the_printed_values():
    now = moved(NOW, {EF: 38.44 - NOW.value(EF)})
    before = moved(NOW, {EF: 42.06 - NOW.value(EF)})
    change = next(one for one in changes_between(now, before)[0] if one.key == EF)
    assert (change.now, change.before, change.difference) == (38.4, 42.1, -3.7)


def test_value_without_uncertainty_is_told_without_a_verdict():
    before = replace(
        NOW, measurements=tuple(replace(one, interval=None) for one in NOW.measurements)
    )
    found, _ = changes_between(NOW, before)
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    sentence = change_sentence(found[0], earlier(before), ENGLISH)
    assert sentence.endswith("; how much two such measurements differ is not known.")


@pytest.mark.parametrize(
    "change",
    [
        {"definition": "With the papillary muscles in the mass."},
        {"unit": "1"},
        {"phase": "ES"},
    ],
)
def test_value_of_another_definition_is_not_compared(change):
    before = replace(
        NOW,
        measurements=tuple(
            replace(one, **change) if one.key == "lv_mass" else one for one in NOW.measurements
        ),
    )
    found, otherwise = changes_between(NOW, before)
    assert otherwise == ("lv_mass",)
    assert "lv_mass" not in {one.key for one in found}
    told = summary_sentences(Comparison((earlier(before),), found, otherwise), ENGLISH)
    assert told[-1] == "Defined otherwise in the earlier result and not compared: LV mass."


def test_earlier_result_in_another_language_is_compared_all_the_same():
    assert changes_between(NOW, worded(NOW, "zh")) == changes_between(NOW, NOW)


def test_damaged_value_is_no_value():
    for wrong in (float("nan"), -4.0, 250.0):
        damaged = moved(NOW, {EF: wrong - NOW.value(EF)})
        with pytest.raises(ValueError, match=EF):
            values_of(damaged)


def test_notes_that_doubt_the_numbers_make_an_earlier_result_doubtful():
    assert not is_doubtful(replace(NOW, quality=()))
    assert is_doubtful(replace(NOW, quality=(QualityNote("repeated_slice", "One was repeated."),)))
    told = summary_sentences(compared({}, is_doubtful=True), ENGLISH)
    assert "Notes of the earlier report put its numbers in doubt." in told


def test_text_says_what_changed_and_that_the_rest_did_not():
    comparison = compared({EF: 20.0}, same_version=False)
    told = " ".join(summary_sentences(comparison, ENGLISH))
    assert told == (
        "Compared with the earlier result of 2025-03-01, 200 days before, measured by another "
        "version of software or model. Changed more than the measurement uncertainty: LV ejection "
        "fraction -20.0 percentage points. The other compared values changed within it."
    )
    (change,) = comparison.with_verdict(Verdict.BEYOND)
    limit = f"{change.limit:.1f}"
    assert change_sentence(change, comparison.latest, ENGLISH) == (
        f"LV ejection fraction {change.now:.1f} % in this study, {change.before:.1f} % on "
        "2025-03-01: -20.0 percentage points, more than the measurement uncertainty of both "
        f"({limit} percentage points)."
    )


@pytest.mark.parametrize(("days", "words"), [(0, "on the same day"), (1, "1 day before")])
def test_a_day_is_said_as_people_say_it(days, words):
    assert (
        f"2025-03-01, {words}, measured" in summary_sentences(compared({}, days=days), ENGLISH)[0]
    )


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize(
    "by", [{}, {EF: 20.0}, {EF: -9.0, "rv_ejection_fraction": 35.0, "lv_mass_index": 40.0}]
)
def test_checker_confirms_every_sentence_in_every_language(code, by):
    comparison = replace(compared(by), obstacles=tuple(Obstacle))
    lines = comparison_lines(comparison, load_language(code))
    assert check_comparison(lines, comparison, code) == ()
    said, found = reread(replace(NOW, comparison=comparison), code)
    assert found == ()
    assert said.comparison is comparison


@pytest.mark.parametrize("code", languages())
def test_checker_finds_every_wrong_number_and_verdict(code):
    comparison = compared({EF: 20.0})
    language = load_language(code)
    lines = comparison_lines(comparison, language)
    (change,) = comparison.with_verdict(Verdict.BEYOND)
    wrong = {
        f"{change.before:.1f}": DisagreementKind.UNKNOWN_NUMBER,
        f"{change.difference:+.1f}": DisagreementKind.UNKNOWN_NUMBER,
        f"{change.limit:.1f}": DisagreementKind.UNKNOWN_NUMBER,
        "200": DisagreementKind.UNKNOWN_NUMBER,
        "2025-03-01": DisagreementKind.UNKNOWN_NUMBER,
    }
    for right, kind in wrong.items():
        told = [line.replace(right, right[:-1] + str((int(right[-1]) + 1) % 10)) for line in lines]
        assert kind in {one.kind for one in check_comparison(told, comparison, code)}, right
    calm = comparison_lines(compared({}), language)
    kinds = {one.kind for one in check_comparison(calm, comparison, code)}
    assert {DisagreementKind.CONTRADICTION, DisagreementKind.OMITTED} <= kinds
    alarmed = check_comparison(lines, compared({}), code)
    assert DisagreementKind.CONTRADICTION in {one.kind for one in alarmed}


def test_comparison_comes_back_from_json_as_it_was():
    full = replace(compared({EF: 20.0}), obstacles=(Obstacle.OTHER_PERSON,))
    whole = replace(NOW, comparison=full)
    assert type(whole).from_json(whole.to_json()).comparison == full
    assert type(NOW).from_json(NOW.to_json()).comparison is None
