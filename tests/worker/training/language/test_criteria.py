"""Groups of mixed hearts by the printed criteria, and what is kept away for them."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from worker.model.language.categories import read_categories  # noqa: E402
from worker.phantom.heart import HeartTraits, Wall  # noqa: E402
from worker.training.language.alignment_data import (  # noqa: E402
    ABSENT,
    PRESENT,
    UNKNOWN,
    described,
    finding_vector,
    phantom_categories,
)
from worker.training.language.criteria import (  # noqa: E402
    GROUPS,
    groups_met,
    groups_of,
    in_group,
)
from worker.training.language.recognition_trial import Unseen, cohorts  # noqa: E402

pytestmark = pytest.mark.train

HEALTHY = {
    "lv_ejection_fraction": 62.0,
    "lv_end_diastolic_volume_index": 75.0,
    "maximal_wall_thickness": 9.0,
    "rv_ejection_fraction": 57.0,
    "rv_end_diastolic_volume_index": 80.0,
}
WEAK = {"lv_ejection_fraction": 28.0}
LARGE = {"lv_end_diastolic_volume_index": 140.0}
THICK = {"maximal_wall_thickness": 20.0}
RIGHT = {"rv_end_diastolic_volume_index": 150.0}


def heart(*changes, number=0, **traits):
    """Make a mixed heart with these true values."""
    values = dict(HEALTHY)
    for change in changes:
        values.update(change)
    drawn = study(number, "")
    like = drawn.truth.measurements[0]
    truth = replace(
        drawn.truth,
        measurements=tuple(replace(like, key=key, value=value) for key, value in values.items()),
    )
    return replace(
        drawn,
        id=f"mixed-{number:04d}",
        cohort="mixed",
        kind="mixed",
        truth=truth,
        traits=HeartTraits(**traits),
    )


@pytest.mark.parametrize(
    ("one", "present", "unsure"),
    [
        (heart(), "NOR", ""),
        (heart(infarct=True), "", "NOR"),
        (heart(WEAK, LARGE), "DCM", ""),
        (heart(WEAK, LARGE, infarct=True), "MINF", ""),
        (heart(WEAK), "", "MINF"),
        (heart(WEAK, infarct=True), "MINF", ""),
        (heart(THICK), "HCM", ""),
        (heart(RIGHT), "RV", ""),
        (heart({"rv_ejection_fraction": 30.0}), "RV", ""),
        (heart(LARGE, RIGHT), "RV", ""),
        (heart(WEAK, LARGE, RIGHT), "DCM", "RV"),
        (heart(THICK, RIGHT), "HCM", "RV"),
        (heart(LARGE), "", ""),
        (heart(WEAK, THICK, LARGE), "", "MINF"),
    ],
)
def test_labels_of_mixed_hearts(one, present, unsure):
    labels = {group: in_group(one, group) for group in GROUPS}
    assert [group for group in GROUPS if labels[group]] == present.split()
    assert [group for group in GROUPS if labels[group] is None] == unsure.split()
    expected = {True: PRESENT, False: ABSENT, None: UNKNOWN}
    assert finding_vector(one, GROUPS).tolist() == [expected[labels[group]] for group in GROUPS]
    assert set(groups_of(one)) <= set(groups_met(one))


def test_whoever_has_a_label_is_of_that_group_alone():
    patient = replace(heart(THICK), cohort="acdc", group="MINF", kind="MINF", traits=None)
    assert groups_of(patient) == {"MINF"}
    assert in_group(patient, "MINF")
    assert in_group(patient, "HCM") is False


def test_what_meets_a_held_out_group_is_not_learnt_from_and_single_findings_are():
    hearts = [
        heart(number=0),
        heart(number=1, infarct=True),
        heart(RIGHT, number=2),
        heart(WEAK, LARGE, RIGHT, number=3),
        heart(WEAK, number=4),
        heart(number=5),
    ]
    left = {
        group: {int(one.id[-1]) for one in cohorts(hearts, group, Unseen(0, mixed=1)).learnt}
        for group in (None, *GROUPS)
    }
    assert left[None] == left["HCM"] == {0, 1, 2, 3, 4}
    assert left["NOR"] == {2, 3, 4}
    assert left["DCM"] == {0, 1, 2, 4}
    assert left["MINF"] == {0, 1, 2, 3}
    assert left["RV"] == {0, 1, 3, 4}


def test_walls_of_a_held_out_kind_are_not_learnt_from():
    hearts = [heart(number=k, wall=wall) for k, wall in enumerate((Wall.EVEN, Wall.APICAL))]
    for kind in (one.key for one in phantom_categories()):
        left = [one.id for one in cohorts(hearts, kind, Unseen(0)).learnt]
        assert ("mixed-0001" in left) is (kind != "hypertrophic_apical")
        assert "mixed-0000" in left


def test_described_studies_are_described_truly_and_of_nothing_else():
    categories = read_categories()
    one = heart(WEAK, LARGE)
    vector = finding_vector(one, [category.key for category in categories])
    rng = np.random.default_rng(0)
    spoken, with_values = np.zeros(len(categories), dtype=int), 0
    for _ in range(60):
        text, said = described(one, categories, rng)
        named = said != UNKNOWN
        assert 1 <= named.sum() <= 5
        np.testing.assert_array_equal(said[named], vector[named])
        sides = {
            category.key: category.present if label == PRESENT else category.absent
            for category, label in zip(categories, said, strict=True)
            if label != UNKNOWN
        }
        by_value = [not any(sentence in text for sentence in told) for told in sides.values()]
        with_values += sum(by_value)
        assert not any(by_value) or any(f" {value} " in text for value in (28, 140, 9, 57, 80))
        spoken += named
    # not to be of a group can mean anything, so only the group that it is of is described
    told = [
        label == PRESENT or (label == ABSENT and category.measured)
        for category, label in zip(categories, vector, strict=True)
    ]
    assert (spoken > 0).tolist() == told
    assert 0 < with_values < spoken.sum() / 2


def test_nothing_is_described_where_nothing_is_known():
    (unknown,) = (one for one in read_categories() if one.key == "lv_hypertrophy")
    text, said = described(heart(), [unknown], np.random.default_rng(0))
    assert (text, said.tolist()) == ("", [UNKNOWN])
