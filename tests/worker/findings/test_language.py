"""Every language says everything, and English says it as the code does."""

import re
from pathlib import Path

import pytest

import worker.findings
import worker.gate
import worker.volume
from plugin.domain.errors import ConfigurationError, Reason
from worker.findings import language as module
from worker.findings.definitions import DEFINITIONS, SEGMENT_NAMES
from worker.findings.language import languages, load_language
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.orientation import __file__ as orientation_file
from worker.findings.sentences import Sentences

NOTE = re.compile(r"(?:QualityNote|StackNote)\(\s*\"(\w+)\"")


def sources(package):
    return [path.read_text(encoding="utf-8") for path in Path(package.__path__[0]).glob("*.py")]


def test_english_and_chinese_ship():
    assert languages() == ("en", "zh")
    assert load_language("zh").tag == "zh-CN"


def test_unknown_language_stops_and_names_those_that_exist():
    with pytest.raises(ConfigurationError) as failure:
        load_language("tlh")
    assert failure.value.reason is Reason.SETTING_INVALID
    assert "en, zh" in failure.value.detail


def test_every_note_in_the_code_has_a_sentence():
    text = "".join((*sources(worker.findings), *sources(worker.gate), *sources(worker.volume)))
    keys = set(NOTE.findall(text))
    assert len(keys) > 25
    assert keys == set(load_language("en").tables["quality"])


def test_every_problem_of_the_orientation_has_a_sentence():
    code = re.sub(r"\"\s*\n\s*\"", "", Path(orientation_file).read_text(encoding="utf-8"))
    for sentence in load_language("en").tables["problems"].values():
        assert f'"{sentence}"' in code
    assert code.count("problem = ") - 1 + 1 == len(load_language("en").tables["problems"])


def test_english_names_are_those_of_the_definitions():
    english = load_language("en")
    names = {key: definition.name for key, definition in DEFINITIONS.items()}
    assert english.tables["measurements"] == names
    segments = {str(n): name for n, name in SEGMENT_NAMES.items()}
    assert {k: v for k, v in english.tables["segments"].items() if k != "name"} == segments
    assert {thing.key for thing in NOT_ASSESSED} == set(english.tables["not_assessed"])
    for thing in NOT_ASSESSED:
        assert english.tables["not_assessed_names"][thing.key] == thing.code.meaning


def literal(code):
    """Join neighbouring strings and empty the places of f-strings."""
    joined = re.sub(r'"\s*\n\s*f?"', "", code)
    return re.sub(r"\{[^{}\n]*\}", "{}", joined)


def test_english_notes_are_letter_for_letter_those_of_the_code():
    code = literal(
        "".join((*sources(worker.findings), *sources(worker.gate), *sources(worker.volume)))
    )
    for key, sentence in load_language("en").tables["quality"].items():
        if key == "text_not_confirmed":  # said from the file itself
            continue
        start = literal(sentence)
        assert start in code, key


def test_reading_a_sentence_gives_back_what_was_put_in():
    english = load_language("en")
    places = {"rr_ms": "812", "end_ms": "1020"}
    sentence = english.say("quality", "contradicting_rr_interval", **places)
    assert english.read("quality", "contradicting_rr_interval", sentence) == places
    assert english.read("quality", "few_phases", sentence) is None


def test_chinese_has_chinese_in_every_sentence():
    chinese = load_language("zh")
    for table in ("quality", "not_assessed", "statements", "measurements", "rules"):
        for key, sentence in chinese.tables[table].items():
            assert re.search(r"[\u4e00-\u9fff]", sentence), (table, key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('scope = "', 'scoop = "'),
        ("{n_phases} 个时相；", "{n_phase} 个时相；"),
        ("borderline = [", "border = ["),
    ],
)
def test_a_language_file_with_a_missing_or_misspelt_entry_is_refused(
    old, new, tmp_path, monkeypatch
):
    (tmp_path / "languages").mkdir()
    for path in (Path(worker.findings.__path__[0]) / "languages").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        changed = text.replace(old, new, 1) if path.stem == "zh" else text
        (tmp_path / "languages" / path.name).write_text(changed, encoding="utf-8")
    monkeypatch.setattr(module.resources, "files", lambda _package: tmp_path)
    with pytest.raises(ConfigurationError) as failure:
        load_language.__wrapped__("zh")
    assert "language file zh" in failure.value.detail


def test_a_note_that_no_file_knows_is_given_as_it_came():
    from plugin.domain.findings import QualityNote

    say = Sentences(load_language("zh"))
    assert say.note(QualityNote("brand_new", "Something new.")) == "Something new."
    assert say.note(QualityNote("few_phases", "Few phases.")) == "Few phases."


def test_names_listed_in_a_note_are_translated_one_by_one():
    from plugin.domain.findings import QualityNote

    names = "LV stroke volume index, End-diastolic wall thickness, basal anterior segment"
    sentence = f"Not reported, because no heart has such values: {names}."
    said = Sentences(load_language("zh")).note(QualityNote("implausible_value", sentence))
    assert said == (
        "以下数值不合生理，未予报告：左心室每搏输出量指数、前壁基底段舒张末期室壁厚度。"
    )
