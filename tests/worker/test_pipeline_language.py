"""The language model in an analysis: its words in the report where they pass, rules where not."""

import json
from datetime import UTC, datetime

import pydicom
import pytest

from plugin.domain.objects import OBJECT_KINDS
from plugin.domain.wording import Author, Part
from tests.generated import TruthSegmenter, write_small_study
from tests.worker.words import tokenizer
from tests.worker.writers import PlainWriter, RandomDecoder
from worker.analysis_result import RESULT_NAME
from worker.findings.language import load_language
from worker.model.language.writer import LanguageWriter
from worker.pipeline import analyse_paths
from worker.questions import answer_about_files
from worker.stages import LANGUAGE_STAGE

HISTORY = "Known cardiomyopathy, EF 71 %"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    paths = []
    for number, path in enumerate(write_small_study(folder / "plain")):
        image = pydicom.dcmread(path)
        image.ReasonForTheRequestedProcedure = HISTORY
        paths.append(folder / f"{number}.dcm")
        image.save_as(paths[-1])
    return paths


def analyse(study, folder, writer, **options):
    return analyse_paths(
        study,
        TruthSegmenter(),
        folder,
        software_version="0.0.1",
        writer=writer,
        language_seconds=float("inf"),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **options,
    )


def report_text(folder):
    return "\n".join(texts_of(pydicom.dcmread(folder / "sr.dcm")))


def texts_of(item):
    """Yield every text of a content tree."""
    for below in item.get("ContentSequence", ()):
        if "TextValue" in below:
            yield below.TextValue
        yield from texts_of(below)


@pytest.mark.parametrize("code", ["en", "zh"])
def test_words_that_pass_are_in_report_and_result(study, tmp_path, code):
    writer = PlainWriter()
    result = analyse(study, tmp_path, writer, report_language=code)
    assert writer.told == [(HISTORY, None)]
    assert {one.author for one in result.wording.passages} == {Author.LANGUAGE_MODEL}
    written = json.loads((tmp_path / RESULT_NAME).read_text())
    assert written["wording"]["language"] == code
    assert len(written["wording"]["passages"]) == 4
    assert LANGUAGE_STAGE in written["timings_seconds"]
    shown = report_text(tmp_path)
    assert load_language(code).say("written", "by_language_model") in shown
    for passage in result.wording.passages:
        assert all(one.text in shown for one in passage.statements)


def test_words_that_do_not_pass_are_replaced_and_flagged(study, tmp_path):
    writer = LanguageWriter(RandomDecoder(tokenizer(), slots=0.3), tokenizer())
    result = analyse(study, tmp_path, writer)
    assert result.wording.replaced
    assert load_language("en").tables["quality"]["wording_replaced"] in report_text(tmp_path)
    written = json.loads((tmp_path / RESULT_NAME).read_text())
    doubts = [one["doubt"] for one in written["wording"]["passages"]]
    assert any(doubts)
    assert "71" not in str(written["wording"])


def test_the_same_study_gives_the_same_bytes_again(study, tmp_path):
    for name in ("a", "b"):
        analyse(study, tmp_path / name, PlainWriter())
    for kind in OBJECT_KINDS:
        first, second = ((tmp_path / name / f"{kind}.dcm").read_bytes() for name in ("a", "b"))
        assert first == second


def test_a_language_model_changes_no_number_and_no_priority(study, tmp_path):
    plain = analyse(study, tmp_path / "plain", None)
    worded = analyse(study, tmp_path / "worded", PlainWriter())
    assert plain.wording is None
    assert worded.assessment == plain.assessment
    seconds = {"seconds"}
    assert {k: v for k, v in worded.summary.items() if k not in seconds} == {
        k: v for k, v in plain.summary.items() if k not in seconds
    }
    uids = [{one.sop_instance_uid for one in result.objects} for result in (plain, worded)]
    assert uids[0].isdisjoint(uids[1])


def test_a_folder_of_images_answers_a_question(study):
    writer = PlainWriter()
    answer = answer_about_files(study, TruthSegmenter(), "What is the LV mass?", writer)
    assert answer.passage.part is Part.ANSWER
    assert [fact.key for fact in answer.facts] == ["lv_mass"]
    assert [history for history, _ in writer.told] == [""]
