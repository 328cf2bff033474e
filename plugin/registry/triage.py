"""Decisions of the triage policy: kept with their inputs, and made again as time passes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from plugin.domain.findings import Priority
from plugin.domain.job import JobState
from plugin.domain.triage import (
    URGENCY_OF_LEVEL,
    Decision,
    OrderFacts,
    Outcome,
    Policy,
    TriageInputs,
    decide,
)
from plugin.domain.triage.replay import Replay, replay
from plugin.registry.engine import Database
from plugin.registry.people_tables import readings
from plugin.registry.policies import policy_in_force
from plugin.registry.rows import newest
from plugin.registry.tables import jobs, studies
from plugin.registry.triage_tables import triage_decisions

N_REPLAYED = 10_000
"""Results on which another policy is tried; a few seconds."""
_N_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it was made; ``job_id`` is None where it was made without a result."""

    id: int
    study_id: int
    job_id: str | None
    decided_at: datetime
    policy: str
    level: Priority
    outcome: Outcome
    rules: tuple[str, ...]
    not_judged: tuple[str, ...]
    sentence: str
    inputs: TriageInputs


class Triage:
    """The decisions about the studies here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_study(
        self, study_id: int, limit: int | None = None, before_id: int | None = None
    ) -> list[DecisionRecord]:
        """Return the decisions about one study, newest first; no limit: all of them."""
        made = select(triage_decisions).where(triage_decisions.c.study_id == study_id)
        query = newest(made, triage_decisions.c.id, limit, before_id)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def latest(self, study_ids: Sequence[int]) -> Mapping[int, DecisionRecord]:
        """Return the newest decision about each of these studies that has one."""
        query = (
            select(triage_decisions)
            .where(triage_decisions.c.study_id.in_(study_ids))
            .order_by(triage_decisions.c.id)
        )
        with self._database.read() as connection:
            return {row["study_id"]: _record(row) for row in connection.execute(query).mappings()}

    def results(self, limit: int = N_REPLAYED) -> Iterator[DecisionRecord]:
        """Yield the decisions about the results that stand, newest first, to be replayed."""
        query = (
            select(triage_decisions)
            .join(jobs, jobs.c.id == triage_decisions.c.job_id)
            .where(jobs.c.state == JobState.REPORTED.value)
            .order_by(triage_decisions.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return (_record(row) for row in rows)

    def replay(self, policy: Policy, limit: int = N_REPLAYED) -> Replay:
        """Return what a policy would have decided about the newest results that stand."""
        past = self.results(limit)
        return replay(policy, {one.study_id: (one.level, one.inputs) for one in past})

    def reconsider(self) -> int:
        """Apply the rules that may come true without a new result to every study not yet read.

        Returns
        -------
        int
            How many studies changed their urgency by it; when very many would, the next call does
            the others.
        """
        now = self._database.now()
        with self._database.read() as connection:
            policy = policy_in_force(connection).without_result()
            changed = [one.study_id for one in _waiting(connection, now, policy) if one.changes]
        if not changed:
            return 0
        with self._database.write() as connection:
            return reconsider_studies(connection, now, changed[:_N_AT_ONCE])


@dataclass(frozen=True, slots=True)
class _Reconsidered:
    study_id: int
    before: int
    of_result: int
    decision: Decision

    @property
    def urgency(self) -> int:
        return URGENCY_OF_LEVEL[self.decision.level]

    @property
    def changes(self) -> bool:
        return self.urgency != self.before

    @property
    def promotes(self) -> bool:
        """Whether it says more than what was decided before, with or without a result."""
        return self.urgency > max(self.before, self.of_result)


def reconsider_studies(
    connection: Connection, now: datetime, study_ids: Sequence[int], *, after_result: bool = False
) -> int:
    """Apply those rules to some studies, in the transaction that changed what they rest on.

    Parameters
    ----------
    after_result
        A result was published just now, with a decision of its own. Where these rules say more (an
        order came during the analysis), their decision is kept behind it, so that what is shown
        last says why the study stands where it does.

    Returns
    -------
    int
        How many studies changed their urgency by it.
    """
    policy = policy_in_force(connection).without_result()
    n_changed = 0
    for one in list(_waiting(connection, now, policy, study_ids)):
        if one.changes:
            n_changed += 1
            known = studies.c.id == one.study_id
            connection.execute(update(studies).where(known).values(policy_urgency=one.urgency))
        if one.promotes or (after_result and one.urgency > one.of_result):
            note_decision(connection, one.study_id, None, one.decision, now)
    return n_changed


def standing_of(decision: Decision | None) -> dict[str, Any]:
    """Return the columns of a job by which the worklist is ordered."""
    if decision is None:
        return {}
    return {
        "triage_urgency": URGENCY_OF_LEVEL[decision.level],
        "wants_review": decision.wants_review,
    }


def note_decision(
    connection: Connection, study_id: int, job_id: str | None, decision: Decision, now: datetime
) -> None:
    """Keep a decision in the transaction that makes it true."""
    connection.execute(
        triage_decisions.insert().values(
            study_id=study_id,
            job_id=job_id,
            decided_at=now,
            policy=decision.policy,
            level=decision.level.value,
            outcome=decision.outcome.value,
            rules=list(decision.rules),
            not_judged=list(decision.not_judged),
            sentence=decision.sentence,
            inputs=decision.inputs.to_dict(),
        )
    )


def _waiting(
    connection: Connection, now: datetime, policy: Policy, study_ids: Sequence[int] | None = None
) -> Iterator[_Reconsidered]:
    """Yield what the policy gives without a new result to studies that nobody has read.

    Parameters
    ----------
    study_ids
        None: to all of them.
    """
    columns = (
        studies.c.id,
        studies.c.order_facts,
        studies.c.first_received_at,
        studies.c.policy_urgency,
    )
    among = [] if study_ids is None else [studies.c.id.in_(study_ids)]
    if not policy.rules:
        # A policy that had such rules is no longer in force.
        query = select(*columns).where(studies.c.policy_urgency > 0, *among)
        for promoted in connection.execute(query):
            before = promoted.policy_urgency
            yield _Reconsidered(promoted.id, before, 0, decide(policy, TriageInputs()))
        return
    made = triage_decisions
    query = (
        select(*columns, made.c.inputs, jobs.c.triage_urgency)
        .outerjoin(readings, readings.c.study_id == studies.c.id)
        .outerjoin(
            jobs, (jobs.c.study_id == studies.c.id) & (jobs.c.state == JobState.REPORTED.value)
        )
        .outerjoin(made, made.c.job_id == jobs.c.id)
        .where(readings.c.read_at.is_(None), *among)
    )
    for row in connection.execute(query):
        minutes = (now - row.first_received_at).total_seconds() / 60
        decision = decide(policy, _inputs(row.inputs, row.order_facts, minutes))
        yield _Reconsidered(row.id, row.policy_urgency, row.triage_urgency or 0, decision)


def _inputs(
    stored: Mapping[str, Any] | None, order_facts: Mapping[str, Any] | None, minutes: float
) -> TriageInputs:
    order = OrderFacts.from_dict(order_facts or {})
    if stored is None:
        return TriageInputs(order=order, waiting_minutes=minutes, is_analysed=False)
    return replace(TriageInputs.from_dict(stored), order=order, waiting_minutes=minutes)


def _record(row: RowMapping) -> DecisionRecord:
    return DecisionRecord(
        **{
            **row,
            "level": Priority(row["level"]),
            "outcome": Outcome(row["outcome"]),
            "rules": tuple(row["rules"]),
            "not_judged": tuple(row["not_judged"]),
            "inputs": TriageInputs.from_dict(row["inputs"]),
        }
    )
