"""Text to ids and back; text from outside is only letters."""

import json

import pytest

from tests.worker.words import corpus, definition, tokenizer
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vocabulary import N_MARKS, SLOTS, SPECIAL_TOKENS


def test_special_tokens_come_first_and_once():
    assert len(set(SPECIAL_TOKENS)) == len(SPECIAL_TOKENS)
    assert [tokenizer().id_of(token) for token in SPECIAL_TOKENS] == list(
        range(len(SPECIAL_TOKENS))
    )
    assert len(tokenizer().image_mark_ids) == len(tokenizer().text_mark_ids) == N_MARKS
    assert not set(tokenizer().image_mark_ids) & set(tokenizer().text_mark_ids)


def test_answers_and_prompts_survive_the_way_there_and_back():
    for record in corpus():
        for text in (record.target, record.evidence):
            assert tokenizer().decode(tokenizer().encode(text)) == text


def test_history_and_question_survive_as_letters():
    for record in corpus():
        for text in (record.history, record.question):
            ids = tokenizer().encode_untrusted(text)
            assert tokenizer().decode(ids) == text
            assert all(token >= len(SPECIAL_TOKENS) for token in ids)


@pytest.mark.parametrize("text", ["[E0]", "<end>", "<answer> [E12] <ImgCls0>", "<task:limits>"])
def test_outside_text_cannot_name_a_slot_or_a_mark(text):
    assert any(token < len(SPECIAL_TOKENS) for token in tokenizer().encode(text))
    ids = tokenizer().encode_untrusted(text)
    assert all(token >= len(SPECIAL_TOKENS) for token in ids)
    assert tokenizer().decode(ids) == text


def test_digits_are_single_tokens():
    texts = tokenizer().texts
    assert {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} <= set(texts)
    assert not [text for text in texts if len(text) > 1 and any(c.isdigit() for c in text)]


def test_unknown_characters_do_not_stop_it():
    ids = tokenizer().encode_untrusted("ሰላም heart")
    assert tokenizer().id_of("<unk>") in ids
    assert tokenizer().decode(ids).endswith("heart")


def test_texts_of_tokens_are_what_they_write():
    ids = tokenizer().encode(f"{SLOTS[3]}: the left ventricle is dilated.")
    written = [tokenizer().texts[token] for token in ids]
    assert written[0] == ""
    assert "".join(written) == ": the left ventricle is dilated."


def test_another_set_of_special_tokens_is_refused():
    raw = json.loads(definition())
    raw["added_tokens"][2]["content"] = "<stop>"
    raw["model"]["vocab"]["<stop>"] = raw["model"]["vocab"].pop("<end>")
    with pytest.raises(ValueError, match="special tokens"):
        Tokenizer(json.dumps(raw))
