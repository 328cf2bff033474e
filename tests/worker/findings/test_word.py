"""Words of the language model are printed where they pass, and nothing of them where not."""

import re

import pytest
import structlog

from plugin.domain.errors import ModelError, Reason
from plugin.domain.evidence import FactKind
from plugin.domain.wording import REPORT_PARTS, Author, Doubt, Part, Statement
from tests.worker.words import SEED, corpus, evidence, tokenizer
from tests.worker.writers import DictatedDecoder, RandomDecoder, targets
from worker.findings.checker import check_text
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.findings.word import Told, _in_reading_order, noted, word_report
from worker.model.language.constraints import required_facts
from worker.model.language.vocabulary import Task
from worker.model.language.writer import LanguageWriter
from worker.training.language.corpus import study_of

LANGUAGES = ("en", "zh")
INDEX = 0
INFINITE = float("inf")


def assessment(index=INDEX):
    return study_of(SEED, index).assessment


def word(decoder, code="en", index=INDEX, told=None, **options):
    writer = LanguageWriter(decoder, tokenizer())
    language = load_language(code)
    return word_report(
        assessment(index), language, writer, told or Told(seconds=INFINITE), **options
    )


def dictated(code="en", index=INDEX, **texts):
    told = targets(corpus(), code, index)
    told.update({Task(task): text for task, text in texts.items()})
    return DictatedDecoder(tokenizer(), told)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("index", [1, 3])
def test_words_that_pass_are_the_language_models(code, index):
    wording = word(dictated(code, index), code, index)
    assert [one.part for one in wording.passages] == list(REPORT_PARTS)
    assert {one.author for one in wording.passages} == {Author.LANGUAGE_MODEL}
    assert wording.replaced == ()
    lines = [one.text for passage in wording.passages for one in passage.statements]
    assert not re.search(r"\[E\d+\]", " ".join(lines))
    assert all(one.evidence for passage in wording.passages for one in passage.statements)
    assert noted(assessment(index), wording) == assessment(index)


@pytest.mark.parametrize("code", LANGUAGES)
def test_an_impression_that_leaves_out_the_ejection_fraction_gets_it_by_rule(code):
    facts = evidence(INDEX, code)
    groups = required_facts(facts, Task.IMPRESSION)
    stop = "。" if code == "zh" else "."
    named = [f"[{sorted(group)[0]}]" for group in groups]
    wording = word(dictated(code, impression=" ".join(f"{slot}{stop}" for slot in named)), code)
    passage = wording.passage(Part.IMPRESSION)
    assert passage.author is Author.LANGUAGE_MODEL
    added = [one for one in passage.statements if "lv_ejection_fraction" in one.evidence]
    value = facts.find(FactKind.MEASUREMENT, "lv_ejection_fraction")
    assert len(added) == 1
    assert value.number in added[0].text
    assert passage.statements[-1] not in added
    lines = [one.text for one in passage.statements]
    assert not check_text(lines, assessment(), code)


@pytest.mark.parametrize("code", LANGUAGES)
def test_an_impression_is_read_from_the_findings_to_the_method(code):
    facts = evidence(INDEX, code)
    stop = "。" if code == "zh" else "."
    groups = {sorted(group)[0] for group in required_facts(facts, Task.IMPRESSION)}
    fraction = facts.find(FactKind.MEASUREMENT, "lv_ejection_fraction")
    backwards = sorted({*groups, fraction.id}, key=lambda one: -int(one[1:]))
    scope = facts.of_kind(FactKind.SCOPE)[0].id
    backwards = [scope, *(one for one in backwards if one != scope)]
    wording = word(dictated(code, impression=" ".join(f"[{one}]{stop}" for one in backwards)), code)
    passage = wording.passage(Part.IMPRESSION)
    assert passage.author is Author.LANGUAGE_MODEL
    keys = [one.evidence[0] for one in passage.statements]
    found = {
        facts.fact(one).key for f in facts.of_kind(FactKind.FINDING) for one in (f.id, *f.basis)
    }
    abnormal = [key in found for key in keys]
    assert abnormal == sorted(abnormal, reverse=True)
    assert True in abnormal
    assert keys[-1] == "scope"


def test_a_sentence_that_leans_on_the_one_before_stays_behind_it():
    facts = evidence(INDEX, "en")
    value = facts.find(FactKind.MEASUREMENT, "lv_stroke_volume")
    other = facts.find(FactKind.MEASUREMENT, "heart_rate")
    finding = facts.of_kind(FactKind.FINDING)[0]
    lines = (
        Statement(f"{value.text}.", (value.key,)),
        Statement(f"Hence {other.text}.", (other.key,)),
        Statement(f"{finding.text.capitalize()}.", (finding.key,)),
    )
    assert _in_reading_order(lines, facts) == (lines[2], *lines[:2])


def test_one_bad_part_leaves_the_others_alone():
    told = dictated(limits="[E0] says [E0]. " * 3)
    wording = word(told)
    authors = {one.part: one.author for one in wording.passages}
    assert authors[Part.LIMITS] is Author.RULES
    assert authors[Part.IMPRESSION] is Author.LANGUAGE_MODEL
    assert wording.passage(Part.LIMITS).doubt is not None
    note = noted(assessment(), wording).quality[-1]
    assert (note.key, note.sentence) == (
        "wording_replaced",
        load_language("en").tables["quality"]["wording_replaced"],
    )


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_random_model_prints_nothing_but_what_the_checker_confirms(code, seed):
    decoder = RandomDecoder(tokenizer(), seed=seed, slots=(0.0, 0.3, 1.0)[seed % 3])
    wording = word(decoder, code, seed % 8)
    facts = evidence(seed % 8, code)
    study = assessment(seed % 8)
    lines = [one.text for passage in wording.passages for one in passage.statements]
    found = check_text(
        lines,
        study,
        code,
        causes=[one.text for one in facts.facts if one.kind == "consideration"],
        rules=[one.text for one in facts.facts if one.kind == "rule"],
    )
    assert found == ()
    impression = wording.passage(Part.IMPRESSION)
    if impression.author is Author.RULES:
        told = tuple(one.text for one in impression.statements)
        assert told == report_text(study, load_language(code)).impression


def test_the_time_is_up_before_the_first_word():
    now = iter([0.0] + [99.0] * 10_000)
    wording = word(dictated(), told=Told(seconds=1), clock=lambda: next(now))
    assert {one.doubt for one in wording.passages} == {Doubt.OUT_OF_TIME}
    assert {one.author for one in wording.passages} == {Author.RULES}


@pytest.mark.parametrize(
    ("reason", "doubt"),
    [(Reason.CONTEXT_FULL, Doubt.CONTEXT_FULL), (Reason.WORDING_FAILED, Doubt.FAILED)],
)
def test_a_model_that_fails_fails_no_report(reason, doubt):
    class Failing(RandomDecoder):
        def read(self, embeds, after=None):
            raise ModelError(reason)

    wording = word(Failing(tokenizer()))
    assert {one.doubt for one in wording.passages} == {doubt}
    assert all(one.statements for one in wording.passages)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("index", range(8))
def test_words_by_rule_name_their_evidence_and_pass_the_checker(code, index):
    told = Told(seconds=-1)
    wording = word(RandomDecoder(tokenizer()), code, index, told)
    facts = evidence(index, code)
    for passage in wording.passages:
        lines = [one.text for one in passage.statements]
        assert lines
        if passage.part is not Part.IMPRESSION:
            assert all(one.evidence for one in passage.statements)
            assert not check_text(
                lines,
                assessment(index),
                code,
                causes=[one.text for one in facts.facts if one.kind == "consideration"],
                rules=[one.text for one in facts.facts if one.kind == "rule"],
            )


def test_the_same_model_gives_the_same_words():
    texts = [word(RandomDecoder(tokenizer(), seed=2, slots=0.5)) for _ in range(2)]
    assert texts[0] == texts[1]
    assert word(dictated()) == word(dictated())


def test_no_word_of_history_or_text_is_logged():
    told = Told(history="Meyer, EF 70 %", seconds=INFINITE)
    with structlog.testing.capture_logs() as lines:
        word(dictated(limits="Meyer [E0]."), told=told)
    assert any(one["event"] == "wording_replaced" for one in lines)
    assert "Meyer" not in str(lines)
    assert "Meyer" not in repr(told)
