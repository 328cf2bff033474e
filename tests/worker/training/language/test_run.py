"""Language runs: stages in order, resumable, logged, and only trained parts leave them."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from worker.training.language.checkpoint import (  # noqa: E402
    finished_network,
    read_checkpoint,
    write_checkpoint,
)
from worker.training.language.parts import TextNetwork  # noqa: E402
from worker.training.language.recipe import LanguageRecipe, read_language_recipe  # noqa: E402
from worker.training.language.run import (  # noqa: E402
    LanguageRunOptions,
    LanguageTrainer,
    start_or_resume_language,
)
from worker.training.language.text_stage import text_data  # noqa: E402

pytestmark = pytest.mark.train

RECIPE = """
name = "tiny"
seed = 3
warmup_steps = 1

[corpus]
studies = 2
seed = 3
vocabulary = 600
held_out_studies = 1
held_out_seed = 4

[decoder]
name = "llama"
settings = { width = 16, n_layers = 2, n_heads = 2, n_kv_heads = 1, feed_forward = 16 }

[[stages]]
name = "text"
kind = "text"
minutes = 0.002
studies_per_step = 1
learning_rate = 4.0e-3
adaptation = { decoder = "full" }
"""


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(recipe_path, tmp_path_factory):
    work = tmp_path_factory.mktemp("run")
    start_or_resume_language(read_language_recipe(recipe_path), work)
    return work


def entries(work):
    return [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]


def with_stage(recipe, **changes):
    stage = recipe.stages[0].model_copy(update=changes)
    return LanguageRecipe.model_validate({**recipe.model_dump(), "stages": [stage.model_dump()]})


def test_run_leaves_a_trained_decoder_and_says_what_it_read(finished):
    network, trained = finished_network(finished)
    assert isinstance(network, TextNetwork)
    assert trained == {"decoder"}
    state = torch.load(finished / "decoder.pt", weights_only=True)
    assert torch.equal(state["embed_tokens.weight"], network.decoder.embed_tokens.weight)
    first, last = entries(finished)[0], entries(finished)[-1]
    assert first["recipe"]["seed"] == 3
    assert set(first["data"]) == {"corpus.jsonl", "tokenizer.json"}
    assert all(len(value) == 64 for value in first["data"].values())
    assert last["held_out_loss"] > 0


def test_finished_run_is_not_run_again(finished, recipe_path):
    before = (finished / "checkpoint.pt").read_bytes()
    trainer = start_or_resume_language(read_language_recipe(recipe_path), finished)
    assert trainer.progress.stage == 1
    assert (finished / "checkpoint.pt").read_bytes() == before


def test_stopped_run_goes_on_as_if_it_had_not_stopped(recipe_path, tmp_path):
    recipe = with_stage(read_language_recipe(recipe_path), minutes=1000.0)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for work, stops in ((whole, (4,)), (parts, (2, 4))):
        work.mkdir()
        text = text_data(recipe.corpus, work)
        for n_steps in stops:
            trainer = LanguageTrainer(recipe, text, work)
            trainer.run(LanguageRunOptions(max_steps=n_steps))
        assert trainer.progress.step == 4
    once, twice = (finished_network(work)[0].state_dict() for work in (whole, parts))
    for name, tensor in once.items():
        # the clock, not the step, drives the learning rate: it differs in the seventh digit
        assert torch.allclose(tensor, twice[name], atol=1e-4), name


@pytest.mark.parametrize("adaptation", ["lora", "full"])
def test_run_that_ended_between_two_stages_goes_on_and_nothing_counts_as_trained_early(
    recipe_path, tmp_path, adaptation
):
    first = with_stage(read_language_recipe(recipe_path), minutes=1e-5)
    later = {"name": "later", "minutes": 1000.0, "adaptation": {"decoder": adaptation}}
    stages = (*first.stages, *with_stage(first, **later).stages)
    recipe = first.model_copy(update={"stages": stages})
    text = text_data(recipe.corpus, tmp_path)

    def go_on(max_steps):
        trainer = LanguageTrainer(recipe, text, tmp_path)
        trainer.run(LanguageRunOptions(max_steps=max_steps))
        return trainer.progress

    assert go_on(1).stage == 1  # as if killed right behind the checkpoint of the first stage
    # as if the first stage had trained another part
    write_checkpoint(tmp_path, {**read_checkpoint(tmp_path), "trained": []})
    network, trained = finished_network(tmp_path)
    assert trained == set()
    assert (go_on(3).stage, go_on(4).step) == (1, 4)
    after, trained = finished_network(tmp_path)
    assert trained == {"decoder"}
    kept, now = network.state_dict(), after.state_dict()
    assert kept.keys() == now.keys()
    assert any(not torch.equal(kept[name], now[name]) for name in kept)


def test_training_lowers_the_loss(recipe_path, tmp_path):
    recipe = with_stage(read_language_recipe(recipe_path), minutes=1000.0)
    text = text_data(recipe.corpus, tmp_path)
    LanguageTrainer(recipe, text, tmp_path).run(LanguageRunOptions(max_steps=30, report_s=1e-9))
    losses = [entry["loss"] for entry in entries(tmp_path) if "loss" in entry]
    assert losses[-1] < 0.8 * losses[0]


def test_unknown_kind_of_stage_stops_at_start(recipe_path, tmp_path):
    recipe = with_stage(read_language_recipe(recipe_path), kind="poem")
    text = text_data(recipe.corpus, tmp_path)
    with pytest.raises(ConfigurationError, match="poem") as caught:
        LanguageTrainer(recipe, text, tmp_path)
    assert caught.value.reason is Reason.SETTING_INVALID


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("seed = 3", "seed"), ("minutes = 0.002", "minutes"), ("[corpus]", "corpus")],
)
def test_recipe_with_a_fault_names_the_key(tmp_path, wrong, words):
    path = tmp_path / "wrong.toml"
    path.write_text(
        RECIPE.replace(wrong, wrong.replace("3", "'x'").replace("0.002", "-1"))
        if "=" in wrong
        else RECIPE.replace(wrong, "[corpse]"),
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError, match=words):
        read_language_recipe(path)


def test_run_without_a_checkpoint_gives_no_network(tmp_path):
    with pytest.raises(ConfigurationError, match=r"checkpoint\.pt"):
        finished_network(tmp_path)
