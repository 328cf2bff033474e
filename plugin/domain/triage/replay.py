"""What another policy would have decided about past results."""

from collections.abc import Mapping
from dataclasses import dataclass

from plugin.domain.findings import Priority
from plugin.domain.triage.decide import decide
from plugin.domain.triage.inputs import TriageInputs
from plugin.domain.triage.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """One study whose level would have been another one."""

    study_id: int
    before: Priority
    after: Priority
    sentence: str


@dataclass(frozen=True, slots=True)
class Replay:
    """How a policy compares with what was decided; counts by level."""

    n_studies: int
    n_before: Mapping[Priority, int]
    n_after: Mapping[Priority, int]
    n_review: int
    changed: tuple[Change, ...]


def replay(policy: Policy, past: Mapping[int, tuple[Priority, TriageInputs]]) -> Replay:
    """Decide again about every past result, from exactly what was looked at then.

    Parameters
    ----------
    past
        By study: the level that was decided, and its inputs.
    """
    n_before, n_after = dict.fromkeys(Priority, 0), dict.fromkeys(Priority, 0)
    changed, n_review = [], 0
    for study_id, (before, inputs) in past.items():
        decision = decide(policy, inputs)
        n_before[before] += 1
        n_after[decision.level] += 1
        n_review += decision.wants_review
        if decision.level is not before:
            changed.append(Change(study_id, before, decision.level, decision.sentence))
    return Replay(len(past), n_before, n_after, n_review, tuple(changed))
