"""No model, not even a random one, can break the laws of an answer."""

import re
import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from plugin.domain.evidence import FactKind, cited, fill_slots
from tests.worker.words import corpus, evidence, of_record, tokenizer, vocabulary
from worker.model.language.company import belong_together
from worker.model.language.constraints import AnswerRules, required_facts
from worker.model.language.phrasing import BETWEEN, PhraseBook
from worker.model.language.vocabulary import SPECIAL_TOKENS, Task

LANGUAGES = ("en", "zh")
SLOT = re.compile(r"\[E\d+\]")
ENDS = re.compile(r"(?<=[.!?。！？])")


def random_answer(index, code, seed, *, n_tokens=150, slots=0.2, end=False):
    """Write with random choice among what is allowed; slots a little likelier, so text goes on."""
    rng = np.random.default_rng(seed)
    rules = AnswerRules(vocabulary(code), replace(evidence(index, code), phrases=()))
    ids = []
    while len(ids) < n_tokens:
        allowed = rules.allowed(ids)
        assert allowed.size
        if end and allowed[0] == tokenizer().end_id:
            break
        special = allowed[allowed < len(SPECIAL_TOKENS)]
        special = special[special != tokenizer().end_id]
        pool = special if special.size and rng.random() < slots else allowed
        token = int(rng.choice(pool))
        if token == tokenizer().end_id:
            break
        ids.append(token)
    return rules, ids


def restricted_words_in(text, code, words):
    for word in words:
        pattern = re.escape(word) if code == "zh" else rf"(?<![^\W\d_]){re.escape(word)}"
        if re.search(pattern, text.lower()):
            yield word


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("seed", range(6))
def test_a_random_model_never_writes_a_number_that_was_not_measured(index, code, seed):
    facts = evidence(index, code)
    rules, ids = random_answer(index, code, seed)
    written = tokenizer().decode(ids)
    assert not any(unicodedata.category(c).startswith("N") for c in SLOT.sub("", written))
    assert set(cited(written)) <= {fact.id for fact in facts.facts}
    printed = fill_slots(tokenizer().decode(rules.whole_sentences(ids)), facts)
    for fact in sorted(facts.facts, key=lambda one: -len(one.text)):
        printed = printed.replace(fact.text, "").replace(fact.text[:1].upper() + fact.text[1:], "")
    assert not re.search(r"\d", printed)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("seed", range(6))
def test_a_random_model_says_restricted_words_only_behind_a_slot_that_allows_them(
    index, code, seed
):
    facts = evidence(index, code)
    _, ids = random_answer(index, code, seed, n_tokens=250)
    for sentence in ENDS.split(tokenizer().decode(ids)):
        pieces = re.split(r"(\[E\d+\])", sentence)
        named = []
        for piece in pieces:
            if SLOT.fullmatch(piece):
                named.append(set(facts.fact(piece[1:-1]).words))
            else:
                said = set(restricted_words_in(piece, code, facts.restricted))
                assert not said or (named and said <= set.intersection(*named))


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("seed", range(12))
def test_a_random_model_joins_only_what_belongs_together(code, seed):
    facts = evidence(seed % 4, code)
    _, ids = random_answer(seed % 4, code, seed, n_tokens=250, slots=0.4)
    for sentence in ENDS.split(tokenizer().decode(ids)):
        named = [facts.fact(one) for one in cited(sentence)]
        assert len(named) == len(SLOT.findall(sentence))
        assert all(belong_together(facts, a, b) for a in named for b in named if a is not b)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_finished_sentence_names_its_evidence(code):
    for seed in range(8):
        rules, ids = random_answer(1, code, seed, n_tokens=250)
        whole = tokenizer().decode(rules.whole_sentences(ids))
        for sentence in ENDS.split(whole):
            assert not sentence.strip() or SLOT.search(sentence)


@pytest.mark.parametrize("record", corpus(), ids=lambda one: one.id)
def test_every_answer_of_the_corpus_is_allowed(record):
    facts = of_record(record)
    rules = AnswerRules(vocabulary(record.language), facts, required_facts(facts, record.task))
    assert rules.accepts(tokenizer().encode(record.target))


def with_finding():
    for record in corpus():
        facts = of_record(record)
        found = facts.find(FactKind.FINDING, "lv_dilation")
        if record.language == "en" and found is not None and "dilated" in found.terms:
            return facts, facts.fact(found.basis[0])
    pytest.fail("no such study")


@pytest.mark.parametrize(
    "answer",
    [
        "The value is 34.",
        "The left ventricle is dilated.",
        "{v}: severely dilated.",
        "{v}: the right ventricle is dilated.",
        "{v}: normal.",
        "{v}; no scar.",
        "{v}: about forty percent.",
        "{v}. dilated {v}.",
        "All is well.",
        "{v}: dilated",
        "{v}{v}.",
        "{v}; {v}.",
        "{v}, {w}: both dilated.",
        "{v}: dilated; {w}.",
        "{v}; {s}.",
        ": {v}.",
        "{v}。",
        "{v}，dilated.",
        "[E63].",
    ],
)
def test_wrong_answers_are_refused(answer):
    facts, value = with_finding()
    rules = AnswerRules(vocabulary("en"), facts)
    assert rules.accepts(tokenizer().encode(f"{value.slot}: the left ventricle is dilated."))
    other = facts.find(FactKind.MEASUREMENT, "lv_ejection_fraction")
    (scope,) = facts.of_kind(FactKind.SCOPE)
    places = {"{v}": value, "{w}": other, "{s}": scope}
    for place, fact in places.items():
        answer = answer.replace(place, fact.slot)
    assert not rules.accepts(tokenizer().encode(answer))


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_random_model_writes_nothing_but_phrases_of_the_list(code, seed):
    facts = evidence(seed, code)
    rules = AnswerRules(vocabulary(code), facts)
    rng, ids = np.random.default_rng(seed), []
    while len(ids) < 120:
        allowed = rules.allowed(ids)
        slots = allowed[allowed < len(SPECIAL_TOKENS)]
        chosen = int(rng.choice(slots if slots.size and rng.random() < 0.3 else allowed))
        if chosen == tokenizer().end_id:
            break
        ids.append(chosen)
    written = tokenizer().decode(rules.whole_sentences(ids))
    pattern = r"[^\W\d_]+" if code == "zh" else r"[^\W\d_]+(?:[ '-][^\W\d_]+)*"
    pieces = [p for text in SLOT.split(written) for p in re.findall(pattern, text.lower())]
    assert pieces or not written
    assert set(pieces) <= set(facts.phrases)


def test_phrases_are_followed_however_they_are_cut_and_begin_one_in_another():
    texts = ("",) * len(SPECIAL_TOKENS) + tuple("abcdef ,-") + ("ab", " c", "ab cd", "d,")
    book = PhraseBook(("ab", "ab cd", "ef-a"), texts)
    token = {text: index for index, text in enumerate(texts) if text}

    def place(*cut):
        at = BETWEEN
        for one in cut:
            at = int(book.table(at)[token[one]])
            if at < 0:
                return None
        return at

    assert place("ab", " c", "d,") == place("ab cd", ",") == BETWEEN
    assert place(" ", "a", "b", " ", "c", "d") is not None
    assert place("e", "f", "-", "a", ",") == BETWEEN
    for wrong in (("b",), ("a", ","), ("ab", "c"), ("ab", " ", "d"), ("e", "f", ","), ("-",)):
        assert place(*wrong) is None
    for cut, done in ((("ab",), True), (("ab", " "), True), (("ab", " c"), False), (("a",), False)):
        assert book.is_complete(place(*cut)) is done


def test_no_predicate_stands_behind_a_governing_phrase_of_its_sentence():
    texts = ("",) * len(SPECIAL_TOKENS) + tuple("abcdef ,.") + ("ab, cd", "ab. cd")
    book = PhraseBook(("ab", "ab ef", "cd", "ef"), texts, governing=("ab",), predicates=("cd",))
    token = {text: index for index, text in enumerate(texts) if text}

    def place(*cut, at=BETWEEN):
        for one in cut:
            at = int(book.table(at)[token[one]]) if at >= 0 else at
        return at

    behind = book.home(place("a", "b", " "))
    assert behind != BETWEEN
    assert place("c", at=behind) < 0 <= place("e", at=behind)
    assert place("c", at=book.home(place("c", "d", " "))) >= 0
    assert place("ab, cd") < 0 <= place("ab. cd")
    assert place("a", "b", ",", " ", "e", "f", ",", "c") < 0
    assert place("a", "b", ".", "c") >= 0
    assert place(*"ab ef,cd") >= 0


def test_the_object_of_a_verb_gets_no_second_verb():
    facts, value = with_finding()
    rules = AnswerRules(vocabulary("en"), facts)
    for said, fine in (
        ("The cine gives {v}, which is above the reference range.", True),
        ("The cine gives {v} is above the reference range.", False),
        ("{v} is above the reference range.", True),
        ("The contours give {v}. {v} is above the reference range.", True),
    ):
        assert rules.accepts(tokenizer().encode(said.format(v=value.slot))) is fine, said


def test_no_answer_goes_in_circles():
    facts, value = with_finding()
    (scope,) = facts.of_kind(FactKind.SCOPE)
    rules = AnswerRules(vocabulary("en"), facts)
    twice = f"{value.slot}. " * 2
    assert rules.accepts(tokenizer().encode(twice.strip()))
    assert not rules.accepts(tokenizer().encode(f"{twice}{value.slot}."))
    assert not rules.accepts(tokenizer().encode(f"{scope.slot}. {scope.slot}."))


def test_words_cut_into_single_letters_are_found_too():
    facts, value = with_finding()
    rules = AnswerRules(vocabulary("en"), replace(facts, phrases=()))
    slot = tokenizer().id_of(value.slot)
    letters = {tokenizer().texts[i]: i for i in range(len(tokenizer()))}
    for word, fine in (("dilated", True), ("severe", False), ("normal", False)):
        ids = [slot, letters[" "], *(letters[letter] for letter in word), letters["."]]
        assert rules.accepts(ids) is fine


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("task", Task)
def test_an_answer_cannot_end_before_it_named_what_it_must(code, task):
    facts = evidence(0, code)
    required = required_facts(facts, task)
    rules = AnswerRules(vocabulary(code), facts, required)
    end = tokenizer().encode("。" if code == "zh" else ".")
    ids = []
    for group in required:
        assert tokenizer().end_id not in rules.allowed(ids)
        ids += [tokenizer().id_of(f"[{min(group)}]"), *end]
    if required:
        assert tokenizer().end_id in rules.allowed(ids)
        assert rules.accepts(ids)


def test_impression_requires_every_finding_and_the_scope():
    facts, _ = with_finding()
    groups = required_facts(facts, Task.IMPRESSION)
    for finding in facts.of_kind(FactKind.FINDING):
        assert frozenset({finding.id, *finding.basis}) in groups
    (scope,) = facts.of_kind(FactKind.SCOPE)
    assert groups[-1] == {scope.id}


def test_impression_requires_values_out_of_range_that_no_finding_rests_on():
    for index in range(8):
        facts = evidence(index, "en")
        required = frozenset().union(*required_facts(facts, Task.IMPRESSION))
        for fact in facts.of_kind(FactKind.MEASUREMENT):
            if fact.key == "lv_end_systolic_volume_index" and "above" in fact.terms:
                assert fact.id in required
                return
    pytest.fail("no such study")


def test_a_required_fact_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="required"):
        AnswerRules(vocabulary("en"), evidence(0, "en"), [frozenset({"E63"})])


def test_free_words_are_bounded():
    rules = AnswerRules(vocabulary("en"), evidence(0, "en"))
    letter = tokenizer().encode("x")
    ids = letter * 160
    assert all(not tokenizer().texts[i].isalpha() for i in rules.allowed(ids))
    behind = rules.allowed([*ids, *tokenizer().encode(",")])
    assert all(i < len(SPECIAL_TOKENS) for i in behind)


def test_allowed_does_not_depend_on_what_was_asked_before():
    facts = evidence(0, "en")
    ids = tokenizer().encode(next(r.target for r in corpus() if r.language == "en"))
    rules = AnswerRules(vocabulary("en"), facts)
    forward = [rules.allowed(ids[:n]).tolist() for n in range(len(ids))]
    backward = [rules.allowed(ids[:n]).tolist() for n in reversed(range(len(ids)))]
    assert forward == backward[::-1]


def test_whole_sentences_leaves_out_what_a_budget_cut():
    facts = evidence(0, "en")
    rules = AnswerRules(vocabulary("en"), facts)
    ids = tokenizer().encode("[E0]. Measured here: [E1]")
    assert tokenizer().decode(rules.whole_sentences(ids)) == "[E0]."
    assert rules.whole_sentences(tokenizer().encode("Measured here")) == ()
