"""Character sets: declared, undeclared and wrongly declared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.clinical.headers import image
from worker.clinical import TextFlag, read_clinical_context
from worker.clinical.decoding import cut_bytes, decode_start, decode_text

GERMAN = "Verdacht auf hypertrophe Kardiomyopathie, Abklärung Müdigkeit"
JAPANESE = "心不全の疑い、左室駆出率を評価してください"
CHINESE = "心力衰竭，请评估左心室功能"
KOREAN = "심부전 의심"
RUSSIAN = "Подозрение на кардиомиопатию"


@pytest.mark.parametrize(
    ("declared", "encoding", "written"),
    [
        ("ISO_IR 100", "latin-1", GERMAN),
        ("ISO_IR 192", "utf-8", GERMAN),
        ("ISO_IR 192", "utf-8", JAPANESE),
        ("ISO_IR 192", "utf-8", CHINESE),
        ("ISO_IR 144", "iso8859_5", RUSSIAN),
        ("ISO_IR 101", "iso8859_2", "podejrzenie zapalenia mięśnia sercowego"),
        ("ISO_IR 126", "iso8859_7", "καρδιακή ανεπάρκεια"),
        ("ISO_IR 166", "tis-620", "ภาวะหัวใจล้มเหลว"),
        ("\\ISO 2022 IR 87", "iso2022_jp", JAPANESE),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", "iso2022_jp", JAPANESE),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", "iso2022_jp", JAPANESE),
        ("ISO_IR 13", "shift_jis", "ｼﾝﾌﾞｾﾞﾝ"),
        ("GB18030", "gb18030", CHINESE),
        ("GBK", "gbk", CHINESE),
    ],
)
def test_declared_character_set_is_read_without_doubt(declared, encoding, written):
    assert decode_text(written.encode(encoding), declared.split("\\")) == (written, True)


def test_korean_code_extension_is_read():
    assert decode_text(b"\x1b$)C" + KOREAN.encode("euc_kr"), ["", "ISO 2022 IR 149"]).text == KOREAN


def test_chinese_code_extension_is_read():
    raw = b"\x1b$)A" + "心力衰竭".encode("gb2312")
    assert decode_text(raw, ["", "ISO 2022 IR 58"]).text == "心力衰竭"


@pytest.mark.parametrize("declared", [[], [""], ["ISO_IR 6"], ["ISO_IR 100"], ["NONSENSE"]])
@pytest.mark.parametrize(
    ("encoding", "written", "is_certain"),
    [
        ("utf-8", GERMAN, True),
        ("utf-8", JAPANESE, True),
        ("utf-8", RUSSIAN, True),
        ("iso2022_jp", JAPANESE, True),
        ("shift_jis", JAPANESE, False),
        ("gb18030", CHINESE, False),
    ],
)
def test_wrong_or_missing_declaration_is_seen_through(declared, encoding, written, is_certain):
    assert decode_text(written.encode(encoding), declared) == (written, is_certain)


@pytest.mark.parametrize("declared", [[], ["ISO_IR 192"], ["ISO_IR 6"], ["NONSENSE"]])
def test_latin_text_under_another_declaration_is_read_as_doubtful(declared):
    assert decode_text("Verdacht auf Müdigkeit".encode("latin-1"), declared) == (
        "Verdacht auf Müdigkeit",
        False,
    )


def test_windows_quotes_are_read_in_latin_1():
    assert decode_text(b"\x93stable\x94 \x96 caf\xe9", ["ISO_IR 100"]).text == "“stable” – café"


def test_terminal_sequences_do_not_disturb():
    assert decode_text(b"\x1b[31mred\x1b[0m flag", []) == ("red flag", True)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ["ISO_IR 192"]),
        ("gb18030", ["GB18030"]),
        ("iso2022_jp", ["", "ISO 2022 IR 87"]),
        ("shift_jis", []),
    ],
)
@pytest.mark.parametrize("maximum_bytes", range(200, 212))
def test_cut_value_loses_one_character_at_most(encoding, declared, maximum_bytes):
    raw = (JAPANESE * 40).encode(encoding)
    text = decode_start(cut_bytes(raw, maximum_bytes), declared).text
    assert (JAPANESE * 40).startswith(text)
    assert len(text) >= maximum_bytes // 3 - 4


def test_wrong_declaration_in_a_header_is_flagged():
    (found,) = read_clinical_context(
        [image("ISO_IR 100", AdditionalPatientHistory=CHINESE.encode("gb18030"))]
    ).texts
    assert found.text == CHINESE.replace("，", ",")
    assert found.flags == {TextFlag.CHARACTER_SET_UNCERTAIN}


def test_item_of_a_sequence_takes_the_character_set_of_its_dataset():
    requested = {"ReasonForTheRequestedProcedure": JAPANESE.encode("iso2022_jp")}
    (found,) = read_clinical_context(
        [image("\\ISO 2022 IR 87", RequestAttributesSequence=[requested])]
    ).texts
    assert found.text == JAPANESE


def test_value_that_was_decoded_before_is_decoded_again_where_nothing_is_lost():
    header = image("ISO_IR 100", StudyDescription=GERMAN.encode())
    assert header.StudyDescription != GERMAN
    assert [one.text for one in read_clinical_context([header]).texts] == [GERMAN]


def test_value_that_was_decoded_rightly_before_stays():
    header = image("ISO_IR 192", StudyDescription=GERMAN.encode())
    assert header.StudyDescription == GERMAN
    (found,) = read_clinical_context([header]).texts
    assert (found.text, found.flags) == (GERMAN, frozenset())


@given(raw=st.binary(max_size=200), declared=st.sampled_from(["", "ISO_IR 192", "GB18030", "X"]))
def test_any_bytes_give_some_text(raw, declared):
    text, _ = decode_text(raw, [declared, "ISO 2022 IR 87"])
    assert isinstance(text, str)
