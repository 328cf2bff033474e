"""Triage: which studies a hospital's policy promotes in its reading worklist, and why.

Pure, standard library only. ``inputs`` is what a policy may look at, ``parse`` reads its file,
``decide`` applies it, ``ranking`` orders the list. It only promotes: there is no level below the
place that a study has anyway.
"""

from functools import cache
from importlib import resources

from plugin.domain.triage.channels import CHANNELS
from plugin.domain.triage.decide import Decision, Outcome, Situation, condition_words, decide
from plugin.domain.triage.inputs import (
    ClinicalFlag,
    IncomingPriority,
    MeasuredValue,
    OrderFacts,
    OrderSource,
    PatientClass,
    TriageInputs,
    inputs_of,
)
from plugin.domain.triage.parse import parse_policy, problems_of
from plugin.domain.triage.policy import Level, MeasurementCondition, Policy, Rule, Side, Truth
from plugin.domain.triage.ranking import (
    URGENCY_OF_LEVEL,
    URGENCY_OF_ORDER,
    Reading,
    Standing,
    rank_key,
    urgency,
)

__all__ = [
    "CHANNELS",
    "URGENCY_OF_LEVEL",
    "URGENCY_OF_ORDER",
    "ClinicalFlag",
    "Decision",
    "IncomingPriority",
    "Level",
    "MeasuredValue",
    "MeasurementCondition",
    "OrderFacts",
    "OrderSource",
    "Outcome",
    "PatientClass",
    "Policy",
    "Reading",
    "Rule",
    "Side",
    "Situation",
    "Standing",
    "TriageInputs",
    "Truth",
    "condition_words",
    "decide",
    "default_policy",
    "default_policy_text",
    "inputs_of",
    "parse_policy",
    "problems_of",
    "rank_key",
    "urgency",
]


def default_policy_text() -> str:
    """Return the file of the policy that is in force until a hospital activates its own."""
    return resources.files(__name__).joinpath("default_policy.toml").read_text(encoding="utf-8")


@cache
def default_policy() -> Policy:
    """Return that policy, read."""
    return parse_policy(default_policy_text())
