"""From measurements and quality notes to everything that is stated about a study.

The part of ``assess`` that needs no image, so that whoever has measurements of a study from
elsewhere (sampled ones, for training) gets exactly the statements that the runtime would make.
"""

from collections.abc import Sequence
from dataclasses import replace

from plugin.domain.findings import (
    Assessment,
    Measurement,
    PatternEstimate,
    QualityNote,
    VolumeCurve,
)
from plugin.domain.triage import decide, default_policy, inputs_of
from worker.findings.cycle import CardiacCycle
from worker.findings.language import load_language
from worker.findings.normal_ranges import is_adult
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.report_text import impression, narrative
from worker.findings.rules import apply_rules
from worker.findings.sentences import Sentences
from worker.findings.strata import risk_strata
from worker.findings.volumes import BSA_FORMULA, body_surface_area_m2
from worker.volume.types import PatientContext


def conclude(
    measurements: Sequence[Measurement],
    quality: Sequence[QualityNote],
    patient: PatientContext,
    curve: VolumeCurve,
    cycle: CardiacCycle,
    pattern: PatternEstimate | None = None,
) -> Assessment:
    """Apply the rules, suggest the priority by the policy that ships, and word one study.

    Neither findings nor priority look at ``pattern``. A hospital's own policy is applied to the
    result by ``worker.measuring``.
    """
    whole = [measurement for measurement in measurements if measurement.segment is None]
    by_key = {measurement.key: measurement for measurement in whole}
    adult = is_adult(patient.age_years)
    findings = apply_rules(by_key, adult=adult)
    say = Sentences(load_language("en"))
    bsa_m2 = body_surface_area_m2(patient.height_cm, patient.weight_kg)
    strata = risk_strata(by_key, adult=adult)
    decision = decide(default_policy(), inputs_of(whole, findings, strata))
    return Assessment(
        measurements=tuple(measurements),
        findings=findings,
        not_assessed=NOT_ASSESSED,
        impression=impression(say, by_key, findings, quality, adult=adult),
        narrative=narrative(say, by_key, quality, NOT_ASSESSED),
        priority=decision.suggestion(),
        quality=tuple(quality),
        curve=curve,
        ed_phase=cycle.ed_phase,
        es_phase=cycle.es_phase,
        bsa_m2=bsa_m2,
        bsa_formula=BSA_FORMULA if bsa_m2 is not None else None,
        strata=strata,
        pattern=None if pattern is None else replace(pattern, sentence=say.pattern(pattern)),
    )
