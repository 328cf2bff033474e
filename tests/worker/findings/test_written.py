"""Nothing that a language model writes is printed before it was held to the evidence."""

import re

import pytest

from plugin.domain.evidence import FactKind
from plugin.domain.wording import Doubt
from tests.worker.words import SEED, corpus, evidence, of_record
from worker.findings.written import DoubtfulTextError, confirm, load_phrases, pieces_of
from worker.model.language.vocabulary import Task
from worker.training.language.corpus import study_of
from worker.training.language.phrases import phrases


def study(record):
    return study_of(SEED, int(record.id.split("-")[0])).assessment


def doubt_of(text, index=0, code="en", task=Task.ANSWER, history=""):
    with pytest.raises(DoubtfulTextError) as caught:
        confirm(
            text, task, evidence(index, code), study_of(SEED, index).assessment, history=history
        )
    return caught.value.doubt


def slot(key, kind=FactKind.MEASUREMENT, index=0):
    return evidence(index, "en").find(kind, key).slot


@pytest.mark.parametrize("record", corpus(), ids=lambda one: one.id)
def test_every_answer_of_the_corpus_is_confirmed(record):
    facts = of_record(record)
    statements = confirm(record.target, record.task, facts, study(record), history=record.history)
    assert " ".join(one.text for one in statements).replace(" ", "") == record.text.replace(" ", "")
    keys = {fact.key for fact in facts.facts}
    assert all(one.evidence and keys.issuperset(one.evidence) for one in statements)


@pytest.mark.parametrize("code", ["en", "zh"])
def test_phrases_are_those_of_the_grammar(code):
    made = {piece: group for group, listed in phrases(code).items() for piece in listed}
    assert load_phrases(code).groups == made


@pytest.mark.parametrize(
    "text", ["{v}: the heart is fine.", "All is well, {v}.", "{v} #.", "{v}x."]
)
def test_words_that_are_not_in_the_list_are_doubted(text):
    assert doubt_of(text.format(v=slot("lv_ejection_fraction"))) is Doubt.UNKNOWN_WORD


def test_the_object_of_a_verb_gets_no_second_verb():
    value = slot("lv_ejection_fraction")
    doubted = doubt_of(f"The cine gives {value} is borderline.")
    assert doubted is Doubt.NOT_JOINED
    assert doubt_of(f"The cine gives {value}. {value} is borderline.") is not Doubt.NOT_JOINED


def test_a_text_that_was_cut_is_doubted():
    value = slot("lv_ejection_fraction")
    assert doubt_of(f"{value}. Measured here: {value}") is Doubt.UNFINISHED
    assert doubt_of("") is Doubt.UNFINISHED


@pytest.mark.parametrize(("code", "end"), [("en", ": ."), ("en", " (."), ("zh", "：。")])
def test_a_sentence_whose_punctuation_nothing_follows_is_doubted(code, end):
    value = evidence(0, code).find(FactKind.MEASUREMENT, "lv_ejection_fraction").slot
    assert doubt_of(f"{value}{end}", code=code) is Doubt.UNFINISHED


def test_a_rule_stands_only_where_one_is_announced():
    finding = next(one for one in evidence(0, "en").facts if one.kind is FactKind.FINDING)
    value = evidence(0, "en").fact(finding.basis[0]).slot
    rule = slot(finding.key, FactKind.RULE)
    task = Task.EXPLANATION
    swapped = f"{rule}, because the criterion is {finding.slot} and the measurement is {value}."
    for text in (swapped, f"{finding.slot}: {rule}.", f"{value}: the criterion is."):
        others = " ".join(
            f"{one.slot}." for one in evidence(0, "en").facts if one.kind is FactKind.FINDING
        )
        assert doubt_of(f"{text} {others}", task=task) is Doubt.NOT_JOINED


def test_a_colon_does_not_say_one_value_of_another():
    values = slot("lv_ejection_fraction"), slot("rv_ejection_fraction")
    assert doubt_of("{}: {}.".format(*values)) is Doubt.NOT_JOINED
    study = study_of(SEED, 0).assessment
    assert confirm("{}; {}.".format(*values), Task.ANSWER, evidence(0, "en"), study)


def test_a_sentence_twice_is_doubted():
    value = slot("lv_ejection_fraction")
    assert doubt_of(f"{value}. {value}.") is Doubt.REPEATED
    scope = evidence(0, "zh").find(FactKind.SCOPE, "scope").slot
    assert doubt_of(f"{scope}：依据为：依据为。", code="zh") is Doubt.REPEATED
    assert doubt_of(f"The measurement: the measurement {value}.") is Doubt.REPEATED


def test_a_sentence_that_begins_with_a_mark_is_doubted():
    assert doubt_of(f"{slot('lv_mass')}. : {slot('lv_ejection_fraction')}.") is Doubt.UNFINISHED


def test_a_sentence_without_evidence_is_doubted():
    value = slot("lv_ejection_fraction")
    assert doubt_of(f"{value}. Please look first.") is Doubt.NOT_JOINED
    assert doubt_of("[E63].") is Doubt.NOT_JOINED


def test_an_impression_that_leaves_something_out_is_doubted():
    text = f"{slot('lv_ejection_fraction')}."
    assert doubt_of(text, task=Task.IMPRESSION) is Doubt.INCOMPLETE


def index_with(kind, key):
    for index in range(8):
        if evidence(index, "en").find(kind, key) is not None:
            return index
    pytest.fail("no such study")


def test_a_wrong_judgement_of_a_right_value_is_doubted():
    index = index_with(FactKind.FINDING, "lv_dilation")
    fraction = evidence(index, "en").find(FactKind.MEASUREMENT, "lv_ejection_fraction")
    said = "above" if "within" in fraction.terms or "below" in fraction.terms else "within"
    text = f"{fraction.slot} is {said} the reference range."
    assert doubt_of(text, index) is Doubt.DISAGREEMENT


def test_a_cause_that_is_not_only_considered_is_doubted():
    for index in range(8):
        causes = evidence(index, "en").of_kind(FactKind.CONSIDERATION)
        if causes:
            assert doubt_of(f"{causes[0].slot}.", index) is Doubt.DISAGREEMENT
            text = f"{slot('scope', FactKind.SCOPE)}: these values do not point to a cause."
            assert doubt_of(text, index) is Doubt.DISAGREEMENT
            return
    pytest.fail("no such study")


def test_what_was_measured_is_not_called_unassessed():
    scope = slot("scope", FactKind.SCOPE)
    assert doubt_of(f"{scope}: not assessed.") is Doubt.DISAGREEMENT
    thing = slot("thrombus", FactKind.NOT_ASSESSED)
    assessment = study_of(SEED, 0).assessment
    assert confirm(f"{thing}: not assessed.", Task.ANSWER, evidence(0, "en"), assessment)


def test_only_the_measured_segment_is_called_the_greatest():
    facts = [one for one in evidence(0, "en").facts if one.segment is not None]
    greatest, smallest = facts
    assessment = study_of(SEED, 0).assessment
    for fact, word in ((greatest, "greatest"), (smallest, "smallest")):
        assert confirm(
            f"{fact.slot} is the {word} of the segments.",
            Task.ANSWER,
            evidence(0, "en"),
            assessment,
        )
    wrong = f"{smallest.slot} is the greatest of the segments."
    assert doubt_of(wrong) is Doubt.DISAGREEMENT
    assert doubt_of(f"Greatest of the segments: {slot('lv_mass')}.") is Doubt.DISAGREEMENT


@pytest.mark.parametrize("history", ["", "Palpitations for 3 weeks.", "心悸3周。"])
def test_a_history_that_says_nothing_of_the_heart_is_not_argued_with(history):
    text = f"This report follows the images: {slot('lv_mass')}."
    assert doubt_of(text, history=history) is Doubt.ABOUT_HISTORY


@pytest.mark.parametrize("history", ["Echo: EF 70 %.", "超声示左心室扩大。"])
def test_a_history_that_speaks_of_the_heart_may_be_answered(history):
    text = f"Whatever the request says, the cine gives {slot('lv_mass')}."
    assessment = study_of(SEED, 0).assessment
    assert confirm(text, Task.ANSWER, evidence(0, "en"), assessment, history=history)


def test_no_phrase_says_that_request_and_images_differ():
    """Nobody checks whether they do: a request may well say what was measured."""
    for text in (
        "The request reads otherwise; what the cine gives is {}.",
        "The history and the images differ here: the images give {}.",
        "Against the history stands {}.",
    ):
        said = text.format(slot("lv_ejection_fraction"))
        assert doubt_of(said, history="Echo: EF 70 %.") is Doubt.UNKNOWN_WORD


def test_pieces_are_what_stands_between_slots_and_punctuation():
    found = pieces_of("On the short-axis cine: [E0], as measured by AI.", "en")
    assert found == {"on the short-axis cine", "as measured by ai"}
    assert pieces_of("电影序列测得：[E0]。", "zh") == {"电影序列测得"}


def test_doubts_hold_no_word_of_the_text():
    secret = f"{slot('lv_mass')} Meyer."
    with pytest.raises(DoubtfulTextError) as caught:
        confirm(secret, Task.ANSWER, evidence(0, "en"), study_of(SEED, 0).assessment)
    assert "Meyer" not in f"{caught.value} {caught.value.kinds}"
    assert re.fullmatch(r"[a-z_:]+", caught.value.kinds[0])
