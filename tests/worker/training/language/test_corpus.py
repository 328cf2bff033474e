"""The report corpus: true to its evidence, the same by seed, and rich in what must not leak."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from plugin.domain.evidence import FactKind, fill_slots
from tests.worker.words import N_STUDIES, SEED, corpus, of_record
from worker.findings.checker import check_text
from worker.findings.language import languages
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vocabulary import LANGUAGES, Task
from worker.training.language.corpus import (
    Record,
    read_corpus,
    records,
    statistics,
    study_of,
    write_corpus,
)
from worker.training.language.frames import load_frames
from worker.training.language.tokenizer import train_tokenizer

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def test_languages_of_the_vocabulary_are_those_that_ship():
    assert languages() == LANGUAGES


@pytest.mark.parametrize("record", corpus(), ids=lambda one: one.id)
def test_every_answer_agrees_with_its_study(record):
    facts = of_record(record)
    study = study_of(SEED, int(record.id.split("-")[0]))
    assert record.text == fill_slots(record.target, facts)
    disagreements = check_text(
        [record.text],
        study.assessment,
        record.language,
        causes=[one.text for one in facts.of_kind(FactKind.CONSIDERATION)],
        rules=[one.text for one in facts.of_kind(FactKind.RULE)],
    )
    assert disagreements == ()


def test_no_number_of_a_history_or_question_reaches_the_answer():
    for record in corpus():
        assert not NUMBER.search(re.sub(r"\[E\d+\]", "", record.target))


def test_same_seed_same_corpus_and_another_seed_another():
    assert tuple(records(SEED, 2)) == tuple(r for r in corpus() if int(r.id.split("-")[0]) < 2)
    assert next(records(SEED + 1, 1)) != corpus()[0]


def test_every_task_language_and_probe_occurs():
    seen = Counter(record.probe for record in records(SEED, 20))
    assert {"none", "neutral", "claim", "contradiction", "planted", "injection"} <= set(seen)
    assert {"unknown", "not_assessed", "value", "finding", "priority"} <= set(seen)
    assert {(r.task, r.language) for r in corpus()} == {(t, c) for t in Task for c in LANGUAGES}


def test_contradicted_answers_name_the_value_that_contradicts():
    found = [
        r
        for r in records(SEED, 20)
        if r.probe == "contradiction" and r.task in (Task.IMPRESSION, Task.EXPLANATION)
    ]
    assert found
    words = ("history", "request", "images", "病史", "申请单", "图像")
    assert all(any(word in record.target for word in words) for record in found)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_grammar_makes_tens_of_thousands_of_frames(code):
    frames = load_frames(code)
    roots = set(frames.grammar) - {"opener", "join", "tail", "said", "lies"}
    n_said = len(frames.said)
    assert frames.count("present") > 300
    # An impression joins sentences of several findings: already two make the tens of thousands.
    assert frames.count("present") * n_said * frames.count("undetermined") > 50_000
    assert sum(frames.count(root) for root in roots) > 1000


def test_grammars_have_the_same_rules():
    english, chinese = (load_frames(code) for code in LANGUAGES)
    assert english.grammar.keys() - chinese.grammar.keys() == {"lies", "place"}
    assert english.said.keys() == chinese.said.keys()
    assert english.questions.keys() == chinese.questions.keys()
    assert english.histories.keys() == chinese.histories.keys()
    for rule in chinese.grammar:
        assert chinese.places(rule) == english.places(rule), rule


def test_written_corpus_reads_back(tmp_path):
    counted = write_corpus(tmp_path, SEED, 2)
    assert list(read_corpus(tmp_path)) == list(records(SEED, 2))
    assert counted["records"] == len(list(read_corpus(tmp_path)))
    assert (tmp_path / "statistics.json").read_text(encoding="utf-8").startswith("{")


def test_statistics_count_frames_and_tasks():
    counted = statistics(corpus())
    assert counted["studies"] == N_STUDIES
    assert sum(counted["tasks"].values()) == counted["records"] == len(corpus())
    assert counted["frames"]["en"] > 50


def test_tokenizer_training_is_deterministic():
    texts = [part for record in corpus()[:40] for part in (record.evidence, record.target)]
    assert train_tokenizer(texts, 400) == train_tokenizer(texts, 400)


def test_record_types_survive_json(tmp_path):
    write_corpus(tmp_path, SEED, 1)
    record = next(read_corpus(tmp_path))
    assert isinstance(record, Record)
    assert isinstance(record.task, Task)


def test_command_writes_corpus_statistics_and_vocabulary(tmp_path):
    command = [sys.executable, "-m", "worker.training.language.corpus", "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--studies", "2", "--seed", str(SEED), "--vocabulary", "600"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == json.loads((tmp_path / "statistics.json").read_text())
    assert list(read_corpus(tmp_path)) == list(records(SEED, 2))
    assert len(Tokenizer.from_file(tmp_path / "tokenizer.json")) <= 600
