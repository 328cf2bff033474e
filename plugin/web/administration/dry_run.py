"""What would happen to a study: the roles of its series, the rules, who would get what, or why not.

A worker reads the headers; policy, switches and destinations are as they are now. Nothing changes.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.request import LOOKS, RequestKind, RequestState
from plugin.domain.triage import (
    Decision,
    IncomingPriority,
    OrderFacts,
    PatientClass,
    Policy,
    TriageInputs,
    condition_words,
    decide,
)
from plugin.registry import DestinationRecord, StudyRecord
from plugin.registry.requests import RequestRecord
from plugin.web.administration.card import Card, Done, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change

_N_FOUND = 20
_TRUTHS = {"MET": "met", "NEAR": "nearly met", "UNKNOWN": "not measured", "NOT_MET": "not met"}


@dataclass(frozen=True, slots=True)
class RuleSays:
    """What one rule of the policy says about a study."""

    name: str
    level: str
    truth: str
    conditions: str


@dataclass(frozen=True, slots=True)
class Gets:
    """What a destination would get; ``why_not`` where it would get nothing now."""

    name: str
    kinds: tuple[str, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would follow for a study from what a worker saw.

    Attributes
    ----------
    study
        None: the images were uploaded, so nobody waits.
    order
        Of the study; for uploaded images the one that was imagined.
    is_first
        It would be analysed before others, for its order.
    is_measured
        It has a result, so rules about measurements are judged.
    """

    study: StudyRecord | None
    order: OrderFacts
    policy: Policy
    is_first: bool
    is_measured: bool
    decision: Decision
    rules: tuple[RuleSays, ...]
    gets: tuple[Gets, ...]


def _show(_site: Site) -> Shown:
    return {"found": None, "priorities": IncomingPriority, "classes": PatientClass}


def _ask(site: Site, change: Change) -> Done:
    """Find the study that somebody means, and have a worker look at it."""
    term = change["term"]
    if not term:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    found = site.registry.studies.find(term)
    if not found:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    if len(found) > 1:
        return {"found": found[:_N_FOUND]}
    return ask_to_look(site, found[0], change.visitor.name)


def _ask_by_number(site: Site, change: Change) -> Done:
    """Look at the study that was chosen among several."""
    study = site.registry.studies.by_id(whole(change, "study") or 0)
    if study is None:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    return ask_to_look(site, study, change.visitor.name)


def ask_to_look(site: Site, study: StudyRecord, actor: str) -> RequestRecord:
    """Have a worker look at a study."""
    asked, subject = {"study_id": study.id}, f"study {study.study_key}"
    return site.registry.requests.ask(RequestKind.LOOK_AT_STUDY, asked, actor, subject)


def what_follows(site: Site, asked: RequestRecord) -> Prospect | None:
    """Return what would follow from what a worker saw; None where it saw none, or it is gone."""
    if asked.kind not in LOOKS or asked.state is not RequestState.DONE:
        return None
    study = None
    if asked.kind is RequestKind.LOOK_AT_STUDY:
        study = site.registry.studies.by_id(int(asked.asked["study_id"]))
        if study is None:
            return None
    policy = site.registry.policies.in_force()
    inputs = _inputs_of_upload(asked) if study is None else _inputs(site, study)
    analysable = bool(asked.answer["is_analysable"])
    return Prospect(
        study,
        inputs.order,
        policy,
        policy.is_urgent_order(inputs.order),
        inputs.is_analysed,
        decide(policy, inputs),
        _rules(policy, inputs),
        tuple(_gets(site, one, analysable) for one in site.registry.destinations.list()),
    )


def _inputs_of_upload(asked: RequestRecord) -> TriageInputs:
    """Return what the policy may look at of images that are not of a study here."""
    return TriageInputs(order=OrderFacts.from_dict(asked.asked.get("order", {})), is_analysed=False)


def _inputs(site: Site, study: StudyRecord) -> TriageInputs:
    """Return what the policy may look at now: the standing result, the order, the wait."""
    minutes = (datetime.now(UTC) - study.first_received_at).total_seconds() / 60
    order = OrderFacts.from_dict(study.order_facts or {})
    job = site.registry.jobs.last_reported(study.id)
    for record in site.registry.triage.of_study(study.id):
        if job is not None and record.job_id == job.id:
            return replace(record.inputs, order=order, waiting_minutes=minutes)
    return TriageInputs(order=order, waiting_minutes=minutes, is_analysed=False)


def _rules(policy: Policy, inputs: TriageInputs) -> tuple[RuleSays, ...]:
    return tuple(
        RuleSays(
            rule.name,
            rule.level.value,
            _TRUTHS[rule.truth(inputs, policy.places).name],
            " and ".join(condition_words(one) for one in rule.reasons()),
        )
        for rule in policy.rules
    )


def _gets(site: Site, destination: DestinationRecord, analysable: bool) -> Gets:  # noqa: FBT001
    registry = site.registry
    instead = {one.kind: one.instead for one in registry.health.substitutions(destination.id)}
    kinds = tuple(dict.fromkeys(instead.get(kind, kind) for kind in destination.objects))
    why_not = ""
    if not analysable:
        why_not = "nothing: the study gives no result"
    elif not destination.enabled:
        why_not = "nothing: it is disabled"
    elif not site.settings.is_live:
        why_not = "nothing: shadow mode"
    elif registry.switches.state().holds(destination.id):
        why_not = "later: it is held back"
    elif registry.health.get(destination.id).open_since is not None:
        why_not = "later: it does not answer now"
    return Gets(destination.name, kinds, why_not)


CARD = Card("dry-run", "What would happen?", _show, {"ask": _ask, "choose": _ask_by_number})
