"""The classifier of groups on made-up hearts: it learns, it is calibrated, it never peeks."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from worker.bundle import find_bundle, load_bundle
from worker.findings.pattern import GROUPS, estimate_pattern
from worker.findings.pattern_features import FEATURES
from worker.findings.uncertainty import STANDARD_ERRORS, errors_of
from worker.training import groups
from worker.training.group_report import as_markdown, describe_answers, describe_intervals
from worker.training.groups import ACDC_GROUPS, cases_of, cross_validate, make_table
from worker.training.hearts import HEARTS_FILE, MeasuredHeart, read_hearts
from worker.training.rows import add_row

N_FOLDS = 3


@pytest.fixture(autouse=True)
def _one_strength(monkeypatch):
    monkeypatch.setattr(groups, "STRENGTHS", (0.3,))


def hearts(n=60, seed=0, noise=0.12):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).uniform(1.0, 3.0, (len(ACDC_GROUPS), len(FEATURES)))
    found = []
    for index in range(n):
        group = index % len(ACDC_GROUPS)
        values = centres[group] * rng.lognormal(0.0, 0.15, len(FEATURES))
        mask = dict(zip(FEATURES, values.tolist(), strict=True))
        seen = {k: v * float(rng.lognormal(0.0, noise)) for k, v in mask.items()}
        lvef = float(rng.uniform(20, 70))
        found.append(
            MeasuredHeart(
                f"p{index:03d}",
                list(ACDC_GROUPS)[group],
                index // len(ACDC_GROUPS) % N_FOLDS + 1,
                "tower 1.0.0",
                seen,
                mask,
                lvef,
                lvef + float(rng.normal(0, 3.8)),
            )
        )
    return found


def test_unseen_hearts_are_told_apart_and_the_report_says_so():
    measured = hearts()
    cases = cases_of(measured)
    report = describe_answers(cases, cross_validate(cases), len(measured))
    assert report["accuracy"]["value"] >= 0.9
    assert report["auc_abnormal"]["value"] >= 0.95
    assert report["sets"]["coverage"]["value"] >= 0.8
    assert np.array(report["confusion"]).sum() == 60
    assert len(report["wrong"]) == 60 - report["accuracy"]["n"]
    low, high = report["calibration_error"]["interval"]
    assert low <= report["calibration_error"]["value"] <= high


def test_own_label_plays_no_part_in_the_answer():
    measured = hearts(30)
    before = cross_validate(cases_of(measured)).shares[0]
    measured[0] = replace(measured[0], group="DCM")
    cases = cases_of(measured)
    assert GROUPS[cases.truth[0]] == "dilated_cardiomyopathy"
    np.testing.assert_array_equal(cross_validate(cases).shares[0], before)


def test_table_answers_as_the_classifier_it_was_made_from():
    measured = hearts()
    table = make_table(cases_of(measured), patients="made up", command="none")
    assert table.n_patients == 60
    said = [estimate_pattern(table, heart.features).candidates for heart in measured]
    right = [c[:1] == (ACDC_GROUPS[h.group],) for c, h in zip(said, measured, strict=True)]
    assert np.mean(right) >= 0.85
    stranger = dict.fromkeys(FEATURES, 50.0)
    assert estimate_pattern(table, stranger).candidates == ()


def test_hearts_without_a_tower_teach_but_are_not_judged():
    measured = [
        heart if heart.fold == 1 else replace(heart, tower="", features={}, lvef=None)
        for heart in hearts()
    ]
    cases = cases_of(measured)
    assert int(cases.by_tower.sum()) == 20
    report = describe_answers(cases, cross_validate(cases), 20)
    assert report["accuracy"]["of"] == 20
    assert describe_intervals(measured)["coverage_other_folds"] is None


def test_heart_that_the_tower_lost_counts_as_wrong():
    measured = hearts(30)
    measured[0] = replace(measured[0], features={}, lvef=None)
    cases = cases_of(measured)
    report = describe_answers(cases, cross_validate(cases), len(measured))
    assert (report["n_measured"], report["accuracy"]["of"]) == (29, 30)


def test_interval_of_the_ejection_fraction_holds_nine_of_ten():
    found = describe_intervals(hearts(300))
    assert found["coverage_printed"]["value"] == pytest.approx(0.9, abs=0.05)
    assert found["coverage_other_folds"]["value"] == pytest.approx(0.9, abs=0.05)


def test_card_says_whose_error_is_printed_and_takes_the_bundles_own(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs the extra train")
    from worker.training import group_commands

    for heart in hearts(30):
        add_row(tmp_path / HEARTS_FILE, asdict(heart))
    monkeypatch.setattr(group_commands, "measure_folds", lambda *_, **__: [])
    group_commands.groups(tmp_path, tmp_path, "phantom-unet")
    own = errors_of(load_bundle(find_bundle("phantom-unet")).manifest)["lv_ejection_fraction"]
    report = json.loads((tmp_path / "groups.json").read_text())["ejection_fraction"]
    assert report["printed_standard_error"] == own.fixed
    assert own.fixed != STANDARD_ERRORS["lv_ejection_fraction"].fixed
    assert report["coverage_printed"]["value"] > 0.95  # wider than these hearts are off
    assert f"{own.fixed} points ({own.source})" in (tmp_path / "groups.md").read_text()


def test_markdown_has_every_group_and_the_accuracy():
    measured = hearts(30)
    cases = cases_of(measured)
    answers = describe_answers(cases, cross_validate(cases), 30)
    report = {
        "answers": answers,
        "experts": answers,
        "ejection_fraction": describe_intervals(measured),
    }
    text = as_markdown(report)
    assert all(group.replace("_", " ") in text for group in GROUPS)
    assert f"{answers['accuracy']['value']:.3f}" in text
    json.dumps(report)


def test_last_measurement_of_a_patient_counts(tmp_path):
    first = hearts(1)[0]
    path = tmp_path / HEARTS_FILE
    assert read_hearts(path) == []
    lines = [json.dumps(asdict(one)) for one in (replace(first, tower=""), first)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read_hearts(path) == [first]
