"""A year of an installation that never was: drawn studies, refusals and opinions for the pages.

Used by the benchmark and by the pictures of the quality page. Nobody's data: every number comes
from a seeded generator. In the last weeks a second scanner arrives, so that something differs.
"""

import random
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from plugin.registry.people_tables import feedback
from plugin.registry.quality_tables import result_figures, study_origins
from plugin.registry.tables import jobs, studies

_GROUPS = (
    "normal",
    "dilated_cardiomyopathy",
    "hypertrophic_cardiomyopathy",
    "infarction",
    "abnormal_right_ventricle",
)
_REASONS = ("not_cardiac", "too_few_slices", "pictures_unusable", "not_a_short_axis")
_CHUNK = 2000


def draw_record(registry, n_studies, days=300, seed=1):
    """Write drawn studies, evenly over the last ``days``, with their figures and opinions."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    database = registry.quality._database
    for first in range(0, n_studies, _CHUNK):
        numbers = range(first, min(first + _CHUNK, n_studies))
        drawn = [_draw(rng, n, now - timedelta(days=days * (1 - n / n_studies))) for n in numbers]
        with database.write() as connection:
            for table, name in (
                (studies, "study"),
                (study_origins, "origin"),
                (jobs, "job"),
                (result_figures, "figures"),
                (feedback, "opinion"),
            ):
                rows = [one[name] for one in drawn if one.get(name)]
                if rows:
                    connection.execute(insert(table), rows)


def _draw(rng, number, at):
    new = rng.random() < 0.5 and at > datetime.now(UTC) - timedelta(days=50)
    study_id, job_id = number + 1, str(uuid.UUID(int=number))
    reason = rng.choice(_REASONS) if rng.random() < 0.06 else None
    drawn = {
        "study": _study(study_id, at, reason),
        "origin": {
            "study_id": study_id,
            "site": "Generated Hospital",
            "scanner": "GENERATED Three" if new else "GENERATED One",
            "field_strength_t": 3.0 if new else 1.5,
        },
    }
    if reason is not None:
        return drawn
    lvef = min(75.0, max(12.0, rng.gauss(54.0, 13.0)))
    group = rng.choice(_GROUPS) if rng.random() < 0.7 else ""
    confidence = rng.randint(60, 98) if group else None
    drawn["job"] = _job(job_id, study_id, at, lvef)
    drawn["figures"] = {
        "job_id": job_id,
        "at": at + timedelta(minutes=2),
        "seconds_to_result": rng.lognormvariate(4.8, 0.5),
        "level": "URGENT" if lvef < 35 else "ROUTINE",
        "wants_review": 35 <= lvef < 38,
        "measured": {
            "lv_ejection_fraction": round(lvef, 1),
            "lv_end_diastolic_volume": round(rng.gauss(160.0, 40.0), 1),
            "rv_ejection_fraction": round(rng.gauss(52.0, 9.0), 1),
            "lv_mass": round(rng.gauss(125.0, 30.0), 1),
            "familiarity.distance": round(rng.gauss(1.4 if new else 1.0, 0.12), 3),
            "agreement.confidence": round(rng.gauss(0.95, 0.01), 4),
            "pictures.signal_to_noise": round(rng.gauss(34.0 if new else 22.0, 4.0), 2),
            "pictures.sharpness": round(rng.gauss(1.75, 0.1), 3),
            "pictures.pixel_mm": 1.2 if new else 1.56,
        },
        "notes": ["unfamiliar_pictures"] if rng.random() < (0.12 if new else 0.03) else [],
        "group": group,
        "confidence_percent": confidence,
        "bundle": "generated 1.0.0",
    }
    if rng.random() < 0.3:
        drawn["opinion"] = _opinion(rng, drawn, lvef)
    return drawn


def _study(study_id, at, reason):
    return {
        "id": study_id,
        "study_instance_uid": f"1.2.840.{study_id}",
        "state": "COMPLETE" if reason is None else "REJECTED",
        "reason": reason,
        "patient_name": f"Family{study_id % 3000}^Given{study_id % 700}",
        "patient_id": f"P{study_id % 8000}",
        "calling_ae_title": "PACS",
        "first_received_at": at,
        "receiving_since": at,
        "last_received_at": at,
        "completed_at": at,
        "n_instances": 250,
        "n_bytes": 1,
        "revision": 250,
        "generation": 0 if reason else 1,
        "needs_person": False,
    }


def _job(job_id, study_id, at, lvef):
    return {
        "id": job_id,
        "study_id": study_id,
        "generation": 1,
        "state": "REPORTED",
        "fence": 1,
        "automatic": True,
        "created_at": at,
        "hinted_at": at,
        "finished_at": at + timedelta(minutes=2),
        "reported_at": at + timedelta(minutes=2),
        "summary": {"lvef_percent": round(lvef, 1), "finding": "A finding."},
    }


def _opinion(rng, drawn, lvef):
    figures, said = drawn["figures"], rng.random()
    group, right = figures["group"], rng.random() < (figures["confidence_percent"] or 0) / 100
    opinion = {
        "study_id": drawn["study"]["id"],
        "job_id": figures["job_id"],
        "by": "reader",
        "at": figures["at"] + timedelta(hours=3),
        "verdict": "agree",
        "lvef_percent": None,
        "diagnosis": None,
        "priority": "right" if rng.random() < 0.4 else None,
        "comment": "",
        "result": {"lvef_percent": round(lvef, 1)},
    }
    if group and not right:
        return opinion | {"verdict": "correct", "diagnosis": "other"}
    if said < 0.1:
        corrected = round(lvef + rng.gauss(2.0, 4.0), 1)
        return opinion | {"verdict": "correct", "lvef_percent": corrected}
    return opinion | {"verdict": "disagree"} if said < 0.15 else opinion
