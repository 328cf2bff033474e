"""What a pattern resembles: the features, the table, and that it changes nothing else."""

import dataclasses
import json

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from plugin.domain.evidence import FactKind
from plugin.domain.findings import Assessment
from tests.worker.findings.patterns import table, undecided
from tests.worker.findings.shapes import heart_of, heart_study, segmentation_of
from tests.worker.findings.test_assess import patient_of
from worker.findings import assess, reread
from worker.findings.checker import check_text
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.findings.pattern import estimate_pattern, read_pattern_table
from worker.findings.pattern_features import FEATURES, pattern_features
from worker.findings.report_text import report_text
from worker.findings.worded import worded
from worker.model.language.prompt import describe


def ends(kind):
    labels, stack = heart_study(kind)
    volumes = (labels == 3).sum(axis=(1, 2, 3))
    return labels[[int(volumes.argmax()), int(volumes.argmin())]], stack


def features_of(kind):
    return pattern_features(*ends(kind), 1.9)


def judged(kind="healthy", used=None, **patient):
    labels, stack = heart_study(kind)
    person = dataclasses.replace(patient_of(heart_of(kind)), **patient)
    return assess(stack, segmentation_of(labels), person, pattern_table=used or table())


def test_every_feature_is_given_and_tells_the_hearts_apart():
    healthy, dilated, thick = (
        features_of(kind) for kind in ("healthy", "dilated", "hypertrophic_septal")
    )
    assert tuple(healthy) == tuple(FEATURES)
    assert all(np.isfinite(list(one.values())).all() for one in (healthy, dilated, thick))
    assert dilated["lv_end_diastolic_volume_index"] > 1.3 * healthy["lv_end_diastolic_volume_index"]
    assert thick["wall_maximum_ed"] > 1.3 * healthy["wall_maximum_ed"]
    assert thick["wall_spread_ed"] > healthy["wall_spread_ed"]


def test_features_do_not_depend_on_mirror_or_turn_of_the_image():
    labels, stack = ends("dilated")
    mirrored = pattern_features(np.ascontiguousarray(labels[..., ::-1]), stack, 1.9)
    for name, value in pattern_features(labels, stack, 1.9).items():
        assert mirrored[name] == pytest.approx(value, rel=0.05, abs=0.02), name


def test_one_stunned_wall_spreads_the_motion():
    labels, stack = ends("healthy")
    stunned = labels.copy()
    half = labels.shape[-1] // 2
    stunned[1, ..., :half] = labels[0, ..., :half]
    even = pattern_features(labels, stack, 1.9)
    assert pattern_features(stunned, stack, 1.9)["motion_spread"] > 2 * even["motion_spread"]


def test_no_features_without_a_right_ventricle():
    labels, stack = ends("healthy")
    assert pattern_features(np.where(labels == 1, 0, labels).astype(np.uint8), stack, 1.9) == {}


def test_estimate_names_the_likeliest_group_and_its_confidence():
    features = features_of("healthy")
    near = {**features, "lv_ejection_fraction": 55.0}
    estimate = estimate_pattern(table(), near)  # scores 1 and -1 differ by 2
    assert estimate.candidates == ("normal",)
    assert estimate.confidence_percent == round(100 / (1 + np.exp(-2.0)))
    warmer = estimate_pattern(table(temperature=4.0, least_probability=0.1), near)
    assert warmer.candidates == ("normal", "dilated_cardiomyopathy")
    assert warmer.confidence_percent is None
    weak = estimate_pattern(table(), {**features, "lv_ejection_fraction": 20.0})
    assert weak.candidates == ("dilated_cardiomyopathy",)
    assert weak.confidence_percent == 99


def test_heart_beyond_those_of_the_table_is_indeterminate():
    n = len(FEATURES)
    beyond = estimate_pattern(table(low=[-1.0] * n, high=[0.1] * n), features_of("healthy"))
    assert beyond.candidates == ()
    assert beyond.confidence_percent is None


def test_nothing_is_said_without_a_table():
    labels, stack = heart_study("healthy")
    assert assess(stack, segmentation_of(labels), patient_of(heart_of("healthy"))).pattern is None


def test_estimate_changes_no_finding_and_no_priority():
    labels, stack = heart_study("dilated")
    without = assess(stack, segmentation_of(labels), patient_of(heart_of("dilated")))
    with_it = judged("dilated")
    assert with_it.pattern.candidates == ("dilated_cardiomyopathy",)
    assert dataclasses.replace(with_it, pattern=None) == without


@pytest.mark.parametrize(
    ("patient", "note"),
    [
        ({"weight_kg": None}, "pattern_without_size"),
        ({"age_years": 9.0}, None),
    ],
)
def test_missing_inputs_are_named_and_children_not_compared(patient, note):
    found = judged(**patient)
    assert found.pattern is None
    notes = {one.key for one in found.quality if one.key.startswith("pattern")}
    assert notes == ({note} if note else set())
    assert any("height or weight is missing" in one.sentence for one in found.quality) == bool(note)


@pytest.mark.parametrize("code", ["en", "zh"])
@pytest.mark.parametrize("used", [table(), undecided(), table(high=[-99.0] * len(FEATURES))])
def test_sentence_is_said_and_confirmed_in_every_language(used, code):
    found, disagreements = reread(judged(used=used), code)
    assert disagreements == ()
    said = worded(found, code).pattern.sentence
    assert str(used.n_patients) in said
    assert said in report_text(found, load_language(code)).lines()
    if found.pattern.confidence_percent is not None:
        assert f"{found.pattern.confidence_percent}" in said
    assert ("diagnosis" if code == "en" else "诊断") in said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("the normal group", "the group with dilated cardiomyopathy"),
        ("94 %", "95 %"),
        ("87 patients", "100 patients"),
        ("resembles the normal group, confidence 94 %", "is indeterminate"),
    ],
)
def test_wrong_sentences_are_caught(right, wrong):
    found = judged()
    sentence = found.pattern.sentence
    assert right in sentence
    assert not check_text([sentence], found, "en")
    assert check_text([sentence.replace(right, wrong)], found, "en")
    assert check_text([sentence], dataclasses.replace(found, pattern=None), "en")


def test_fact_comes_last_and_stays_out_of_the_prompt():
    found = judged()
    english = load_language("en")
    with_it = make_evidence(found, english)
    without = make_evidence(dataclasses.replace(found, pattern=None), english)
    assert with_it.facts[:-1] == without.facts
    assert with_it.facts[-1].kind is FactKind.PATTERN
    assert "normal group" in with_it.facts[-1].text
    assert describe(with_it) == describe(without)


def test_estimate_survives_the_result_file():
    found = judged()
    assert Assessment.from_json(found.to_json()) == found
    raw = json.loads(found.to_json())
    del raw["pattern"]
    assert Assessment.from_json(json.dumps(raw)).pattern is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bias", [0.0]),
        ("temperature", 0.0),
        ("groups", ["normal", "unheard_of", "infarction", "a", "b"]),
        ("scale", [0.0] * len(FEATURES)),
        ("extra", 1),
    ],
)
def test_broken_table_is_refused(tmp_path, key, value):
    path = tmp_path / "pattern.json"
    path.write_text(table().model_dump_json(), encoding="utf-8")
    assert read_pattern_table(path) == table()
    path.write_text(json.dumps({**table().model_dump(mode="json"), key: value}), encoding="utf-8")
    with pytest.raises(ModelError) as failure:
        read_pattern_table(path)
    assert failure.value.reason is Reason.BUNDLE_INVALID
