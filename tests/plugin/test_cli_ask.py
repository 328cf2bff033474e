import json

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.registry import PublishedResult, Registry, ResultObject
from plugin.settings import load_settings
from tests.generated import write_small_study
from tests.plugin.registry.samples import make_instance
from tests.worker.words import SEED
from worker.training.language.corpus import study_of

UID = "1.2.840.77"


@pytest.fixture
def ask(config):
    def call(*arguments, **options):
        return CliRunner().invoke(app, ["ask", *arguments, "--config", str(config)], **options)

    return call


def receive(config, result=None):
    """Let a study be received and, with a result, reported."""
    settings = load_settings(config)
    settings.spool.folder.mkdir(parents=True, exist_ok=True)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        registry.studies.add_instances([make_instance(study_instance_uid=UID, patient_id="P-1")])
        if result is None:
            return
        job = registry.studies.mark_complete(registry.studies.get(UID).id)
        job = registry.jobs.claim(job.id, "test", 60)
        sr = ResultObject("sr", "1.2", "1.2.9", "1.2.9", str(result / "sr.dcm"), "0" * 64, 1)
        registry.jobs.publish(job.id, job.fence, PublishedResult((sr,), "d", {}))


@pytest.fixture
def reported(config, tmp_path):
    assessment = study_of(SEED, 0).assessment
    text = json.dumps({"assessment": json.loads(assessment.to_json())})
    (tmp_path / "result.json").write_text(text)
    receive(config, tmp_path)
    return assessment


def test_a_reported_study_answers_from_its_stored_result(ask, reported):
    answer = ask(UID, "What is the LV ejection fraction?")
    assert answer.exit_code == 0, answer.stderr
    assert f"{reported.value('lv_ejection_fraction'):.0f} %" in answer.stdout
    assert "lv_ejection_fraction" in answer.stdout
    assert "not verified by a physician" in answer.stdout
    assert "Worded by a language model, checked" in answer.stdout


def test_the_question_can_come_from_standard_input_and_the_answer_go_to_a_script(ask, reported):
    answer = ask("P-1", "-", "--json", input="有血栓吗？\n")
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert "未评估" in told["passage"]["statements"][0]["text"]
    assert told["passage"]["statements"][0]["evidence"] == ["thrombus"]
    assert [fact["key"] for fact in told["facts"]] == ["thrombus"]
    assert "not verified by a physician" in told["notice"]


def test_a_question_that_the_study_cannot_answer_is_told_so(ask, reported):
    answer = ask(UID, "Will the patient survive?")
    assert answer.exit_code == 0
    assert "cannot be answered" in answer.stdout


@pytest.mark.parametrize("question", [" ", "why " * 100])
def test_a_question_that_is_none_is_refused(ask, reported, question):
    answer = ask(UID, question)
    assert answer.exit_code == 2
    assert "empty or too long" in answer.stderr
    assert "why why" not in answer.stderr


def test_a_study_without_a_result_is_refused(ask, config):
    receive(config)
    answer = ask(UID, "What is the LV mass?")
    assert answer.exit_code == 2
    assert "no result of this study" in answer.stderr


def test_a_result_that_is_gone_is_told(ask, config, tmp_path):
    receive(config, tmp_path / "gone")
    answer = ask(UID, "What is the LV mass?")
    assert answer.exit_code == 2
    assert "gone from the spool" in answer.stderr


def test_a_study_that_nobody_knows_is_refused(ask):
    assert ask("1.2.3.4", "What is the LV mass?").exit_code == 2


def test_a_folder_is_measured_and_asked(ask, tmp_path):
    folder = tmp_path / "study"
    write_small_study(folder)
    answer = ask(str(folder), "What is the LV ejection fraction?")
    assert answer.exit_code == 0, answer.stderr
    assert "LV ejection fraction" in answer.stdout
