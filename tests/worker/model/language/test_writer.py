"""A study is read once and written about many times; what is written keeps the laws."""

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from plugin.domain.evidence import cited
from tests.worker.words import corpus, evidence, tokenizer
from tests.worker.writers import DictatedDecoder, RandomDecoder, targets
from worker.model.language.constraints import required_facts
from worker.model.language.generation import Ending
from worker.model.language.vision import ImagePrefix
from worker.model.language.vocabulary import Task
from worker.model.language.writer import LanguageWriter

TASKS = (Task.IMPRESSION, Task.EXPLANATION, Task.DIFFERENTIAL, Task.LIMITS)


def writer(decoder=None, **options):
    return LanguageWriter(decoder or RandomDecoder(tokenizer()), tokenizer(), **options)


@pytest.mark.parametrize("code", ["en", "zh"])
def test_what_is_dictated_within_the_laws_is_written(code):
    told = targets(corpus(), code, 0)
    decoder = DictatedDecoder(tokenizer(), told)
    model = writer(decoder)
    study = model.read(evidence(0, code))
    for task, text in told.items():
        written = model.write(study, task)
        assert (written.text, written.ending) == (text, Ending.STOP_TOKEN)


def test_a_study_is_read_once_for_all_tasks():
    told = targets(corpus(), "en", 0)
    decoder = DictatedDecoder(tokenizer(), told)
    model = writer(decoder)
    study = model.read(evidence(0, "en"), history="Syncope.")
    for task in told:
        model.write(study, task)
    mark = tokenizer().id_of("<evidence>")
    assert sum(mark in ids for ids in decoder.read_ids) == 1
    assert max(len(ids) for ids in decoder.read_ids[1:]) <= 4


@pytest.mark.parametrize("task", TASKS)
def test_the_same_study_is_written_about_in_the_same_words(task):
    texts = set()
    for _ in range(2):
        model = writer(RandomDecoder(tokenizer(), seed=3, slots=0.5))
        texts.add(model.write(model.read(evidence(1, "en")), task, maximum_tokens=120))
    assert len(texts) == 1


def test_a_text_of_a_budget_ends_with_a_whole_sentence():
    model = writer(RandomDecoder(tokenizer(), slots=0.5))
    written = model.write(model.read(evidence(0, "en")), Task.LIMITS, maximum_tokens=60)
    assert written.ending is Ending.BUDGET
    assert written.n_tokens == 60
    assert written.text == "" or written.text[-1] in ".!?。！？"


def test_a_text_ends_when_it_is_told_to():
    model = writer()
    study = model.read(evidence(0, "en"))
    written = model.write(study, Task.IMPRESSION, cancelled=lambda: True)
    assert (written.ending, written.n_tokens) == (Ending.CANCELLED, 0)


def test_a_finished_text_names_all_that_it_must():
    ended = 0
    for seed in range(6):
        model = writer(RandomDecoder(tokenizer(), seed=seed, slots=2.0))
        written = model.write(model.read(evidence(0, "en")), Task.DIFFERENTIAL)
        if written.ending is Ending.STOP_TOKEN:
            ended += 1
            named = set(cited(written.text))
            groups = required_facts(evidence(0, "en"), Task.DIFFERENTIAL)
            assert all(group & named for group in groups)
    assert ended


def test_a_context_that_is_full_is_an_error():
    model = writer(_Bounded(tokenizer()))
    with pytest.raises(ModelError) as caught:
        model.read(evidence(0, "en"))
    assert caught.value.reason is Reason.CONTEXT_FULL


class _Bounded(RandomDecoder):
    def read(self, embeds, after=None):
        raise ModelError(Reason.CONTEXT_FULL)


class _Reader:
    """Gives three vectors and remembers the words it was shown."""

    def prefix(self, study, text_ids):
        self.study, self.text_ids = study, text_ids
        return ImagePrefix(np.ones((3, 1), np.float32), 1, np.zeros((1, 1, 1), np.float32))


def test_images_are_read_before_the_evidence_where_there_are_any():
    reader, study = _Reader(), object()
    model = writer(reader=reader, measurement_keys=("lv_mass",))
    with_images = model.read(evidence(0, "en"), "Syncope. <end>", study)
    without = writer().read(evidence(0, "en"), "Syncope. <end>")
    assert reader.study is study
    assert tokenizer().end_id not in reader.text_ids
    assert with_images.reading.n_tokens == without.reading.n_tokens + 3
    assert with_images.image is not None
    assert model.read(evidence(0, "en")).image is None
