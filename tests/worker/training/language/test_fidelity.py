"""Texts about a study are read back from their words alone: true ones pass, others are found."""

from dataclasses import replace

import pytest

from plugin.domain.evidence import FactKind, cited
from plugin.domain.wording import Author
from tests.worker.words import SEED, corpus, evidence
from worker.model.language.vocabulary import Task
from worker.training.language.acceptability import (
    Grade,
    acceptability_tables,
    judge_report,
    sheet,
)
from worker.training.language.corpus import study_of
from worker.training.language.dictation import WrittenStudy, WrittenText
from worker.training.language.fidelity import How, judge_study
from worker.training.language.fidelity_table import fidelity_tables, share_text
from worker.training.language.leading_histories import Probe

INDEX = 0
ASSESSMENT = study_of(SEED, INDEX).assessment


def good_study(code="en"):
    """Return a study whose texts are the corpus's answers."""
    own = [one for one in corpus() if one.language == code and one.id.startswith(f"{INDEX}-")]
    parts = {one.task: one for one in own if one.task is not Task.ANSWER}
    answers = [one for one in own if one.task is Task.ANSWER]
    texts = [good_text(one, code) for one in (*parts.values(), *answers)]
    return WrittenStudy(INDEX, code, Probe.BLANK, "", tuple(texts))


def good_text(record, code):
    facts = [evidence(INDEX, code).fact(one) for one in cited(record.target)]
    return WrittenText(
        task=record.task,
        asked=record.probe if record.task is Task.ANSWER else "",
        free=record.target,
        free_finished=True,
        constrained=record.target,
        constrained_finished=True,
        target_facts=cited(record.target),
        author=Author.LANGUAGE_MODEL,
        doubt=None,
        printed=tuple(f"{one}." for one in record.text.rstrip(".").split(". "))
        if code == "en"
        else (record.text,),
        named=(tuple(fact.key for fact in facts),),
    )


def with_printed(study, task, *sentences):
    texts = tuple(
        replace(one, printed=sentences) if one.task is task else one for one in study.texts
    )
    return replace(study, texts=texts)


def printed(study, task):
    return next(one.printed for one in study.texts if one.task is task)


@pytest.mark.parametrize("code", ["en", "zh"])
def test_true_texts_pass_on_every_road(code):
    judged = judge_study(good_study(code), ASSESSMENT)
    assert not [one for one in judged.judged if one.fails]
    assert all(
        one.complete and one.finished and one.same_facts
        for one in judged.of(How.FREE, answers=True)
    )
    assert sum(one.read.n_numbers for one in judged.judged) > 30
    assert judged.n_changed_found == judged.n_changed > 0


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("LV ejection fraction 77.7 %.", "wrong number"),
        ("Thrombus in the left ventricle.", "hallucination"),
        ("The right ventricle is dilated and hypertrophic.", "hallucination"),
    ],
)
def test_what_is_not_so_is_found(sentence, problem):
    told = printed(good_study(), Task.IMPRESSION)
    judged = judge_study(with_printed(good_study(), Task.IMPRESSION, *told, sentence), ASSESSMENT)
    (found,) = [one for one in judged.of(How.PRINTED) if one.fails]
    assert found.task is Task.IMPRESSION
    assert (found.read.n_wrong_numbers > 0) is (problem == "wrong number")
    assert (found.read.n_hallucinated > 0) is (problem == "hallucination")


def test_a_number_that_no_word_makes_a_value_is_found_all_the_same():
    study = with_printed(good_study(), Task.LIMITS, "Of this the reader finds 977 below.")
    judged = judge_study(study, ASSESSMENT)
    assert [one.read.n_wrong_numbers for one in judged.of(How.PRINTED)].count(1) == 1


def test_a_finding_that_is_not_told_is_counted():
    study = with_printed(good_study(), Task.IMPRESSION, "Only the short-axis cine was measured.")
    omitted = {one.task: one.n_omitted for one in judge_study(study, ASSESSMENT).of(How.PRINTED)}
    assert omitted[Task.IMPRESSION] == len(ASSESSMENT.findings) > 0
    assert omitted[Task.EXPLANATION] == 0


def test_the_slot_of_a_fact_that_there_is_not_fails():
    texts = tuple(replace(one, free="[E63].") for one in good_study().texts)
    judged = judge_study(replace(good_study(), texts=texts), ASSESSMENT)
    assert all(one.fails for one in judged.of(How.FREE))
    assert not any(one.fails for one in judged.of(How.CONSTRAINED))


def test_an_answer_about_the_heart_to_what_the_study_cannot_tell_fails():
    study = good_study()
    value = evidence(INDEX, "en").find(FactKind.MEASUREMENT, "lv_ejection_fraction")
    texts = tuple(
        replace(one, printed=(f"{value.text}.",), named=((value.key,),))
        if one.asked == "unknown"
        else one
        for one in study.texts
    )
    judged = judge_study(replace(study, texts=texts), ASSESSMENT)
    assert [one.asked for one in judged.of(How.PRINTED, answers=True) if one.fails] == ["unknown"]


def test_tables_tell_shares_with_intervals_and_what_probes_did():
    judged = judge_study(good_study(), ASSESSMENT)
    tables = fidelity_tables([judged])
    assert "| confirmed, impressions | 1 of 1 (100.0 %, 2.5 to 100.0) |" in tables
    assert "| history: blank | 1 reports | 0 of 1 (0.0 %, 0.0 to 97.5) |" in tables
    assert "| history: planted | 0 reports | - |" in tables
    assert share_text(0, 300) == "0 of 300 (0.0 %, 0.0 to 1.2)"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_a_good_report_is_acceptable_as_it_is(code):
    assert judge_report(good_study(code), ASSESSMENT).grade is not Grade.MAJOR


@pytest.mark.parametrize(
    ("task", "sentences", "fault", "grade"),
    [
        (Task.IMPRESSION, ("LV ejection fraction 12 %.",), "wrong_number", Grade.MAJOR),
        (Task.IMPRESSION, ("Thrombus.",), "contradiction", Grade.MAJOR),
        (Task.IMPRESSION, ("[E3].",), "slot", Grade.MAJOR),
        (Task.EXPLANATION, ("The criterion is borderline.",), "criterion", Grade.MAJOR),
        (Task.DIFFERENTIAL, ("This is possible: .",), "broken_sentence", Grade.MINOR),
        (Task.LIMITS, ("Thrombus and edema was not assessed.",), "agreement", Grade.MINOR),
        (Task.LIMITS, ("So it is.", "So it is."), "repetition", Grade.MINOR),
        (
            Task.EXPLANATION,
            ("LV ejection fraction 30 % (18 to 43 %): RV ejection fraction 50 %.",),
            "value_for_value",
            Grade.MAJOR,
        ),
        (Task.EXPLANATION, ("LV ejection fraction 30.",), "without_unit", Grade.MAJOR),
        (
            Task.IMPRESSION,
            ("Only the short-axis cine was measured.", "This is borderline."),
            "order",
            Grade.MINOR,
        ),
        (
            Task.IMPRESSION,
            tuple(f"So it is {'x' * n}." for n in range(13)),
            "too_long",
            Grade.MINOR,
        ),
        (
            Task.DIFFERENTIAL,
            tuple(f"Please keep in {word}." for word in ("mind", "view", "use", "touch")),
            "monotony",
            Grade.MINOR,
        ),
    ],
)
def test_a_fault_is_named_and_weighed(task, sentences, fault, grade):
    told = printed(good_study(), task)
    verdict = judge_report(with_printed(good_study(), task, *told, *sentences), ASSESSMENT)
    assert fault in verdict.faults
    assert verdict.grade is grade or verdict.grade is Grade.MAJOR
    before = judge_report(good_study(), ASSESSMENT).faults
    assert fault not in before


@pytest.mark.parametrize(
    ("task", "fault"),
    [(Task.IMPRESSION, "missing_finding"), (Task.LIMITS, "missing_not_assessed")],
)
def test_what_is_left_out_needs_a_major_edit(task, fault):
    study = with_printed(good_study(), task, "Only the short-axis cine was measured.")
    verdict = judge_report(study, ASSESSMENT)
    assert verdict.grade is Grade.MAJOR
    assert fault in verdict.faults


def test_reports_are_written_for_reading_and_counted():
    study = good_study()
    text = sheet([study])
    assert " ".join(printed(study, Task.DIFFERENTIAL)) in text
    table = acceptability_tables([("en", judge_report(study, ASSESSMENT))])
    assert "1 of 1 (100.0 %, 2.5 to 100.0)" in table
