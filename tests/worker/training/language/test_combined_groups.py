"""Groups from features, margins and both: made-up hearts, and one network that barely learns."""

from dataclasses import asdict, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.training import test_groups  # noqa: E402
from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from tests.worker.words import tokenizer  # noqa: E402
from worker.findings.pattern import GROUPS  # noqa: E402
from worker.model.language.categories import read_categories  # noqa: E402
from worker.training import calibration, groups  # noqa: E402
from worker.training.calibration import log_loss  # noqa: E402
from worker.training.folds import read_folds  # noqa: E402
from worker.training.groups import ACDC_GROUPS, cases_of, cross_validate  # noqa: E402
from worker.training.language import combined_groups, fold_recognition  # noqa: E402
from worker.training.language.combined_groups import answer, scores_of, table  # noqa: E402
from worker.training.language.fold_recognition import (  # noqa: E402
    FoldMargins,
    fold_cohorts,
    read_fold_margins,
    recognise_fold,
)
from worker.training.language.study_data import MEASUREMENTS  # noqa: E402
from worker.training.rows import add_row  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(groups, "STRENGTHS", (0.3,))
    monkeypatch.setattr(calibration, "_RESAMPLES", 30)


def hearts(n=60, noise=0.12):
    """Return the made-up hearts in four folds: three of them are left out at once."""
    drawn = test_groups.hearts(n, noise=noise)
    return [replace(one, fold=index // 5 % 4 + 1) for index, one in enumerate(drawn)]


def margins(cases, noise, temperature=0.1, seed=0):
    """Return lines whose margins know the group but for noise."""
    rng = np.random.default_rng(seed)
    true = np.eye(len(GROUPS))[cases.truth] + noise * rng.normal(size=(len(cases.truth), 5))
    return [
        FoldMargins(
            fold,
            seed,
            200,
            80,
            60.0,
            temperature * fold,
            {
                patient: dict(zip(ACDC_GROUPS, (temperature * fold * row).tolist(), strict=True))
                for patient, own, row in zip(cases.patients, cases.fold, true, strict=True)
                if own == fold
            },
        )
        for fold in np.unique(cases.fold).tolist()
    ]


def test_scores_are_in_the_order_of_the_groups_and_free_of_each_networks_temperature():
    cases = cases_of(hearts())
    scores = scores_of(cases, margins(cases, noise=0.0))
    np.testing.assert_allclose(scores, np.eye(5)[cases.truth], atol=1e-12)


def test_nobody_is_scored_by_the_network_of_another_fold():
    cases = cases_of(hearts())
    with pytest.raises(ValueError, match="another fold"):
        scores_of(cases, [replace(one, fold=one.fold + 1) for one in margins(cases, noise=0.0)])


def test_what_recognition_knows_helps_and_what_it_does_not_know_is_ignored():
    cases = cases_of(hearts(noise=0.9))
    good, useless = (answer(cases, scores_of(cases, margins(cases, n))) for n in (0.4, 50.0))
    losses = {
        name: log_loss(getattr(good, name), cases.truth)
        for name in ("measured", "together", "mean")
    }
    assert losses["together"] < losses["measured"]
    assert losses["mean"] < losses["measured"]
    np.testing.assert_array_equal(good.measured, cross_validate(cases).shares)
    assert log_loss(useless.mean, cases.truth) < log_loss(useless.recognised, cases.truth)
    rows = {row.split(" | ")[0]: row for row in table(cases, [good, useless]).splitlines()}
    assert len(rows) == 9
    assert float(rows["| both, weighted mean, less measured"].split(" | ")[4].split()[0]) < 0.5


def test_own_label_plays_no_part_in_any_answer():
    measured = hearts(30)
    cases = cases_of(measured)
    scores = scores_of(cases, margins(cases, noise=1.0))
    before = answer(cases, scores)
    changed = answer(cases_of([replace(measured[0], group="RV"), *measured[1:]]), scores)
    for name in ("measured", "recognised", "together", "mean"):
        np.testing.assert_array_equal(getattr(changed, name)[0], getattr(before, name)[0])


def test_network_of_a_fold_learns_from_nobody_of_it_and_is_made_once(tmp_path, monkeypatch):
    ids = [fold[0] for fold in read_folds()] + ["mixed-0000"]
    keys = list(ACDC_GROUPS)
    measured = np.full(len(MEASUREMENTS), 50.0, np.float32)
    studies = []
    for index, name in enumerate(ids):
        one = study(index, keys[index % 5])
        features = replace(one.features, measurements=measured)
        cohort = "acdc" if name.startswith("patient") else "phantom"
        studies.append(replace(one, id=name, cohort=cohort, features=features))
    few = tuple(one for one in read_categories() if one.key in keys)
    monkeypatch.setattr(fold_recognition, "read_categories", lambda: few)
    divided = fold_cohorts(studies, 3)
    assert [one.id for one in divided.unseen] == [read_folds()[2][0]]
    assert {one.id for one in divided.learnt} == set(ids) - {read_folds()[2][0]}
    line = recognise_fold(studies, tokenizer(), fold=3, seed=0, steps=2, rate=1e-3)
    assert set(line.margins) == {read_folds()[2][0]}
    assert set(line.margins[read_folds()[2][0]]) == set(keys)
    assert line.temperature > 0

    asked = []

    def made(studies, tokenizer, *, fold, seed, **_):
        asked.append((fold, seed))
        return replace(line, fold=fold, seed=seed)

    monkeypatch.setattr(fold_recognition, "recognise_fold", made)
    monkeypatch.setattr(fold_recognition, "read_studies", lambda _: studies)
    monkeypatch.setattr(fold_recognition.Tokenizer, "from_file", lambda _: None)
    vocabulary, out = tmp_path / "tokenizer.json", tmp_path / "out"
    vocabulary.write_text("{}")
    (tmp_path / "studies").mkdir()
    words = ["x", "--studies", str(tmp_path / "studies"), "--tokenizer", str(vocabulary)]

    def run(*more):
        monkeypatch.setattr("sys.argv", [*words, "--out", str(out), *more])
        fold_recognition._main()

    run("--seeds", "1")
    path = out / fold_recognition.FOLD_MARGINS_NAME
    path.write_text(path.read_text()[:-20])  # as a kill leaves it
    assert len(read_fold_margins(out)) == 4
    run("--seeds", "2")
    expected = [(fold, seed) for seed in range(2) for fold in range(1, 6)]
    assert asked == [*expected[:5], *expected[4:]]
    assert [(one.fold, one.seed) for one in read_fold_margins(out)] == expected
    for other in (["--steps", "3"], ["--rate", "1"]):
        with pytest.raises(ConfigurationError, match="empty folder"):
            run(*other)


def test_command_prints_figures_of_every_seed(tmp_path, monkeypatch, capsys):
    measured = hearts(30)
    cases = cases_of(measured)
    lines = [one for seed in (0, 1) for one in margins(cases, 1.0, seed=seed)]
    for one in lines:
        add_row(tmp_path / fold_recognition.FOLD_MARGINS_NAME, asdict(one))
    monkeypatch.setattr(combined_groups, "read_hearts", lambda _: measured)
    monkeypatch.setattr("sys.argv", ["x", "--hearts", "h", "--margins", str(tmp_path)])
    combined_groups._main()
    said = capsys.readouterr().out
    assert said.startswith("30 patients, 2 seeds")
    assert "| both, one classifier |" in said
