"""``study``: what was received, what became of it, and what a person can decide."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin.commands.deliveries import delivered_in_words
from plugin.commands.peers import print_rejected
from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    gibibytes,
    load,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.job import JobState
from plugin.domain.study import StudyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugin.registry import AssociationRecord, JobRecord, Registry, StudyRecord

app = new_group("Received studies: what became of each, and what a person can decide.")

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="Study Instance UID (or its unique beginning or end), accession number or patient ID.",
    ),
]


@app.command("list")
def list_studies(
    state: Annotated[
        StudyState | None, typer.Option(help=f"Only those in this state: {', '.join(StudyState)}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show studies, what is in quarantine, who was refused, and the free space."""
    from plugin.spool import Spool

    settings = load(config)
    free_bytes = Spool(settings.spool.folder).free_bytes()
    with open_registry(config) as registry:
        studies = registry.studies.list(limit=limit, state=state)
        jobs = {study.id: registry.jobs.latest(study.id) for study in studies}
        delivered = {
            study_id: delivered_in_words(registry.deliveries.for_job(job.id)) if job else ""
            for study_id, job in jobs.items()
        }
        n_changed = registry.studies.n_changed_instances()
        stored_bytes = registry.studies.stored_bytes()
        rejected_bytes = registry.studies.stored_bytes(StudyState.REJECTED)
        quarantine = registry.studies.quarantine_list()
        rejected = registry.associations.list_rejected()
    if as_json:
        print_json(
            {
                "studies": [
                    {
                        "study": study,
                        "job": jobs[study.id],
                        "delivered": delivered[study.id],
                        "n_changed_instances": n_changed.get(study.id, 0),
                    }
                    for study in studies
                ],
                "quarantine": quarantine,
                "rejected": rejected,
                "free_bytes": free_bytes,
                "stored_bytes": stored_bytes,
                "rejected_bytes": rejected_bytes,
            }
        )
        return
    print_table(
        "Studies (AI, not verified by a physician)",
        (
            *("study", "patient", "from", "n images", "state"),
            *("LVEF (%)", "priority", "delivered", "what"),
        ),
        (
            _row(study, jobs[study.id], n_changed.get(study.id, 0), delivered[study.id])
            for study in studies
        ),
        caption="" if studies else "None. Who may send here: cmr-triage peer list",
    )
    if quarantine:
        print_table(
            "Quarantine (received, but cannot be indexed)",
            ("file", "from", "received", "why"),
            (
                (Path(item.path).name, item.calling_ae_title, item.received_at, _why(item.reason))
                for item in quarantine
            ),
        )
    print_rejected(rejected)
    low = " — below spool.minimum_free_bytes: images are refused"
    short = free_bytes <= settings.spool.minimum_free_bytes
    typer.echo(f"Free in {settings.spool.folder}: {gibibytes(free_bytes)}{low if short else ''}")
    typer.echo(
        f"Images: {gibibytes(stored_bytes)}, of rejected studies: {gibibytes(rejected_bytes)}"
    )


def _row(
    study: "StudyRecord", job: "JobRecord | None", n_changed: int, delivered: str
) -> tuple[object, ...]:
    summary = _standing_summary(job)
    state = f"{study.state.value}/{job.state.value}" if job else study.state.value
    return (
        f"…{study.study_instance_uid[-12:]}",
        study.patient_id,
        study.calling_ae_title,
        f"{study.n_instances} ({n_changed} changed)" if n_changed else study.n_instances,
        state,
        summary.get("lvef_percent"),
        summary.get("priority"),
        delivered,
        summary.get("finding") or _what(study, job),
    )


def _standing_summary(job: "JobRecord | None") -> dict[str, Any]:
    """Return the numbers of a result, none of one that was withdrawn."""
    if job is None or job.state is JobState.WITHDRAWN:
        return {}
    return dict(job.summary or {})


def _what(study: "StudyRecord", job: "JobRecord | None") -> str:
    reason = study.reason or (job.reason if job else None)
    detail = study.detail or (job.detail if job else "")
    if reason is None:
        return ""
    return f"{_why(reason)} ({detail})" if detail else _why(reason)


def _why(reason: Reason | None) -> str:
    return SENTENCES[reason] if reason is not None else ""


@app.command()
def show(study: StudyArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one study: its jobs, results and where each object was delivered."""
    with open_registry(config) as registry:
        record = find_study(registry, study)
        jobs = registry.jobs.list(record.id)
        described: dict[str, Any] = {
            "study": record,
            "n_changed_instances": registry.studies.n_changed_instances().get(record.id, 0),
            "associations": registry.associations.of_study(record.id),
            "orders": registry.orders.of_study(record),
            "jobs": [
                {
                    "job": job,
                    "objects": registry.jobs.result_objects(job.id),
                    "deliveries": registry.deliveries.for_job(job.id),
                }
                for job in jobs
            ],
        }
    if as_json:
        print_json(described)
        return
    _print_study(record, described["n_changed_instances"])
    _print_associations(described["associations"])
    for entry in described["jobs"]:
        _print_job(entry)


def _print_associations(associations: "Sequence[AssociationRecord]") -> None:
    print_table(
        "Associations that brought images",
        ("opened", "from", "address", "n images", "ended", "why"),
        (
            (
                one.opened_at,
                one.calling_ae_title,
                one.address,
                one.n_received,
                one.outcome or "still open",
                _why(Reason.ASSOCIATION_ABORTED) if one.outcome == "aborted" else "",
            )
            for one in associations
        ),
    )


def _print_study(record: "StudyRecord", n_changed: int) -> None:
    print_table(
        "Study",
        ("property", "value"),
        (
            ("Study Instance UID", record.study_instance_uid),
            ("patient", f"{record.patient_name} ({record.patient_id})"),
            ("accession number", record.accession_number),
            ("ordered", _ordered(record)),
            ("date, description", f"{record.study_date} {record.description}"),
            ("from", record.calling_ae_title),
            ("images", f"{record.n_instances}, {gibibytes(record.n_bytes)}"),
            ("images that came again with other content (the newest counts)", n_changed),
            ("received", record.first_received_at),
            ("last image", record.last_received_at),
            ("state", record.state.value),
            ("why", _what(record, None)),
            ("a person must decide", record.needs_person),
            ("images deleted", record.images_deleted_at),
        ),
    )


def _ordered(record: "StudyRecord") -> str:
    from plugin.domain.triage import OrderFacts

    facts = OrderFacts.from_dict(record.order_facts or {})
    return f"{facts.priority.value} by {facts.told_by.words}" if facts.priority else ""


def _print_job(entry: dict[str, Any]) -> None:
    job = entry["job"]
    why = f" · {_why(job.reason)} {job.detail}" if job.reason else ""
    typer.echo(f"Job {job.id} · generation {job.generation} · {job.state.value}{why}")
    summary = _standing_summary(job)
    if summary:
        print_table("", ("result", "value"), summary.items())
    if entry["objects"]:
        print_table(
            "",
            ("object", "SOP Instance UID", "file"),
            ((item.kind, item.sop_instance_uid, item.path) for item in entry["objects"]),
        )
    if entry["deliveries"]:
        print_table(
            "",
            ("object", "destination", "state", "n attempts", "sent", "confirmed", "by", "why"),
            (
                (
                    item.kind,
                    item.destination_name,
                    item.state.value,
                    item.attempts,
                    item.sent_at,
                    item.confirmed_at,
                    item.confirmed_by,
                    _why(item.last_reason),
                )
                for item in entry["deliveries"]
            ),
        )


@app.command()
def requeue(study: StudyArgument, config: ConfigOption = None) -> None:
    """Have a study analysed again, now, even if its images did not change."""
    from plugin.domain.errors import TransientError
    from plugin.queue import make_app, send_analyse

    settings = load(config)
    with open_registry(config) as registry:
        job = registry.studies.requeue(find_study(registry, study).id, actor="cli")
    try:
        send_analyse(make_app(settings), job.id)
    except TransientError as error:
        typer.echo(error.sentence, err=True)
    typer.echo(f"Queued as generation {job.generation} (job {job.id}).")


@app.command()
def withdraw(
    study: StudyArgument,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="Why, in words without patient data: for the audit trail, the pages and the "
            "archives.",
        ),
    ],
    config: ConfigOption = None,
) -> None:
    """Take a wrong result back: archives get a rejection note, the pages show it as withdrawn."""
    from importlib.metadata import version

    from plugin.spool import Spool
    from worker.withdrawal import withdraw_result

    why = reason.strip()
    if not why:
        raise ConfigurationError(Reason.SETTING_INVALID, "--reason needs some words")
    settings = load(config)
    with open_registry(config) as registry:
        record = find_study(registry, study)
        spool = Spool(settings.spool.folder)
        job, n_told = withdraw_result(registry, spool, record.id, why, "cli", version("cmr-triage"))
    typer.echo(
        f"Withdrawn: generation {job.generation} (job {job.id}). "
        f"{n_told} destination(s) get a rejection note."
    )


@app.command()
def purge(
    study: StudyArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete a study here: images, results and records. What was sent to a PACS stays there."""
    from plugin.spool import Spool

    settings = load(config)
    with open_registry(config) as registry:
        record = find_study(registry, study)
        if not yes:
            typer.confirm(f"Delete {record.n_instances} images and their results?", abort=True)
        purged = registry.studies.purge(record.id, actor="cli")
    if purged is None:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    spool = Spool(settings.spool.folder)
    spool.remove_study(purged.study_key)
    for job_id in purged.job_ids:
        spool.remove_results(job_id)
    typer.echo(f"Deleted: {purged.n_instances} images, {len(purged.job_ids)} jobs.")


def find_study(registry: "Registry", text: str) -> "StudyRecord":
    """Return the one study that a person means.

    Raises
    ------
    ConfigurationError
        ``NOT_FOUND``: there is none, or more than one.
    """
    found = registry.studies.find(text)
    if len(found) == 1:
        return found[0]
    detail = "study" if not found else f"{len(found)} studies; name one by its Study Instance UID"
    raise ConfigurationError(Reason.NOT_FOUND, detail)
