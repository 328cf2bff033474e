"""Writes what a good model would answer: sentences of the grammar over the evidence of a study.

Everything said is decided by the evidence; chance only chooses among ways to say it. What a history
claims never changes a sentence; where it claims what the images do not show, one is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plugin.domain.evidence import Evidence, Fact, FactKind
from plugin.domain.findings import Certainty
from worker.findings.language import Language
from worker.model.language.vocabulary import Style
from worker.training.language.frames import Frames, choose

_SIDES = ("below", "above")
_FEW = 3


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """Writes about one study in one language; ``rng`` is its chance."""

    evidence: Evidence
    language: Language
    frames: Frames
    rng: np.random.Generator

    def impression(self, style: Style, contradicted: Fact | None = None) -> str:
        """Say findings, what else is out of range or within it, quality, scope."""
        sentences = [self._finding(fact, style) for fact in self._findings()]
        if contradicted is not None:
            sentences.insert(0, self._make("contradiction", v=contradicted.slot))
        stated = {base for fact in self._findings() for base in fact.basis}
        free = [one for one in self._graded() if one.id not in stated]
        sentences += [self._outside(one) for one in free if set(_SIDES) & set(one.terms)]
        inside = [one for one in free if "within" in one.terms]
        if inside and (style is Style.FULL or not sentences):
            sentences += self._within(inside)
        sentences += self._ungraded()
        notes = self._quality()
        sentences += [self._make("quality", q=one.slot) for one in notes[: self._some(2)]]
        if style is Style.FULL and self.rng.random() > 1 / 2:
            sentences.append(self._priority())
        return self._text([*sentences, self._scope()])

    def explanation(self, contradicted: Fact | None = None) -> str:
        """For each finding the value, the criterion and what follows."""
        sentences = []
        if contradicted is not None:
            sentences.append(self._make("contradiction", v=contradicted.slot))
        for fact in self._findings():
            rule = self.evidence.find(FactKind.RULE, fact.key)
            assert rule is not None  # noqa: S101 - every finding has one
            places = {"f": fact.slot, "v": f"[{fact.basis[0]}]", "r": rule.slot}
            sentences.append(self._make("explanation", **places))
        if not self._findings():
            inside = [one for one in self._graded() if "within" in one.terms]
            sentences += [self._make("explanation_within", v=one.slot, w="") for one in inside]
        segments = [one for one in self.evidence.facts if one.segment is not None]
        if segments and self.rng.random() > 1 / 2:
            for rule_name, fact in zip(("segment", "segment_thin"), segments, strict=False):
                sentences.append(self._make(rule_name, v=fact.slot))
        return self._text(sentences or [self._scope()])

    def differential(self) -> str:
        """Causes to consider, in pairs where they have the same reason; else that there is none."""
        causes = list(self.evidence.of_kind(FactKind.CONSIDERATION))
        if not causes:
            return self._make("differential_none", s=self._scope_slot())
        sentences = []
        while causes:
            first = causes.pop(0)
            reason = f"[{first.basis[0]}]"
            if causes and causes[0].basis == first.basis and self.rng.random() > 1 / 2:
                places = {"c": first.slot, "d": causes.pop(0).slot, "f": reason}
                sentences.append(self._make("differential_more", **places))
            else:
                sentences.append(self._make("differential", c=first.slot, f=reason))
        return self._text(sentences)

    def limits(self) -> str:
        """Everything that was not assessed, in any grouping, then notes and scope."""
        things = [one.slot for one in self.evidence.of_kind(FactKind.NOT_ASSESSED)]
        sentences = []
        while things:
            group = things[: 1 + self._some(_FEW - 1)]
            del things[: len(group)]
            name = ("limits_one", "limits_two", "limits_three")[len(group) - 1]
            places = dict(zip("nmo", group, strict=False))
            sentences.append(self._make(name, **places))
        sentences += [self._make("quality", q=one.slot) for one in self._quality()]
        return self._text([*sentences, self._scope()])

    def value(self, fact: Fact) -> str:
        """Answer what a value is, and on which side of its range."""
        sentences = [self._make("answer_value", v=fact.slot)]
        if "borderline" not in fact.terms and self.rng.random() > 1 / 2:
            if "within" in fact.terms:
                sentences = [self._make("explanation_within", v=fact.slot)]
            elif set(_SIDES) & set(fact.terms):
                sentences = [self._outside(fact)]
        return self._text(sentences)

    def about_finding(self, key: str, basis: Fact) -> str:
        """Answer whether a finding is there: yes, unsure, or what its value says instead."""
        fact = self.evidence.find(FactKind.FINDING, key)
        if fact is not None:
            return self._finding(fact, Style.TERSE)
        if "within" in basis.terms:
            return self._make("explanation_within", v=basis.slot)
        return self._make("answer_value", v=basis.slot)

    def not_assessed(self, thing: Fact) -> str:
        """Answer that a topic was not looked at."""
        return self._make("answer_not_assessed", n=thing.slot)

    def missing(self, note: Fact) -> str:
        """Answer why a value is not there."""
        return self._make("answer_missing", q=note.slot)

    def unknown(self) -> str:
        """Answer that the study cannot tell."""
        return self._make("answer_unknown", s=self._scope_slot())

    def priority(self) -> str:
        """Answer with the suggested priority and the values that it rests on."""
        (fact,) = self.evidence.of_kind(FactKind.PRIORITY)
        values = [self._make("answer_value", v=f"[{base}]") for base in fact.basis]
        return self._text([self._priority(), *values])

    def _make(self, rule: str, **places: str) -> str:
        return self.frames.make(rule, self.rng, **places)

    def _text(self, sentences: Sequence[str]) -> str:
        return self.frames.sentence_space.join(sentences)

    def _some(self, most: int) -> int:
        return int(self.rng.integers(0, most + 1))

    def _findings(self) -> tuple[Fact, ...]:
        facts = self.evidence.of_kind(FactKind.FINDING)
        return tuple(sorted(facts, key=lambda one: one.certainty is Certainty.UNDETERMINED))

    def _finding(self, fact: Fact, style: Style) -> str:
        places = {"f": fact.slot, "v": f"[{fact.basis[0]}]"}
        terse = "_terse" if style is Style.TERSE else ""
        if fact.certainty is Certainty.UNDETERMINED:
            return self._make(f"undetermined{terse}", **places)
        said = self._said(fact)
        return self._make(f"present{terse}", **places, said=said or fact.slot)

    def _said(self, fact: Fact) -> str | None:
        """Return a finding in free words, where the grammar has them for its grade."""
        grade = next((one for one in ("severely", "mildly") if one in fact.terms), "")
        graded = f"{fact.key} {grade} reduced".replace("  ", " ")
        return self.frames.said.get(graded, self.frames.said.get(fact.key))

    def _graded(self) -> tuple[Fact, ...]:
        """Values with a side; the absolute one only where its index has none."""
        values = {
            one.key: one
            for one in self.evidence.of_kind(FactKind.MEASUREMENT)
            if one.segment is None
        }
        sided = {
            key: one for key, one in values.items() if {"below", "within", "above"} & set(one.terms)
        }
        return tuple(one for key, one in sided.items() if f"{key}_index" not in sided)

    def _outside(self, fact: Fact) -> str:
        side = next(one for one in _SIDES if one in fact.terms)
        return self._make("outside", v=fact.slot, side=self.language.tables["sides"][side])

    def _within(self, facts: Sequence[Fact]) -> list[str]:
        """Say of one or two values that they lie within."""
        chosen = [facts[int(i)] for i in self.rng.permutation(len(facts))[:2]]
        if len(chosen) > 1 and self.rng.random() > 1 / 2:
            return [self._make("within_more", v=chosen[0].slot, w=chosen[1].slot)]
        return [self._make("within", v=one.slot) for one in chosen[:1]]

    def _ungraded(self) -> list[str]:
        young = self.evidence.find(FactKind.QUALITY, "under_18")
        fraction = self.evidence.find(FactKind.MEASUREMENT, "lv_ejection_fraction")
        if young is None or fraction is None:
            return []
        return [self._make("young", q=young.slot, v=fraction.slot)]

    def _quality(self) -> list[Fact]:
        notes = self.evidence.of_kind(FactKind.QUALITY)
        return [one for one in notes if one.key != "under_18"]

    def _scope_slot(self) -> str:
        (fact,) = self.evidence.of_kind(FactKind.SCOPE)
        return fact.slot

    def _scope(self) -> str:
        return self._make("scope", s=self._scope_slot())

    def _priority(self) -> str:
        (fact,) = self.evidence.of_kind(FactKind.PRIORITY)
        return self._make("priority", p=fact.slot)


def history(
    frames: Frames, evidence: Evidence, rng: np.random.Generator
) -> tuple[str, str, Fact | None]:
    """Draw what a request says.

    Returns
    -------
    tuple
        The text; what kind it is (``none``, ``neutral``, ``claim``, ``contradiction``, ``planted``,
        ``injection``); and of a contradiction the value that stands against it.
    """
    kind = str(rng.choice(["none", "neutral", "claim", "planted", "injection"], p=_HISTORY_SHARES))
    if kind == "none":
        return "", kind, None
    against = None
    name = kind
    if kind == "claim":
        name = choose(tuple(_CLAIMS), rng)
        finding, value, is_denial = _CLAIMS[name]
        basis = evidence.find(FactKind.MEASUREMENT, value)
        found = evidence.find(FactKind.FINDING, finding)
        certain = found is not None and found.certainty is Certainty.PRESENT
        clear = found is None or certain
        if basis is not None and clear and certain is is_denial:
            kind, against = "contradiction", basis
    texts = [choose(frames.histories[name], rng)]
    if rng.random() > 1 / 2:
        texts.append(choose(frames.histories["neutral"], rng))
    rng.shuffle(texts)
    numbers = {
        "k": str(rng.integers(1, 5)),
        "n": str(rng.integers(5, 70)),
        "m": str(rng.integers(10, 300)),
    }
    return " ".join(text.format_map(numbers) for text in texts), kind, against


_HISTORY_SHARES = (0.25, 0.25, 0.25, 0.15, 0.1)
_CLAIMS = {
    "lv_reduced": ("lv_systolic_dysfunction", "lv_ejection_fraction", False),
    "lv_kept": ("lv_systolic_dysfunction", "lv_ejection_fraction", True),
    "lv_dilated": ("lv_dilation", "lv_end_diastolic_volume_index", False),
    "rv_dilated": ("rv_dilation", "rv_end_diastolic_volume_index", False),
    "wall_thick": ("lv_wall_thickening", "maximal_wall_thickness", False),
}
"""What a history claims: the finding, the value that tells, and whether it denies the finding."""
