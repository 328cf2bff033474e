"""An installation as an administrator finds it: peers, destinations, load, bundles, changes."""

from datetime import UTC, datetime, timedelta

from plugin.domain.errors import Reason
from plugin.domain.request import RequestKind
from plugin.domain.study import PeerKind
from plugin.domain.triage import default_policy_text
from plugin.orders import take_orders
from tests.plugin.orders.messages import as_json, orm, text, ups
from tests.plugin.web.conftest import receive, report

GIBIBYTE = 2**30
_EVALUATION = {
    "n_patients": 100,
    "data": "generated",
    "command": "",
    "rows": [
        {"measure": "Dice, LV cavity", "value": 0.94, "low": 0.935, "high": 0.946, "unit": ""},
        {
            "measure": "EF, limits of agreement",
            "value": 4.1,
            "low": None,
            "high": None,
            "unit": "%",
        },
    ],
}
_FACTS = {
    "licence": "Apache-2.0",
    "intended_use": "Measures short-axis cine; not for diagnosis.",
    "known_limits": None,
    "training_data": "Generated hearts.",
    "evaluation": _EVALUATION,
}
LOOK = {
    "series": [
        {
            "role": role,
            "reason": reason,
            "n_instances": n_instances,
            "uid_end": f"4711.{n_instances}",
        }
        for role, reason, n_instances in (
            ("short_axis_cine", "11 parallel slices across the long axis, 25 phases each.", 275),
            ("four_chamber_cine", "One slice along the long axis, 25 phases.", 25),
            ("lge", "Inversion recovery, 10 minutes after contrast.", 11),
        )
    ],
    "is_analysable": True,
    "reason": None,
    "sentence": "",
    "n_slices": 11,
    "n_phases": 25,
    "notes": [],
}


def draw_administration(registry, spool):
    """Make the records; return the id of an answered dry run."""
    _people_who_send(registry)
    _places_to_send_to(registry, spool)
    _processes(registry)
    old = registry.bundles.verified(
        "a3" * 32, "phantom-unet", "1.2.0", "/bundles/old", _FACTS, "worker"
    )
    registry.bundles.verified("b7" * 32, "ward-unet", "2.0.1", "/bundles/new", _FACTS, "anna")
    registry.bundles.activate(old.id, "anna")
    text = default_policy_text().replace('version = "', 'version = "ward-', 1)
    registry.policies.activate(text, "anna")
    study = registry.studies.get("1.2.840.1")
    _orders(registry)
    asked = registry.requests.ask(
        RequestKind.LOOK_AT_STUDY, {"study_id": study.id}, "anna", f"study {study.study_key}"
    )
    registry.requests.answer(asked.id, LOOK)
    return asked.id


def _people_who_send(registry):
    registry.peers.add("ARCHIVE1", host="10.1.2.3", port=11113, actor="anna")
    registry.peers.add("MR3T", host="10.1.4.20", kind=PeerKind.MODALITY, actor="anna")
    registry.peers.edit("MR3T", quiet_seconds=600.0, actor="anna")
    registry.peers.seen("ARCHIVE1")
    for number, n_images in enumerate((275, 311)):
        registry.associations.opened(f"a{number}", "ARCHIVE1", "CMRTRIAGE", "10.1.2.3")
        registry.associations.closed(f"a{number}", "released", n_images)
    unknown = Reason.UNKNOWN_CALLING_AE_TITLE
    for _ in range(3):
        registry.associations.rejected("MR15T", "CMRTRIAGE", "10.1.4.21", unknown)


def _places_to_send_to(registry, spool):
    archive = registry.destinations.add(
        "archive", ae_title="ARCHIVE1", host="10.1.2.3", port=104, actor="anna"
    )
    url = "https://research.example:8443/dicom-web"
    research = registry.destinations.add("research", url=url, actor="ben")
    registry.health.answered(archive.id)
    registry.health.confirms(archive.id, "commitment")
    registry.health.takes_implicit(archive.id)
    later = datetime.now(UTC) + timedelta(minutes=7)
    reason = Reason.DESTINATION_UNREACHABLE
    registry.health.failed(research.id, reason, 4, later, opens=True)
    job = report(registry, spool, receive(registry))
    for delivery in registry.deliveries.for_job(job.id):
        if delivery.destination_id == archive.id:
            registry.deliveries.dead(
                delivery.id, Reason.DESTINATION_REFUSED_INSTANCE, status=0xA700
            )
    study = receive(registry, uid="1.2.840.2", patient_id="P-2", n_bytes=180 * 2**20)
    failed = registry.studies.mark_complete(study.id, revision=study.revision)
    claimed = registry.jobs.claim(failed.id, "gpu1:512", 60)
    registry.jobs.fail(failed.id, claimed.fence, Reason.HEART_NOT_FOUND)


def _orders(registry):
    last = orm("S", "26-4711", at="20261122071500+0000", filler="R4711^RIS", uid="1.2.840.1")
    first = (
        orm("A", "26-4719", at="20261122064000+0000", filler="R4719^RIS", patient_class="E"),
        orm("R", "26-4720", at="20261122065500+0000", filler="R4720^RIS"),
        orm("R", "26-4720", at="20261122070500+0000", filler="R4720^RIS", control="CA"),
    )
    request = text("SQ", {"00080050": text("SH", "26-4733")})
    take_orders(registry, as_json(ups("HIGH", **{"0040A370": request})), "ris")
    for message in (*first, last):
        take_orders(registry, message.encode(), "ris")


def _processes(registry):
    machine = {
        "cpu_percent": 37.0,
        "n_processors": 16,
        "memory_total_bytes": 128 * GIBIBYTE,
        "memory_used_bytes": 41 * GIBIBYTE,
        "process_bytes": 2 * GIBIBYTE,
    }
    card = {
        "name": "NVIDIA H200",
        "used_percent": 64.0,
        "memory_used_bytes": 6 * GIBIBYTE,
        "memory_total_bytes": 140 * GIBIBYTE,
    }
    facts = {"device": "cuda", "bundle": "phantom-unet 1.2.0", "problem": "", "gpus": [card]}
    registry.heartbeats.beat("gpu1:512", "worker", {**machine, **facts})
    registry.heartbeats.beat("gpu1:498", "deliver", {**machine, "process_bytes": 2**27})
