"""What image tokens add to the words: tiny networks, and the table over made-up figures."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from tests.worker.words import tokenizer  # noqa: E402
from worker.training.language import word_trial  # noqa: E402
from worker.training.language.checkpoint import CHECKPOINT_NAME  # noqa: E402
from worker.training.language.decoder import DecoderSettings, LlamaDecoder  # noqa: E402
from worker.training.language.parts import TextNetwork  # noqa: E402
from worker.training.language.recognition_trial import Cohorts  # noqa: E402
from worker.training.language.study_data import MEASUREMENTS  # noqa: E402
from worker.training.language.word_trial import (  # noqa: E402
    ARMS,
    AS_IT_SHIPS,
    NOTHING_SEEN,
    WORDS_NAME,
    Material,
    TorchDecoder,
    run_seed,
    table,
)
from worker.training.rows import read_rows  # noqa: E402

pytestmark = pytest.mark.train


def tiny_reader():
    torch.manual_seed(0)
    sizes = {"width": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "feed_forward": 32}
    return LlamaDecoder(DecoderSettings(**sizes, vocabulary=len(tokenizer())))


def studies():
    measured = np.full(len(MEASUREMENTS), 50.0, np.float32)
    made = (study(index, ("DCM", "NOR")[index % 2]) for index in range(4))
    return [replace(one, features=replace(one.features, measurements=measured)) for one in made]


@torch.inference_mode()
def test_reading_in_steps_scores_as_reading_at_once():
    decoder = TorchDecoder(tiny_reader())
    embeds = decoder.embed([5, 9, 7, 30])
    at_once = decoder.read(embeds)
    in_steps = decoder.read(embeds[2:], decoder.read(embeds[:2]))
    assert in_steps.n_tokens == at_once.n_tokens == 4
    assert np.allclose(in_steps.next_scores, at_once.next_scores, atol=1e-6)


def test_every_network_is_judged_and_only_the_study_tells_them_apart(monkeypatch):
    monkeypatch.setattr(word_trial, "MAXIMUM_TOKENS", 4)
    reader, made = tiny_reader(), studies()
    before = [one.clone() for one in reader.parameters()]
    material = Material(Cohorts(tuple(made[:3]), tuple(made[3:])), tokenizer(), reader)
    lines = list(run_seed(material, seed=0, steps=1))
    assert [one["arm"] for one in lines] == [AS_IT_SHIPS, *(arm.name for arm in ARMS)]
    losses = [one["studies"]["s3"]["loss"] for one in lines]
    assert np.isfinite(losses).all()
    assert len(set(losses)) == len(losses)
    # the decoder that was given is the one that every network begins with
    assert all(torch.equal(*pair) for pair in zip(before, reader.parameters(), strict=True))
    assert table(lines, ["s3"]).count("| tokens") == len(ARMS)


def test_table_pairs_networks_over_studies_and_seeds():
    ids = [f"s{n}" for n in range(30)]
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.2, 2.0, size=len(ids))

    def line(arm, seed, more):
        counts = {"slots": 10, "numbers": 4, "judging": 2, "findings": 0, "findings_omitted": 0}
        wrong = {"slots_wrong": 1, "numbers_wrong": 1, "judging_untrue": 0}
        told = {
            one: {**counts, **wrong, "loss": loss + more}
            for one, loss in zip(ids, hard, strict=True)
        }
        return {"arm": arm, "seed": seed, "studies": told}

    lines = [line(AS_IT_SHIPS, seed, 0.0) for seed in (0, 1)]
    lines += [line(NOTHING_SEEN, seed, 0.2) for seed in (0, 1)]
    lines += [line("other", seed, 0.1 + 0.01 * seed) for seed in (0, 1)]
    lines.append(line("other", 2, 5.0))  # a seed that is not complete
    ships, _, other = table(lines, ids).splitlines()[4:]
    low, high = ships.split("| ")[2].strip(" )").split("(")[1].split(" to ")
    assert float(high) - float(low) > 0.1
    assert other.split(" | ")[2] == "0.105 (0.100 to 0.110)"
    assert other.split(" | ")[3] == "-0.095 (-0.100 to -0.090)"
    assert other.split(" | ")[4:6] == ["10.000 (10.000 to 10.000)", "25.000 (25.000 to 25.000)"]
    assert other.endswith("| - |")  # no finding that could be omitted


def test_command_goes_on_where_it_was_killed_and_refuses_other_settings(
    tmp_path, monkeypatch, capsys
):
    asked = []
    counts = {"slots": 2, "slots_wrong": 1, "numbers": 1, "numbers_wrong": 0, "judging": 1}
    told = {**counts, "judging_untrue": 0, "findings": 1, "findings_omitted": 0}

    def made(material, *, seed, steps):
        asked.append((seed, steps))
        for place, arm in enumerate((AS_IT_SHIPS, *(one.name for one in ARMS))):
            found = {one.id: {"loss": place + 0.5, **told} for one in material.divided.unseen}
            yield {"arm": arm, "seed": seed, "studies": found}

    def run(*more):
        words = ["x", "--studies", str(tmp_path / "studies"), "--text-run", str(tmp_path / "text")]
        monkeypatch.setattr("sys.argv", [*words, "--out", str(out), "--seeds", "0", *more])
        word_trial._main()
        return capsys.readouterr().out

    patients = [replace(one, cohort="acdc") for one in studies()[:3]]
    unseen = (*patients, *studies()[3:])
    monkeypatch.setattr(word_trial, "run_seed", made)
    monkeypatch.setattr(word_trial, "cohorts", lambda *_: Cohorts((), unseen))
    finished = TextNetwork(tiny_reader()), {"decoder"}
    monkeypatch.setattr(word_trial, "finished_network", lambda _: finished)
    monkeypatch.setattr(word_trial.Tokenizer, "from_file", lambda _: None)
    out = tmp_path / "out"
    for folder in ("studies", "text"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text" / CHECKPOINT_NAME).write_bytes(b"1")
    said = run()
    assert [row for row in said.splitlines() if row.endswith("seeds 0")] == [
        "3 studies, seeds 0",
        "1 studies, seeds 0",
        "4 studies, seeds 0",
    ]
    whole = (out / WORDS_NAME).read_text()
    (out / WORDS_NAME).write_text(whole[:-20])
    assert run() == said == run()
    assert (out / WORDS_NAME).read_text() == whole
    assert [row["seed"] for row in read_rows(out / WORDS_NAME)] == [0] * (1 + len(ARMS))
    assert asked == [(0, 150)] * 2
    for other in (["--steps", "3"], ["--unseen-mixed", "1"]):
        with pytest.raises(ConfigurationError, match="empty folder"):
            run(*other)
    (tmp_path / "text" / CHECKPOINT_NAME).write_bytes(b"2")
    with pytest.raises(ConfigurationError, match="text_run"):
        run()
