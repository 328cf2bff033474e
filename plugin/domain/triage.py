"""The first priority rule: which measured values promote a study in the reading worklist.

Pure. It only promotes: a study that fulfils no rule keeps the priority it arrived with, and no
level below routine exists. A value near a threshold is not promoted by itself, but the sentence
asks a physician to look. No rule gives STAT: nothing that a cine alone measures is printed anywhere
as an emergency.

References
----------
LVEF 35 %: threshold for a primary-prevention defibrillator, Zeppenfeld K et al., Eur Heart J
2022;43:3997-4126 (ESC ventricular arrhythmias and sudden death). RVEF 37 %: band of highest risk on
cardiac MRI, Humbert M et al., Eur Heart J 2022;43:3618-3731 (ESC/ERS pulmonary hypertension),
Table 16. Wall 30 mm: risk marker of sudden death, Ommen SR et al., Circulation 2024;149:e1239-e1311
(AHA/ACC hypertrophic cardiomyopathy). That these justify reading the study earlier is this
project's choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from plugin.domain.findings import Measurement, Priority, PrioritySuggestion

_ORDER = (Priority.ROUTINE, Priority.URGENT, Priority.STAT)


@dataclass(frozen=True, slots=True)
class PriorityRule:
    """Promote to ``level`` when the measurement ``key`` lies on ``side`` of ``threshold``."""

    name: str
    key: str
    side: str  # "at or below", "below" or "at or above"
    threshold: float
    level: Priority
    source: str

    def met(self, value: float) -> bool:
        """Tell whether ``value`` fulfils the rule."""
        if self.side == "at or above":
            return value >= self.threshold
        return value <= self.threshold if self.side == "at or below" else value < self.threshold

    def near(self, measurement: Measurement) -> bool:
        """Tell whether the uncertainty interval reaches the threshold from the other side."""
        if measurement.interval is None or self.met(measurement.value):
            return False
        return any(self.met(end) for end in measurement.interval)


PRIORITY_RULES: tuple[PriorityRule, ...] = (
    PriorityRule(
        "lvef_35",
        "lv_ejection_fraction",
        "at or below",
        35.0,
        Priority.URGENT,
        "Zeppenfeld K et al., Eur Heart J 2022;43:3997-4126",
    ),
    PriorityRule(
        "rvef_37",
        "rv_ejection_fraction",
        "below",
        37.0,
        Priority.URGENT,
        "Humbert M et al., Eur Heart J 2022;43:3618-3731, Table 16",
    ),
    PriorityRule(
        "wall_30_mm",
        "maximal_wall_thickness",
        "at or above",
        30.0,
        Priority.URGENT,
        "Ommen SR et al., Circulation 2024;149:e1239-e1311",
    ),
)


def higher(first: Priority, second: Priority) -> Priority:
    """Return the more urgent of two levels; the AI may only promote."""
    return max(first, second, key=_ORDER.index)


def _phrase(rule: PriorityRule, measurement: Measurement) -> str:
    return (
        f"{measurement.name} {measurement.value:.0f} {measurement.unit} "
        f"({rule.side} {rule.threshold:.0f} {measurement.unit}; {rule.source})"
    )


def suggest_priority(measurements: Sequence[Measurement]) -> PrioritySuggestion:
    """Apply the rules to the measurements of the whole heart."""
    values = {one.key: one for one in measurements if one.segment is None}
    known = [(rule, values[rule.key]) for rule in PRIORITY_RULES if rule.key in values]
    met = [(rule, one) for rule, one in known if rule.met(one.value)]
    if met:
        level = max((rule.level for rule, _ in met), key=_ORDER.index)
        return PrioritySuggestion(
            level,
            "+".join(rule.name for rule, _ in met),
            f"{level.value} suggested: " + "; ".join(_phrase(rule, one) for rule, one in met) + ".",
            tuple(one.key for _, one in met),
        )
    near = [(rule, one) for rule, one in known if rule.near(one)]
    if near:
        names = ", ".join(
            f"{one.name} {one.value:.0f} {one.unit} (threshold {rule.threshold:.0f} {one.unit})"
            for rule, one in near
        )
        return PrioritySuggestion(
            Priority.ROUTINE,
            "near_threshold",
            f"No promotion, but near a threshold of priority: {names}. A physician should review "
            "it.",
            tuple(one.key for _, one in near),
        )
    return PrioritySuggestion(
        Priority.ROUTINE,
        "none",
        "No measured value gives a reason to promote this study; what was not assessed may.",
    )
