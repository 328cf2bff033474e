"""The alignment stages in a run: who is learnt from, what is trained when, what is refused."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.training.language.networks import tiny_choice  # noqa: E402
from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from worker.training.cohorts import read_splits  # noqa: E402
from worker.training.language.alignment_stage import AlignmentOptions  # noqa: E402
from worker.training.language.alignment_task import (  # noqa: E402
    STUDIES_FOLDER,
    AlignmentTask,
)
from worker.training.language.checkpoint import finished_network  # noqa: E402
from worker.training.language.recipe import (  # noqa: E402
    LanguageRecipe,
    read_language_recipe,
)
from worker.training.language.run import start_or_resume_language  # noqa: E402
from worker.training.language.study_data import MEASUREMENTS, write_study  # noqa: E402

pytestmark = pytest.mark.train
SPLITS = read_splits()


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / STUDIES_FOLDER
    folder.mkdir()
    names = [SPLITS.validation[0], SPLITS.monitor[0], *(f"phantom-{k}" for k in range(4))]
    for index, name in enumerate(names):
        write_study(replace(study(index, ("DCM", "NOR")[index % 2]), id=name), folder)
    return tmp_path


def recipe(**options):
    choice = tiny_choice().model_dump(mode="json")
    sizes = {**choice["decoder"]["settings"], "context_length": 1024}
    sizes.pop("vocabulary")
    stage = {"kind": "align", "minutes": 0.001, "studies_per_step": 1, "learning_rate": 1e-3}
    quiet = {"batch": 2, "whole": 0.0, "local": 0.0, "category": 0.0}
    front = {"encoder": "full", "connector": "full"}
    return LanguageRecipe.model_validate(
        {
            "name": "tiny",
            "seed": 3,
            "corpus": {
                "studies": 2,
                "seed": 3,
                "vocabulary": 600,
                "held_out_studies": 1,
                "held_out_seed": 4,
            },
            "encoder": choice["encoder"],
            "connector": choice["connector"],
            "decoder": {"name": "llama", "settings": sizes},
            "n_features": 8,
            "stages": [
                {**stage, "name": "connector", "adaptation": front, "options": quiet},
                {
                    **stage,
                    "name": "together",
                    "adaptation": {**front, "decoder": "full"},
                    "options": {"batch": 3, **options},
                },
            ],
        }
    )


def test_stages_train_what_they_name_and_watch_the_monitor_patients(work):
    trainer = start_or_resume_language(recipe(), work)
    assert trainer.trained == {"encoder", "connector", "decoder"}
    network, _ = finished_network(work)
    assert network.encoder.has_scale()
    lines = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    name = "monitor_categories_right"
    watched = [line[name] for line in lines if name in line]
    assert len(watched) >= 2
    assert all(0 <= share <= 1 for share in watched)


def test_connector_stage_leaves_the_decoder_as_it_was(work):
    only = recipe().model_copy(update={"stages": recipe().stages[:1]})
    torch.manual_seed(only.seed)
    trainer = start_or_resume_language(only, work)
    assert trainer.trained == {"encoder", "connector"}
    assert not any(p.requires_grad for p in trainer.network.decoder.parameters())
    # the heads may learn with any part, but answers alone teach them nothing
    assert float(trainer.network.temperature().detach()) == pytest.approx(0.07)


def test_unknown_option_is_named(work):
    wrong = recipe(wole=1.0)
    only = wrong.model_copy(update={"stages": wrong.stages[1:]})
    with pytest.raises(ConfigurationError, match=r"stage together: options\.wole"):
        start_or_resume_language(only, work)


def test_validation_patients_are_not_read_into_the_stage(work):
    options = AlignmentOptions(batch=2)
    task = AlignmentTask(work / STUDIES_FOLDER, None, options, 3)
    learnt = {one.id for one in task._stage.studies}
    assert learnt == {f"phantom-{k}" for k in range(4)}
    for path in (work / STUDIES_FOLDER).glob("phantom*"):
        path.unlink()
    with pytest.raises(ConfigurationError, match="no studies"):
        AlignmentTask(work / STUDIES_FOLDER, None, options, 3)


def test_held_out_group_is_never_met(work):
    options = AlignmentOptions(batch=2, held_out="DCM")
    task = AlignmentTask(work / STUDIES_FOLDER, None, options, 3)
    assert {one.group for one in task._stage.studies} == {"NOR"}
    assert "DCM" not in {one.key for one in task._stage._categories}


@pytest.mark.parametrize("name", ["cmr-language-study", "cmr-language-recognition"])
def test_shipped_recipe_fits_the_studies_that_are_cached(pytestconfig, name):
    path = pytestconfig.rootpath / f"worker/training/recipes/{name}.toml"
    shipped = read_language_recipe(path)
    keys = tuple(one["key"] for one in shipped.connector.settings["measurements"])
    assert keys == MEASUREMENTS
    for stage in shipped.stages:
        if stage.kind == "align":
            AlignmentOptions.model_validate(stage.options)
