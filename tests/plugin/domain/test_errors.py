"""The closed list of reasons and the sentences people read."""

import pytest

from plugin.domain.errors import (
    SENTENCES,
    ConfigurationError,
    ModelError,
    Reason,
    StudyRejectedError,
    TransientError,
    TriageError,
)


def test_every_reason_has_a_sentence_and_no_other_has_one():
    assert set(SENTENCES) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_sentences_are_whole_sentences(reason):
    sentence = SENTENCES[reason]
    assert sentence.endswith(".")
    assert sentence[0] == sentence[0].upper() or sentence.split()[0] == "onnxruntime"
    assert len(sentence) > 15


def test_reason_values_are_unique_snake_case():
    values = [reason.value for reason in Reason]
    assert len(set(values)) == len(values)
    assert all(value == value.lower() and " " not in value for value in values)


@pytest.mark.parametrize(
    "kind", [TransientError, StudyRejectedError, ModelError, ConfigurationError]
)
def test_errors_carry_reason_sentence_and_detail(kind):
    error = kind(Reason.DISK_FULL, "12 GiB")
    assert isinstance(error, TriageError)
    assert error.reason is Reason.DISK_FULL
    assert str(error) == f"{SENTENCES[Reason.DISK_FULL]} (12 GiB)"
    assert kind(Reason.DISK_FULL).sentence == SENTENCES[Reason.DISK_FULL]


def test_kinds_are_strangers_to_each_other():
    assert not issubclass(TransientError, StudyRejectedError)
    assert not issubclass(ModelError, TransientError)
