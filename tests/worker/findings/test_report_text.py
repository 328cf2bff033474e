"""The text of a report from its language's file: English letter for letter as the runtime's."""

import re
from pathlib import Path

import pytest

from tests.worker.findings.studies import KNOWN, study
from worker.findings.language import load_language
from worker.findings.report_text import report_text

GOLDEN = Path(__file__).with_name("golden_report_texts.txt")
SEEDS = range(40)


def english(seed):
    return report_text(study(seed).assessment, load_language("en"))


@pytest.mark.parametrize("seed", SEEDS)
def test_english_is_the_text_of_the_assessment(seed):
    assessment, text = study(seed).assessment, english(seed)
    assert text.impression == assessment.impression
    assert text.narrative == assessment.narrative
    assert text.findings == tuple(one.sentence for one in assessment.findings)
    assert text.not_assessed == tuple(one.sentence for one in assessment.not_assessed)
    assert text.quality == tuple(one.sentence for one in assessment.quality)
    assert text.priority == assessment.priority.sentence


def golden_text():
    """English of the known studies (``python -m tests.worker.findings.test_report_text``)."""
    language = load_language("en")
    parts = [
        f"# {name}\n" + "\n".join(report_text(assessment, language).lines())
        for name, assessment in KNOWN.items()
    ]
    return "\n".join(parts) + "\n"


def test_english_is_letter_for_letter_what_it_was():
    assert golden_text() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_impression_says_the_ejection_fraction_once(seed):
    said = [one for one in english(seed).impression if "ejection fraction" in one]
    said = [one for one in said if "LV ejection" in one or one.startswith("Left")]
    assert len(said) == 1, english(seed).impression


@pytest.mark.parametrize("seed", range(12))
def test_chinese_says_the_same_numbers_in_the_same_order(seed):
    chinese = report_text(study(seed).assessment, load_language("zh"))
    for ours, theirs in zip(
        (*english(seed).impression, *english(seed).quality),
        (*chinese.impression, *chinese.quality),
        strict=True,
    ):
        assert re.findall(r"\d+(?:\.\d+)?", ours) == re.findall(r"\d+(?:\.\d+)?", theirs)


def test_chinese_holds_no_english_sentence():
    for seed in range(12):
        for line in report_text(study(seed).assessment, load_language("zh")).lines():
            words = re.sub(r"[A-Z]\w+ [A-Z]+ et al\.[^）；]*", "", line)
            assert not re.search(
                r"[A-Za-z]{3,} [A-Za-z]{3,}", words.replace("SOP Instance UID", "")
            )


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
