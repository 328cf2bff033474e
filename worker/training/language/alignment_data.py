"""What is said about a labelled study: which categories it has, its report, its request.

Findings come from the true contours by the product's own rules, so a finding is learnt exactly
where the runtime would state it; groups come from the data set, those of mixed hearts from the
printed criteria. A history may contradict the study: it changes no label.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plugin.domain.evidence import FactKind, fill_slots
from plugin.domain.findings import Assessment, Certainty
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.findings.rules import RANGE_RULES
from worker.model.language.categories import Category, read_categories
from worker.model.language.vocabulary import Style
from worker.phantom.anatomy import HeartKind
from worker.training.language.criteria import GROUPS, in_group
from worker.training.language.frames import load_frames
from worker.training.language.study_data import LabelledStudy
from worker.training.language.writer import Writer, history

_RANGED = {rule.key: rule.keys for rule in RANGE_RULES}
_OTHER = {
    "lv_systolic_dysfunction": ("lv_ejection_fraction",),
    "lv_wall_thickening": ("maximal_wall_thickness",),
}
PRESENT, ABSENT, UNKNOWN = 1, 0, -1
ENHANCED = "late_enhancement"
"""What only further views show; see `view_trial`."""
_MOST_DESCRIBED = 5
_VALUE_SHARE = 1 / 3
_KINDS = frozenset(kind.value for kind in HeartKind)
_PHANTOM_FILE = Path(__file__).with_name("phantom_categories.toml")


def phantom_categories() -> tuple[Category, ...]:
    """Return the categories that only generated hearts have the truth of; their keys are kinds."""
    return read_categories(_PHANTOM_FILE)


def finding_vector(study: LabelledStudy, categories: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return int64 ``[category]``: 1 present, 0 absent, -1 not known."""
    return np.array([_label(study, key) for key in categories], dtype=np.int64)


def _label(study: LabelledStudy, key: str) -> int:
    if key in GROUPS:
        belongs = in_group(study, key)
        return UNKNOWN if belongs is None else PRESENT if belongs else ABSENT
    if key == ENHANCED:
        return UNKNOWN if study.enhanced is None else PRESENT if study.enhanced else ABSENT
    if key in _KINDS:
        if study.cohort != "phantom":
            return UNKNOWN
        return PRESENT if study.kind == key else ABSENT
    found = {one.key: one.certainty for one in study.truth.findings}
    if key in found:
        return PRESENT if found[key] is Certainty.PRESENT else UNKNOWN
    return ABSENT if _was_judged(study.truth, key) else UNKNOWN


def _was_judged(truth: Assessment, key: str) -> bool:
    """Tell whether anything was measured that the finding could rest on, with limits to it."""
    if key in _OTHER:
        return any(truth.value(name) is not None for name in _OTHER[key])
    measured = (truth.measurement(name) for name in _RANGED.get(key, ()))
    return any(one is not None and bool(one.normal_ranges) for one in measured)


def report_text(study: LabelledStudy, rng: np.random.Generator) -> str:
    """Write one of the impressions that the true contours allow, in English, without names."""
    language = load_language("en")
    evidence = make_evidence(study.truth, language)
    writer = Writer(evidence, language, load_frames("en"), rng)
    style = Style.FULL if rng.random() > 1 / 2 else Style.TERSE
    return fill_slots(writer.impression(style), evidence)


def described(
    study: LabelledStudy, categories: Sequence[Category], rng: np.random.Generator
) -> tuple[str, npt.NDArray[np.int64]]:
    """Put descriptions of a few categories, each as it is in this study, into one text.

    What is said of several things at once is then nothing new: the text of a category that is a
    combination of findings was read as other combinations. In place of a finding's description
    sometimes stands the value that it rests on, so that numbers are read too. Of categories that
    are combinations only the present are described: not to be one can mean anything.

    Returns
    -------
    tuple
        The text, and int64 ``[category]`` of what it says: -1 for what it does not speak of. An
        empty text where nothing can be said.
    """
    vector = finding_vector(study, [one.key for one in categories])
    single = np.array([one.measured for one in categories], dtype=bool)
    known = np.flatnonzero((vector == PRESENT) | (vector == ABSENT) & single)
    n_said = min(int(rng.integers(1, _MOST_DESCRIBED + 1)), len(known))
    said = np.full_like(vector, UNKNOWN)
    sentences = []
    for index in rng.choice(known, n_said, replace=False):
        said[index] = vector[index]
        category = categories[index]
        sides = category.present if vector[index] == PRESENT else category.absent
        value = _value_sentence(study, category.key) if rng.random() < _VALUE_SHARE else None
        sentences.append(value or str(rng.choice(sides)))
    return " ".join(sentences), said


def _value_sentence(study: LabelledStudy, key: str) -> str | None:
    """Say the value that a finding rests on; None for categories that rest on no single one."""
    evidence = make_evidence(study.truth, load_language("en"))
    for name in (*_OTHER.get(key, ()), *_RANGED.get(key, ())):
        fact = evidence.find(FactKind.MEASUREMENT, name)
        if fact is not None:
            return fill_slots(f"{fact.slot}.", evidence)
    return None


def history_text(study: LabelledStudy, rng: np.random.Generator) -> str:
    """Draw what a request says: nothing, something neutral, or a claim, true or not."""
    evidence = make_evidence(study.truth, load_language("en"))
    return history(load_frames("en"), evidence, rng)[0]
