"""Another language is two files: its sentences, and how the checker reads them."""

from pathlib import Path

import pytest

import worker.findings
from plugin.domain.errors import ConfigurationError
from plugin.domain.wording import Author
from tests.worker.findings.studies import KNOWN
from tests.worker.words import tokenizer
from tests.worker.writers import RandomDecoder
from worker.findings import checker
from worker.findings import language as module
from worker.findings.checker import check_text
from worker.findings.checker.reader import load_lexicon
from worker.findings.language import languages, load_language
from worker.findings.report_text import report_text
from worker.findings.reread import reread
from worker.findings.word import Told, word_report
from worker.findings.worded import worded
from worker.model.language.writer import LanguageWriter

FOLDER = Path(worker.findings.__path__[0])
SENTENCES = {
    'code = "en"': 'code = "nl"',
    'tag = "en-US"': 'tag = "nl-NL"',
    'lv_ejection_fraction = "LV ejection fraction"': 'lv_ejection_fraction = "LV-ejectiefractie"',
    'heart_rate = "Heart rate"': 'heart_rate = "Hartslag"',
    '"ml" = " ml"': '"ml" = " milliliter"',
    "were not assessed.": "werden niet beoordeeld.",
    "was not assessed.": "werd niet beoordeeld.",
    'not_assessed = "{names}: not assessed."': 'not_assessed = "{names}: niet beoordeeld."',
}
WORDS = {
    'code = "en"': 'code = "nl"',
    "'ejection fraction', 'EF'": "'ejection fraction', 'EF', 'ejectiefractie'",
    "'heart rate'": "'heart rate', 'Hartslag'",
    "ml = ['ml']": "ml = ['ml', 'milliliter']",
    "marker = ['not assessed'": "marker = ['niet beoordeeld', 'not assessed'",
}


def changed(path, words):
    text = path.read_text(encoding="utf-8")
    for old, new in words.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def dutch(tmp_path, monkeypatch):
    """Put a third language beside those that ship: nothing else changes."""
    for name in ("languages", "phrases", "checker/lexicons"):
        (tmp_path / name).mkdir(parents=True)
        for path in (FOLDER / name).glob("*.toml"):
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    sentences = changed(FOLDER / "languages" / "en.toml", SENTENCES)
    (tmp_path / "languages" / "nl.toml").write_text(sentences, encoding="utf-8")
    lexicon = tmp_path / "checker" / "lexicons" / "nl.toml"
    words = changed(FOLDER / "checker" / "lexicons" / "en.toml", WORDS)
    lexicon.write_text(words, encoding="utf-8")
    places = {"worker.findings": tmp_path, checker.__name__: tmp_path / "checker"}
    own = module.resources.files
    monkeypatch.setattr(
        module.resources, "files", lambda package: places.get(package) or own(package)
    )
    yield lexicon
    for cached in (load_language, load_lexicon):
        cached.cache_clear()


@pytest.mark.parametrize("name", KNOWN)
def test_report_in_a_third_language_is_written_and_read_again(dutch, name):
    assert languages() == ("en", "nl", "zh")
    assessment = KNOWN[name]
    read, disagreements = reread(assessment, "nl")
    assert not disagreements
    text = " ".join(report_text(assessment, load_language("nl")).lines())
    assert "LV-ejectiefractie" in text
    assert "niet beoordeeld" in text
    assert "LV ejection fraction" not in text
    names = {one.key: one.name for one in worded(read, "nl").measurements}
    assert names["lv_ejection_fraction"] == "LV-ejectiefractie"


def test_checker_finds_a_wrong_number_in_a_third_language(dutch):
    assessment = KNOWN["healthy woman"]
    (line, *_) = [
        one
        for one in report_text(assessment, load_language("nl")).lines()
        if "LV-ejectiefractie" in one
    ]
    value = round(assessment.value("lv_ejection_fraction"))
    assert not check_text([line], assessment, "nl")
    assert check_text([line.replace(f"{value} %", f"{value - 9} %")], assessment, "nl")


def test_language_that_the_model_did_not_learn_is_worded_by_rules(dutch):
    writer = LanguageWriter(RandomDecoder(tokenizer()), tokenizer())
    weak = KNOWN["weak dilated left ventricle"]
    wording = word_report(weak, load_language("nl"), writer, Told(seconds=float("inf")))
    assert {one.author for one in wording.passages} == {Author.RULES}
    assert not wording.replaced
    assert "niet beoordeeld" in " ".join(
        line.text for passage in wording.passages for line in passage.statements
    )


def test_language_without_a_lexicon_is_refused(dutch):
    dutch.unlink()
    with pytest.raises(ConfigurationError, match=r"lexicons/nl\.toml"):
        load_language("nl")
