"""Facts of a study: numbered alike in every language, with the words that may be said of them."""

import pytest

from plugin.domain.evidence import MAXIMUM_FACTS, FactKind, cited, fill_slots
from plugin.domain.findings import Certainty
from tests.worker.findings.studies import study
from worker.findings.evidence import PATTERNS, make_evidence
from worker.findings.language import load_language
from worker.findings.sentences import Sentences

SEEDS = range(30)


def evidence(seed, code="en"):
    return make_evidence(study(seed).assessment, load_language(code))


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_are_the_same_in_every_language(seed):
    english, chinese = evidence(seed), evidence(seed, "zh")
    shape = [
        (one.id, one.kind, one.key, one.terms, one.number, one.basis, one.segment)
        for one in english.facts
    ]
    assert shape == [
        (one.id, one.kind, one.key, one.terms, one.number, one.basis, one.segment)
        for one in chinese.facts
    ]
    assert [one.id for one in english.facts] == [f"E{n}" for n in range(len(english.facts))]
    assert len(english.facts) <= MAXIMUM_FACTS


def test_names_stand_small_within_a_sentence():
    texts = {one.key: one.text for one in evidence(0).facts}
    assert texts["maximal_wall_thickness"].startswith("maximal LV wall thickness")
    assert texts["lv_ejection_fraction"].startswith("LV ejection fraction")
    assert {one.text for one in evidence(0).of_kind(FactKind.NOT_ASSESSED)} >= {
        "late contrast enhancement",
        "T1",
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_finding_and_limit_is_a_fact(seed):
    assessment, facts = study(seed).assessment, evidence(seed)
    say = Sentences(load_language("en"))
    for one in assessment.measurements:
        if one.segment is None:
            fact = facts.find(FactKind.MEASUREMENT, one.key)
            assert fact.text.lower() == say.with_interval(one).lower()
            assert fact.number in fact.text
    for one in assessment.findings:
        fact = facts.find(FactKind.FINDING, one.key)
        assert fact.certainty is one.certainty
        assert [facts.fact(i).key for i in fact.basis] == list(one.basis)
        assert facts.find(FactKind.RULE, one.key) is not None
    assert {one.key for one in facts.of_kind(FactKind.NOT_ASSESSED)} == {
        one.key for one in assessment.not_assessed
    }
    assert facts.find(FactKind.SCOPE, "scope") is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_terms_follow_range_grade_and_certainty(seed):
    assessment, facts = study(seed).assessment, evidence(seed)
    for one in assessment.measurements:
        fact = facts.find(FactKind.MEASUREMENT, one.key)
        if fact is None or one.segment is not None:
            continue
        sides = {normal.side(one.value) for normal in one.normal_ranges}
        said = set(fact.terms) & {"below", "within", "above"}
        resting = [f for f in assessment.findings if one.key in f.basis]
        mass = {"above"} if any(f.key == "lv_hypertrophy" for f in resting) else set()
        assert said - mass == (sides if len(sides) == 1 else set()) - mass
    for one in assessment.findings:
        fact = facts.find(FactKind.FINDING, one.key)
        unsure = one.certainty is Certainty.UNDETERMINED
        assert ("borderline" in fact.terms) == unsure
        grades = {"reduced", "dilated", "thick", "mass", "severely", "mildly", "massive"}
        assert bool(grades & set(fact.terms)) != unsure
        assert ("severely" in fact.terms) == (one.grade == "severely reduced" and not unsure)


def test_words_are_those_of_the_terms_in_the_language():
    facts = evidence(0, "zh")
    assert "左" in facts.find(FactKind.MEASUREMENT, "lv_ejection_fraction").words
    assert "右" in facts.find(FactKind.MEASUREMENT, "rv_ejection_fraction").words
    assert set(facts.restricted) >= {"正常", "重度", "左"}
    for fact in facts.facts:
        assert set(fact.words) <= set(facts.restricted)


def test_causes_come_only_with_certain_findings_of_their_pattern():
    seen = set()
    for seed in SEEDS:
        certain = {
            one.key for one in study(seed).assessment.findings if one.certainty is Certainty.PRESENT
        }
        causes = {one.key for one in evidence(seed).of_kind(FactKind.CONSIDERATION)}
        fitting = {
            cause
            for pattern in PATTERNS
            if certain.issuperset(pattern.present) and not certain & set(pattern.absent)
            for cause in pattern.causes
        }
        assert causes == fitting
        seen |= causes
    assert len(seen) > 5


def test_patterns_name_known_findings_and_causes():
    english = load_language("en")
    for pattern in PATTERNS:
        assert {*pattern.present, *pattern.absent} <= english.tables["rules"].keys()
        assert set(pattern.causes) <= english.tables["considerations"].keys()


def test_slots_are_filled_and_cited():
    facts = evidence(0)
    first, second = facts.facts[0], facts.facts[5]
    text = f"{second.slot}; {first.slot}; {second.slot}."
    assert cited(text) == (second.id, first.id)
    assert fill_slots(text, facts) == f"{second.text}; {first.text}; {second.text}."
    scope = facts.find(FactKind.SCOPE, "scope")
    opened = fill_slots(f"{scope.slot}. {scope.slot}; {scope.slot}.", facts)
    assert opened.split("nly the short-axis cine was measured") == ["O", ". O", "; o", "."]
    with pytest.raises(KeyError):
        fill_slots("[E63]", facts)
