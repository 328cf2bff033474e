"""Areas, cohorts and tables of the recognition trials; one tiny network is trained."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from tests.worker.words import tokenizer  # noqa: E402
from worker.model.language.categories import read_categories  # noqa: E402
from worker.phantom.anatomy import HeartKind  # noqa: E402
from worker.training.cohorts import read_splits  # noqa: E402
from worker.training.language.alignment_data import (  # noqa: E402
    UNKNOWN,
    finding_vector,
    phantom_categories,
)
from worker.training.language.criteria import GROUPS, by_rules  # noqa: E402
from worker.training.language.recognition_margins import named_only, random_bank  # noqa: E402
from worker.training.language.recognition_tables import (  # noqa: E402
    Results,
    area,
    area_of_runs,
    gain,
    tables,
)
from worker.training.language.recognition_trial import (  # noqa: E402
    TRIALS,
    Material,
    Unseen,
    cohorts,
    run_trial,
)
from worker.training.language.study_data import MEASUREMENTS  # noqa: E402

pytestmark = pytest.mark.train
SPLITS = read_splits()
N_UNSEEN = Unseen(phantoms=5)


@pytest.fixture(scope="module")
def studies():
    """Return one study of every split and group, and ten generated hearts."""
    groups = [GROUPS[index % len(GROUPS)] for index in range(10)]
    measured = np.full(len(MEASUREMENTS), 50.0, np.float32)
    made = []
    for index, group in enumerate(groups):
        one = study(index, group)
        one = replace(one, features=replace(one.features, measurements=measured))
        made.append(replace(one, id=f"phantom-{index:04d}"))
        patient = (SPLITS.validation, SPLITS.monitor, ("patient002", "patient003", "patient004"))[
            index % 3
        ]
        made.append(replace(one, id=patient[index // 3 % len(patient)], cohort="acdc"))
    return made


def test_area_is_the_probability_to_rank_right():
    present = np.array([True, True, False, False])
    assert area(np.array([3.0, 2.0, 1.0, 0.0]), present) == 1
    assert area(np.array([3.0, 0.0, 1.0, 2.0]), present) == 0.5
    assert area(np.array([1.0, 1.0, 1.0, 1.0]), present) == 0.5


def test_interval_holds_the_value_and_shrinks_with_patients():
    rng = np.random.default_rng(0)
    found = []
    for n in (20, 500):
        present = np.arange(n) % 2 == 0
        found.append(area_of_runs((present + rng.normal(size=(3, n))), present))
    assert all(one.low < one.value < one.high for one in found)
    assert found[1].high - found[1].low < (found[0].high - found[0].low) / 2
    assert area_of_runs(np.zeros((1, 3)), np.ones(3, bool)) is None


def test_gain_is_paired_so_that_the_same_scores_gain_nothing():
    rng = np.random.default_rng(0)
    present = np.arange(60) % 2 == 0
    good, bad = present + 0.5 * rng.normal(size=(2, 60)), rng.normal(size=(3, 60))
    assert gain(good, good, present) == "0.000 (0.000 to 0.000)"
    value, low = gain(good, bad, present).split(" to ")[0].split(" (")
    assert 0.2 < float(value) < 0.6
    assert 0 < float(low) < float(value)


def test_nobody_of_the_splits_nor_of_a_held_out_group_is_learnt_from(studies):
    for held_out in (None, *GROUPS):
        divided = cohorts(studies, held_out, N_UNSEEN)
        ids = {one.id for one in divided.learnt}
        assert not ids & {*SPLITS.validation, *SPLITS.monitor}
        assert not ids & {f"phantom-{index:04d}" for index in range(5, 10)}
        assert held_out not in {one.group for one in divided.learnt}
        assert len(divided.learnt) + len(divided.unseen) == len(studies)


def test_a_held_out_kind_is_of_generated_hearts_only(studies):
    kinds = [one.key for one in phantom_categories()]
    assert set(kinds) <= {kind.value for kind in HeartKind}
    assert not {one.key for one in read_categories()} & set(kinds)
    apical = "hypertrophic_apical"
    mixed = [
        replace(one, kind=apical) if one.cohort == "phantom" and index < 4 else one
        for index, one in enumerate(studies)
    ]
    learnt = cohorts(mixed, apical, N_UNSEEN).learnt
    assert learnt
    assert apical not in {one.kind for one in learnt}
    (vector,) = {tuple(finding_vector(one, kinds)) for one in mixed if one.cohort != "phantom"}
    assert vector == (UNKNOWN,) * len(kinds)
    assert finding_vector(mixed[0], kinds).tolist() == [int(key == apical) for key in kinds]


def test_place_of_the_thick_wall_is_told_by_its_segments(studies):
    any_value = studies[0].measured.measurements[0]

    def heart(thickness_mm):
        segments = tuple(
            replace(any_value, key="wall_thickness_ed", value=value, segment=n)
            for n, value in thickness_mm.items()
        )
        return replace(studies[0], measured=replace(studies[0].measured, measurements=segments))

    apical = heart({n: 18.0 if n > 12 else 9.0 for n in range(1, 17)})
    even = heart(dict.fromkeys(range(1, 17), 18.0))
    assert by_rules(apical, "hypertrophic_apical") > 0 > by_rules(apical, "hypertrophic_septal")
    assert (
        by_rules(even, "hypertrophic_concentric") > 0 > by_rules(apical, "hypertrophic_concentric")
    )
    assert by_rules(even, "hypertrophic_apical") == 0


def test_anchors_for_comparison_know_less(studies):
    (category,) = [one for one in read_categories() if one.key == "DCM"]
    assert named_only(category).present == ("dilated cardiomyopathy",)
    one, other = (random_bank(["DCM"], 64, seed).anchors for seed in (1, 2))
    assert abs(float((one * other).sum(dim=-1).max())) < 0.6


def test_rules_follow_the_printed_criteria(studies):
    assessed = [one for one in studies if one.measured.value("lv_ejection_fraction") is not None]
    by_fraction = [one.measured.value("lv_ejection_fraction") for one in assessed]
    scores = [by_rules(one, "lv_systolic_dysfunction") for one in assessed]
    assert np.corrcoef(by_fraction, scores)[0, 1] == pytest.approx(-1)
    assert {by_rules(one, "MINF") > 0 for one in assessed} == {value < 40 for value in by_fraction}


def test_trial_and_tables_over_a_network_that_barely_learnt(studies):
    named = {one.name: one for one in TRIALS}
    material = Material(studies, tokenizer(), N_UNSEEN)
    lines = [
        run_trial(named[name], material, seed=0, steps=2, rate=1e-3)
        for name in ("everything", "without_DCM", "names_alone")
    ]
    lines = [json.loads(json.dumps(line)) for line in lines]
    everything, without, named_alone = (line["margins"] for line in lines)
    assert set(everything["descriptions"]) < set(without["descriptions"])
    assert named_alone["descriptions"] == named_alone["names"]
    assert everything["descriptions"] != everything["names"]
    assert all(
        np.isfinite(list(row.values())).all() for row in lines[0]["margins"]["names"].values()
    )
    text = tables(Results(lines, {one.id: one for one in studies}))
    (held_out,) = [row for row in text.splitlines() if row.startswith("| DCM |") and "-" in row][
        -1:
    ]
    assert held_out.count("(") == 6
