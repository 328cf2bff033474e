"""What a bundle writes about made-up studies is kept, and can be printed anew."""

import numpy as np
import pytest

from plugin.domain.errors import ConfigurationError
from tests.worker.words import SEED, evidence, tokenizer
from tests.worker.writers import RandomDecoder
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.model.language.vocabulary import Task
from worker.model.language.writer import LanguageWriter
from worker.training.language.corpus import study_of
from worker.training.language.dictation import (
    STUDIES_NAME,
    DictatingWriter,
    read_studies,
    reprinted,
    write_studies,
    write_study,
)
from worker.training.language.leading_histories import Probe, history_that_tries

TASKS = (Task.IMPRESSION, Task.EXPLANATION, Task.DIFFERENTIAL, Task.LIMITS)


def writer(seed=5):
    return DictatingWriter(RandomDecoder(tokenizer(), seed=seed, slots=0.6), tokenizer())


@pytest.mark.parametrize("seed", range(3))
def test_what_follows_the_lawful_beginning_is_what_the_runtime_writes(seed):
    decoder = RandomDecoder(tokenizer(), seed=seed, slots=0.6)
    own, runtime = DictatingWriter(decoder, tokenizer()), LanguageWriter(decoder, tokenizer())
    for task in TASKS:
        facts = evidence(0, "en")
        assert own.write(own.read(facts), task) == runtime.write(runtime.read(facts), task)
    assert any(own.kept[task][0].text != own.kept[task][1].text for task in TASKS)


def test_a_study_is_read_once_for_report_and_questions():
    decoder = RandomDecoder(tokenizer())
    own = DictatingWriter(decoder, tokenizer())
    read = own.read(evidence(0, "en"), "Syncope.")
    assert own.read(evidence(0, "en"), "Syncope.") is read
    assert own.read(evidence(0, "en"), "Fever.") is not read


def test_a_run_goes_on_behind_a_line_that_was_cut_short(tmp_path):
    whole, again = tmp_path / "whole", tmp_path / "again"
    made = list(write_studies(writer(), "abc", SEED, 2, whole))
    assert [(one.index, one.language) for one in made] == [(0, "en"), (1, "zh")]
    assert read_studies(whole) == made
    lines = (whole / STUDIES_NAME).read_text(encoding="utf-8")
    list(write_studies(writer(), "abc", SEED, 1, again))
    with (again / STUDIES_NAME).open("a", encoding="utf-8") as file:
        file.write(lines[-40:].rstrip())
    assert [one.index for one in write_studies(writer(), "abc", SEED, 2, again)] == [1]
    assert (again / STUDIES_NAME).read_text(encoding="utf-8") == lines


def test_texts_of_another_bundle_or_seed_are_not_mixed(tmp_path):
    list(write_studies(writer(), "abc", SEED, 0, tmp_path))
    for bundle, seed in (("abd", SEED), ("abc", SEED + 1)):
        with pytest.raises(ConfigurationError):
            list(write_studies(writer(), bundle, seed, 0, tmp_path))


def test_printing_anew_by_the_same_check_changes_nothing():
    written = write_study(writer(seed=2), SEED, 0)
    assert reprinted(written, SEED) == written


@pytest.mark.parametrize("probe", Probe)
@pytest.mark.parametrize("code", ["en", "zh"])
def test_every_probe_has_a_history_but_the_blank_one(probe, code):
    other = study_of(SEED, 1).assessment
    text = history_that_tries(probe, evidence(0, code), other, np.random.default_rng(1))
    assert bool(text) is (probe is not Probe.BLANK)
    if probe is Probe.SWAPPED:
        assert text == " ".join(report_text(other, load_language(code)).impression)
