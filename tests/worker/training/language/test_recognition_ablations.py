"""The ablation table over made-up margins; nothing is trained."""

import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError
from tests.worker.training.language.test_alignment_stage import study
from worker.model.language.categories import read_categories
from worker.training.language import recognition_trial
from worker.training.language.alignment_data import finding_vector
from worker.training.language.checkpoint import CHECKPOINT_NAME
from worker.training.language.criteria import GROUPS
from worker.training.language.recognition_ablations import (
    ablation_table,
    described,
    mean_areas,
    over_seeds,
    permuted,
)
from worker.training.language.recognition_tables import area
from worker.training.language.recognition_trial import MARGINS_NAME
from worker.training.rows import read_rows

pytestmark = pytest.mark.train
KEYS = [one.key for one in read_categories()]
STUDIES = {one.id: one for one in (study(n, GROUPS[n % len(GROUPS)]) for n in range(40))}
IDS = list(STUDIES)
TRUTH = np.stack([finding_vector(one, KEYS) for one in STUDIES.values()])


def line(trial, seed, noise, held_out=None):
    """Margins that follow the truth but for noise; names and random anchors follow nothing."""
    rng = np.random.default_rng([seed, int(10 * noise)])
    drawn = {
        "descriptions": TRUTH + noise * rng.normal(size=TRUTH.shape),
        "names": rng.normal(size=TRUTH.shape),
        "random0": rng.normal(size=TRUTH.shape),
        "random1": rng.normal(size=TRUTH.shape),
    }
    margins = {
        bank: {
            one: dict(zip(KEYS, row, strict=True))
            for one, row in zip(IDS, rows.tolist(), strict=True)
        }
        for bank, rows in drawn.items()
    }
    return {"trial": trial, "seed": seed, "held_out": held_out, "margins": margins}


def rows_of(text):
    cells = (row.strip("| ").split(" | ") for row in text.splitlines() if row.startswith("| "))
    return {row[0]: row[1:] for row in cells}


def test_mean_area_is_that_of_each_category_and_run():
    runs = np.random.default_rng(0).normal(size=(2, *TRUTH.shape))
    expected = []
    for column in range(len(KEYS)):
        known = TRUTH[:, column] >= 0
        present = TRUTH[known, column] == 1
        if present.any() and not present.all():
            expected += [area(run[known, column], present) for run in runs]
    drawn = mean_areas(runs, TRUTH)
    assert drawn[0] == pytest.approx(np.mean(expected))
    assert drawn[1:].std() > 0
    assert np.array_equal(drawn, mean_areas(runs, TRUTH))


def test_interval_over_seeds_holds_what_trainings_differ_by():
    patients = 0.01 * np.random.default_rng(0).normal(size=1001)
    alike, unlike = (np.add.outer(by_seed, patients) for by_seed in ([0.8] * 3, [0.6, 0.8, 1.0]))
    assert np.allclose(over_seeds(alike), alike[0])
    assert over_seeds(unlike)[0] == pytest.approx(unlike[:, 0].mean())
    assert over_seeds(unlike)[1:].std() > 5 * patients.std()
    # differences are of the same seeds
    assert np.allclose(over_seeds(unlike) - over_seeds(unlike - 0.1), 0.1)


def test_anchors_of_another_category_are_those_of_each_other_once():
    one = line("everything", 0, 0.1)
    (own,) = described(one, IDS, KEYS)
    others = permuted(one, IDS, KEYS)
    assert len(others) == len(KEYS) - 1
    for column in range(len(KEYS)):
        given = {tuple(margins[:, column]) for margins in others}
        assert given == {tuple(own[:, k]) for k in range(len(KEYS)) if k != column}


def test_table_pairs_trials_with_the_control_of_the_same_seeds():
    lines = [
        line("everything", 0, 0.3),
        line("everything", 1, 3.0),
        line("no_images", 0, 3.0),
        line("without_DCM", 0, 0.3, held_out="DCM"),
        line("labels_only", 1, 3.0),
    ]
    text = ablation_table(lines, STUDIES, IDS)
    rows = rows_of(text)
    assert list(rows)[1:5] == [
        "everything",
        "no images",
        "labels only",
        "everything, class names only",
    ]
    assert rows["everything"][0] == "2"
    value, interval = rows["no images"][2].split(" ", 1)
    low, high = interval.strip("()").split(" to ")
    assert 0 < float(low) < float(value) < float(high)
    # the same margins as the control's second seed: no difference to that one
    assert rows["labels only"][2] == "0.000 (0.000 to 0.000)"
    for name in ("class names only", "anchors of another category", "random anchors"):
        assert float(rows[f"everything, {name}"][1].split(" ")[0]) < 0.65
    by_seed = [float(one) for one in text.splitlines()[-1].split(": ")[1].split(", ")]
    assert by_seed[0] > by_seed[1]


def test_trials_run_in_the_order_asked_for_and_what_is_there_is_left(tmp_path, monkeypatch):
    started = []

    def trained(trial, material, *, seed, steps, rate):
        started.append((trial.name, seed))
        return {"trial": trial.name, "seed": seed, "steps": steps}

    def run(*more):
        asked = ["x", "--studies", str(studies), "--tokenizer", str(vocabulary)]
        monkeypatch.setattr(sys, "argv", [*asked, "--out", str(tmp_path / "out"), *more])
        recognition_trial._main()
        done, started[:] = list(started), []
        return done

    studies, vocabulary = tmp_path / "studies", tmp_path / "tokenizer.json"
    studies.mkdir()
    vocabulary.write_text("{}")
    monkeypatch.setattr(recognition_trial, "run_trial", trained)
    monkeypatch.setattr(recognition_trial.Tokenizer, "from_file", lambda _: None)
    asked = ["--trials", "one_mark", "everything", "--seeds", "2"]
    assert run(*asked) == [
        ("one_mark", 0),
        ("everything", 0),
        ("one_mark", 1),
        ("everything", 1),
    ]
    assert run(*asked) == []
    assert run(*asked, "--variant", "random_tower")[0] == ("one_mark", 0)
    written = read_rows(tmp_path / "out" / MARGINS_NAME)
    assert {one["trial"] for one in written} == {
        "one_mark",
        "everything",
        "one_mark_random_tower",
        "everything_random_tower",
    }
    everything = {name for name, _ in run("--seeds", "1")}
    assert "no_images" in everything
    assert not {"read_decoder", "frozen_read_decoder"} & everything
    for other in (["--steps", "3"], ["--rate", "1"], ["--unseen-mixed", "1"]):
        with pytest.raises(ConfigurationError, match="empty folder"):
            run(*asked, *other)
    (studies / "another.npz").write_bytes(b"")
    monkeypatch.setattr(recognition_trial, "read_studies", lambda _: [])
    with pytest.raises(ConfigurationError, match="studies"):
        run(*asked)
    assert not started


def test_finished_run_is_scored_once_and_never_among_trials(tmp_path, monkeypatch):
    def score(out, *more):
        words = ["x", "--studies", str(tmp_path / "studies"), "--out", str(tmp_path / out), *more]
        monkeypatch.setattr(sys, "argv", words)
        recognition_trial._main()
        return read_rows(tmp_path / out / MARGINS_NAME)

    (tmp_path / "studies").mkdir()
    run, vocabulary = tmp_path / "run", tmp_path / "tokenizer.json"
    run.mkdir()
    (run / CHECKPOINT_NAME).write_bytes(b"1")
    vocabulary.write_text("{}")
    monkeypatch.setattr(recognition_trial.Tokenizer, "from_file", lambda _: None)
    scored = [line("everything", 0, 0.3), line("images_withheld", 0, 0.3)]
    monkeypatch.setattr(recognition_trial, "score_run", lambda *_: scored)
    monkeypatch.setattr(recognition_trial, "run_trial", lambda *_, seed, **__: scored[seed])
    assert score("scored", "--run", str(run)) == scored
    path = tmp_path / "scored" / MARGINS_NAME
    whole = path.read_text()
    path.write_text(whole[:-20])  # as a kill leaves it
    assert read_rows(path) == scored[:1]
    assert score("scored", "--run", str(run)) == scored
    assert path.read_text() == whole
    trials = ["--tokenizer", str(vocabulary), "--trials", "everything", "--seeds", "1"]
    score("trained", *trials)
    for out, asked in (("trained", ["--run", str(run)]), ("scored", trials)):
        with pytest.raises(ConfigurationError, match="empty folder"):
            score(out, *asked)
    (run / CHECKPOINT_NAME).write_bytes(b"2")
    with pytest.raises(ConfigurationError, match="other run"):
        score("scored", "--run", str(run))
