"""How often the triage policy promotes what it would promote from the experts' contours.

    python -m tests.benchmarks.triage_sensitivity --hearts HEARTS --acdc DIR [--policy FILE]
    python -m tests.benchmarks.triage_sensitivity --phantoms 40

HEARTS is the ``hearts.jsonl`` of ``cmr-triage train groups``: each of the 100 patients of ACDC
measured by a tower that never saw him. Urgent is what the policy's conditions on measurements say
of the expert's masks and Info.cfg (measured anew here with ``--acdc``), never of our contours.
Without ``--acdc`` the experts' values of the file are taken. A patient whose contours give not all
values is judged by those that there are, as the runtime does. With ``--phantoms`` generated hearts
go through the product instead, against the truth that they were made from; they say whether the
road works, not how well patients are told apart.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from plugin.domain.findings import Priority
from plugin.domain.triage import (
    Decision,
    MeasuredValue,
    Policy,
    TriageInputs,
    decide,
    default_policy,
    parse_policy,
)
from plugin.domain.triage.vocabulary import MEASUREMENTS
from worker.acceptance.compare import compare
from worker.acceptance.reference import Reference
from worker.acceptance.report import detection_of
from worker.acceptance.statistics import Share
from worker.bundle import load_bundle
from worker.findings.uncertainty import interval_90, standard_error
from worker.model.tower import SegmentationTower
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate, write_study
from worker.training.hearts import MeasuredHeart, read_hearts

_QUICK = Protocol(
    n_phases=10, slice_distance_mm=10.0, pixel_mm=1.8, n_rows=128, n_columns=112, breath_hold_mm=0.0
)
_KEYS = {
    "lv_ejection_fraction": "lv_ejection_fraction",
    "rv_ejection_fraction": "rv_ejection_fraction",
    "maximal_wall_thickness": "wall_maximum_ed",
}
"""Measurement and the feature of a measured heart that holds it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One patient: is he urgent by the expert, and what the policy made of our contours."""

    patient: str
    group: str
    truth: Decision
    ours: Decision

    @property
    def is_urgent(self) -> bool:
        """Whether the expert's contours fulfil a rule."""
        return self.truth.level is not Priority.ROUTINE

    @property
    def is_promoted(self) -> bool:
        """Whether ours do."""
        return self.ours.level is not Priority.ROUTINE


def main() -> None:
    """Judge, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearts", type=Path)
    parser.add_argument("--phantoms", type=int, default=0)
    parser.add_argument("--acdc", type=Path)
    parser.add_argument("--policy", type=Path)
    arguments = parser.parse_args()
    policy = (
        parse_policy(arguments.policy.read_text("utf-8")) if arguments.policy else default_policy()
    )
    if arguments.phantoms:
        print(phantoms(arguments.phantoms, policy))
    if arguments.hearts is None:
        return
    hearts = [heart for heart in read_hearts(arguments.hearts) if heart.tower]
    experts = {heart.patient: _expert(heart, arguments.acdc) for heart in hearts}
    judged = [judge(heart, experts[heart.patient], policy) for heart in hearts]
    print(f"policy {policy.name} {policy.label}; {len(judged)} patients, out of fold")
    print(table(judged))
    for one in judged:
        if one.is_urgent != one.is_promoted:
            kind = "missed" if one.is_urgent else "promoted without need"
            print(f"{one.patient} ({one.group}), {kind}: {_values(one)}")


def phantoms(n_hearts: int, policy: Policy) -> str:
    """Measure generated hearts with the bundle that ships; return sensitivity and specificity."""
    tower = SegmentationTower(load_bundle(None))
    kinds = list(HeartKind)
    with TemporaryDirectory() as folder:
        references = []
        for seed in range(n_hearts):
            kind = kinds[seed % len(kinds)]
            patient = generate(kind, 500 + seed, protocol=_QUICK)
            write_study(patient.instances(), Path(folder) / str(seed))
            truth = patient.truth
            values = {
                "lv_ejection_fraction": truth.lv_ef_percent,
                "rv_ejection_fraction": truth.rv_ef_percent,
                "maximal_wall_thickness": truth.max_wall_thickness_ed_mm,
            }
            references.append(Reference(str(seed), "", kind.value, None, values))
        found = compare(
            references,
            lambda study: sorted((Path(folder) / study).rglob("*.dcm")),
            tower,
            policy,
            lambda _one: None,
        )
    sensitivity, specificity = detection_of(found.studies)
    lines = [f"{n_hearts} generated hearts, bundle {tower.bundle.name} {tower.bundle.version}"]
    for words, share in (("sensitivity", sensitivity), ("specificity", specificity)):
        low, high = share.interval()
        lines.append(f"{words}: {share.n} of {share.of} ({low:.3f} to {high:.3f})")
    return "\n".join(lines)


def judge(heart: MeasuredHeart, expert: Mapping[str, float], policy: Policy) -> Judged:
    """Apply the policy to the expert's values and to ours with their uncertainty."""
    ours = _values_of(heart.features, heart.lvef)
    return Judged(
        heart.patient,
        heart.group,
        decide(policy, _inputs(expert, with_uncertainty=False)),
        decide(policy, _inputs(ours, with_uncertainty=True)),
    )


def table(judged: list[Judged]) -> str:
    """Return sensitivity and specificity, of promotion and of promotion or review."""
    urgent = [one for one in judged if one.is_urgent]
    others = [one for one in judged if not one.is_urgent]
    rows = [
        ("promoted when urgent (sensitivity)", urgent, lambda o: o.is_promoted),
        ("not promoted when not urgent (specificity)", others, lambda o: not o.is_promoted),
        (
            "promoted or for review when urgent",
            urgent,
            lambda o: o.is_promoted or o.ours.wants_review,
        ),
        (
            "neither promoted nor for review when not urgent",
            others,
            lambda o: not o.is_promoted and not o.ours.wants_review,
        ),
        ("urgent by the expert", judged, lambda o: o.is_urgent),
    ]
    lines = ["| | patients | share | 95 % interval |", "|---|---|---|---|"]
    for words, some, holds in rows:
        share = Share(sum(map(holds, some)), len(some))
        low, high = share.interval()
        lines.append(
            f"| {words} | {share.n} of {share.of} | {share.value:.3f} | {low:.3f} to {high:.3f} |"
        )
    return "\n".join(lines)


def _expert(heart: MeasuredHeart, acdc: Path | None) -> dict[str, float]:
    if acdc is None:
        return _values_of(heart.expert_features, heart.true_lvef)
    # Needs the extra ``train`` (NIfTI).
    from worker.training.evaluate import read_cases
    from worker.training.measured_hearts import measure_patient

    (case,) = read_cases(acdc, [heart.patient])
    measured = measure_patient(None, acdc, case, heart.fold)
    return _values_of(measured.expert_features, measured.true_lvef)


def _values_of(features: Mapping[str, float], lvef: float | None) -> dict[str, float]:
    values = {key: features[name] for key, name in _KEYS.items() if name in features}
    if lvef is not None:
        values["lv_ejection_fraction"] = lvef
    return values


def _inputs(values: Mapping[str, float], *, with_uncertainty: bool) -> TriageInputs:
    return TriageInputs(
        {
            key: MeasuredValue(
                value,
                MEASUREMENTS[key].unit,
                interval_90(value, standard_error(key, values)) if with_uncertainty else None,
            )
            for key, value in values.items()
        }
    )


def _values(one: Judged) -> str:
    truth, ours = one.truth.inputs.measurements, one.ours.inputs.measurements
    return ", ".join(
        f"{MEASUREMENTS[key].name} {value.value:.1f} (expert), "
        f"{f'{ours[key].value:.1f}' if key in ours else 'none'} (ours)"
        for key, value in truth.items()
    )


if __name__ == "__main__":
    main()
