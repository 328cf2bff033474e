import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("nibabel", reason="needs the extra train")

from plugin.domain.errors import ModelError, Reason
from tests.generated import StandInBundle
from worker.model.types import Segmentation
from worker.training.evaluate import (
    Case,
    PatientResult,
    bootstrap_interval,
    dice_coefficient,
    evaluate_patient,
    refusal,
    stack_from_array,
    summarise,
    write_tables,
)
from worker.training.evaluation_figures import case_png

pytestmark = pytest.mark.train


class Echo:
    """Stands for a tower: answers with labels that it was given."""

    def __init__(self, labels):
        self.labels = labels

    def segment(self, _stack):
        return self


def heart(shrink=0):
    rows, columns = np.mgrid[:60, :60]
    labels = np.zeros((2, 3, 60, 60), np.uint8)
    for phase, radius in enumerate((14, 10)):
        distance = np.hypot(rows - 30, columns - 30)
        labels[phase][:, np.hypot(rows - 30, columns - 12) < 8 - phase] = 1
        labels[phase][:, distance < radius + 6] = 2
        labels[phase][:, distance < radius - shrink] = 3
    return labels


def case(truth):
    pixels = truth.astype(np.float32) * 50
    return Case("drawn", "NOR", stack_from_array(pixels, (1.0, 1.0, 8.0)), truth)


def test_evaluation_of_a_perfect_answer_is_perfect():
    result, found = evaluate_patient(Echo(heart()), case(heart()))
    assert set(result.dice.values()) == {1.0}
    assert result.true == result.measured
    assert not result.gross_failure
    assert found.labels.shape == heart().shape


def test_evaluation_volumes_are_discs_times_slice_distance():
    result, _ = evaluate_patient(Echo(heart()), case(heart()))
    area_mm2 = (heart()[0, 0] == 3).sum()
    assert result.true["lvedv_ml"] == pytest.approx(3 * area_mm2 * 8.0 / 1000)
    assert 40 < result.true["lvef_percent"] < 60


def test_evaluation_nothing_found_is_a_gross_failure():
    result, _ = evaluate_patient(Echo(np.zeros_like(heart())), case(heart()))
    assert result.gross_failure
    assert result.measured["lvef_percent"] == 0.0


class Lost:
    """Stands for a tower that finds no heart."""

    def segment(self, _stack):
        raise ModelError(Reason.HEART_NOT_FOUND)


def test_evaluation_heart_that_is_not_found_counts_as_the_error_it_is():
    result, found = evaluate_patient(Lost(), case(heart()))
    assert result.gross_failure
    assert not found.labels.any()
    assert found.labels.shape == heart().shape


def test_evaluation_counts_gross_failures_that_nothing_refused():
    bad, _ = evaluate_patient(Echo(np.zeros_like(heart())), case(heart()))
    good, _ = evaluate_patient(Echo(heart()), case(heart()))
    refused = replace(bad, refused="contours_disagree")
    rows = {row.measure: row.value for row in summarise([bad, good, refused, good])}
    assert rows["share refused"] == 0.25
    assert rows["share with a gross failure"] == 0.5
    assert rows["share with a gross failure that was not refused"] == 0.25


def test_evaluation_asks_the_gate_as_the_product_does():
    blank = case(heart())
    found = Segmentation(heart(), np.ones((2, 3), np.float32))
    assert refusal(blank.stack, found, StandInBundle()) == "pictures_unusable"


def test_evaluation_too_small_a_cavity_shows_as_bias():
    results = [evaluate_patient(Echo(heart(shrink=1)), case(heart()))[0] for _ in range(4)]
    rows = {row.measure: row for row in summarise(results)}
    assert rows["lvedv_ml bias"].value < 0
    assert rows["Dice rv, mean of ED and ES"].value == 1.0
    assert rows["share with a gross failure"].value == 0.0
    assert rows["lvedv_ml root mean square error"].value == pytest.approx(
        -rows["lvedv_ml bias"].value, abs=1e-3
    )


@pytest.mark.parametrize("shrink", [0, 2])
def test_evaluation_gives_the_error_of_wall_thickness(shrink):
    result, _ = evaluate_patient(Echo(heart(shrink=shrink)), case(heart()))
    rows = {row.measure: row.value for row in summarise([result, result])}
    for key in ("wall_thickness_ed", "wall_thickness_es", "maximal_wall_thickness"):
        assert rows[f"{key} root mean square error"] == pytest.approx(shrink, abs=0.3)


def test_evaluation_gives_no_wall_error_where_no_wall_was_drawn():
    result, _ = evaluate_patient(Echo(np.zeros_like(heart())), case(heart()))
    assert result.wall_square_error_mm2 == {}


def test_dice_two_empty_masks_agree():
    empty = np.zeros((3, 3), bool)
    assert dice_coefficient(empty, empty) == 1.0
    assert dice_coefficient(~empty, empty) == 0.0


def test_bootstrap_interval_holds_the_mean_and_narrows_with_patients():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.9, 0.05, (10, 1)), rng.normal(0.9, 0.05, (400, 1))
    spans = [bootstrap_interval(t, lambda v: float(v.mean()), 0) for t in (few, many)]
    assert spans[0][0] <= few.mean() <= spans[0][1]
    assert spans[1][1] - spans[1][0] < 0.5 * (spans[0][1] - spans[0][0])


def test_tables_are_written(tmp_path):
    done = case(heart())
    results: list[PatientResult] = [evaluate_patient(Echo(heart()), done)[0] for _ in range(3)]
    write_tables(results, summarise(results), tmp_path)
    assert len((tmp_path / "patients.csv").read_text().splitlines()) == 4
    assert json.loads((tmp_path / "evaluation.json").read_text())["patients"][0]["group"] == "NOR"


def test_picture_of_a_case_shows_both_drawings_and_is_the_same_every_time():
    done = case(heart())
    same, other = case_png(done, heart()), case_png(done, heart(shrink=3))
    assert same == case_png(done, heart())
    assert same != other
    assert same.startswith(b"\x89PNG")
