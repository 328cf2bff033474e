"""What a worker wrote about a study, as the pages show it: numbers, sentences, pictures, files.

Reads the result folder of a job (``result.json``, PNG files, ``viewer/``); decodes no DICOM.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.domain.findings import Assessment, Measurement
from plugin.domain.objects import KINDS
from plugin.domain.recognition import Recognition, Resemblance
from plugin.domain.rounding import rounded_beside
from plugin.domain.wording import Author, Part, Passage, Statement
from plugin.registry import Registry, ResultObject
from plugin.web.comparison import ShownComparison, shown_comparison
from plugin.web.study_series import SeriesLine, series_lines

_RESULT_NAME = "result.json"
_VIEWER_FOLDER = "viewer"
_VIEWER_FILES = re.compile(r"viewer\.json|slice-\d{2,3}\.png")
_GROUPS = (("Left ventricle", "lv_"), ("Right ventricle", "rv_"))
_OTHER = "Wall, heart and body"
_MEANINGS = {kind.name: kind.meaning for kind in KINDS}


@dataclass(frozen=True, slots=True)
class NumberLine:
    """One measured number; ``side`` is below, above, within or empty where no range applies."""

    key: str
    name: str
    value: str
    unit: str
    interval: str
    normal: str
    side: str
    definition: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and the keys of the numbers that it rests on."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One image for people; ``kind`` names its address."""

    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ShownResult:
    """Everything that a study page shows of one result."""

    numbers: tuple[tuple[str, tuple[NumberLine, ...]], ...]
    impression: tuple[Sentence, ...]
    worded_by_model: bool
    findings: tuple[Sentence, ...]
    notes: tuple[str, ...]
    not_assessed: tuple[str, ...]
    strata: tuple[Sentence, ...]
    pattern: str
    recognition: Recognition | None
    pictures: tuple[Picture, ...]
    files: tuple[tuple[str, str], ...]
    has_viewer: bool
    bundle: str
    software_version: str
    comparison: ShownComparison | None
    series: tuple[SeriesLine, ...]


def folder_of(objects: Sequence[ResultObject]) -> Path | None:
    """Return the result folder of a job by the objects in it."""
    return Path(objects[0].path).parent if objects else None


def picture_path(registry: Registry, job_id: str, kind: str) -> Path | None:
    """Return the PNG of one object of a job; None when it has none."""
    for item in registry.jobs.result_objects(job_id):
        path = Path(item.path).with_suffix(".png")
        if item.kind == kind and path.is_file():
            return path
    return None


def object_path(registry: Registry, job_id: str, kind: str, suffix: str) -> Path | None:
    """Return the file of one object of a job (``.dcm``, ``.pdf`` ...); None when there is none."""
    for item in registry.jobs.result_objects(job_id):
        path = Path(item.path).with_suffix(suffix)
        if item.kind == kind and path.is_file():
            return path
    return None


def viewer_path(registry: Registry, job_id: str, name: str) -> Path | None:
    """Return a file that the cine is played from; None when there is none."""
    folder = folder_of(registry.jobs.result_objects(job_id))
    if folder is None or _VIEWER_FILES.fullmatch(name) is None:
        return None
    path = folder / _VIEWER_FOLDER / name
    return path if path.is_file() else None


def read_assessment(objects: Sequence[ResultObject]) -> Assessment | None:
    """Return what a job states; None when it is gone or of a version that cannot be read."""
    folder = folder_of(objects)
    if folder is None:
        return None
    try:
        raw: dict[str, Any] = json.loads((folder / _RESULT_NAME).read_text(encoding="utf-8"))
        return Assessment.from_json(json.dumps(raw["assessment"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_result(registry: Registry, job_id: str) -> ShownResult | None:
    """Return what a job found; None when it is gone or of a version that cannot be shown."""
    objects = registry.jobs.result_objects(job_id)
    folder = folder_of(objects)
    if folder is None:
        return None
    try:
        raw: dict[str, Any] = json.loads((folder / _RESULT_NAME).read_text(encoding="utf-8"))
        assessment = Assessment.from_json(json.dumps(raw["assessment"]))
        bundle = f"{raw['bundle']['name']} {raw['bundle']['version']}"
        software_version = str(raw["software_version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    worded = _worded(raw.get("wording"), assessment)
    pattern = assessment.pattern
    return ShownResult(
        numbers=_numbers(assessment),
        impression=worded or _impression(assessment),
        worded_by_model=bool(worded),
        findings=tuple(Sentence(one.sentence, one.basis) for one in assessment.findings),
        notes=tuple(note.sentence for note in assessment.quality),
        not_assessed=tuple(one.sentence for one in assessment.not_assessed),
        strata=tuple(Sentence(one.sentence, one.basis) for one in assessment.strata),
        pattern="" if pattern is None else pattern.sentence,
        recognition=_recognition(raw.get("recognition")),
        pictures=tuple(_pictures(objects)),
        files=tuple(_files(objects)),
        has_viewer=(folder / _VIEWER_FOLDER / "viewer.json").is_file(),
        bundle=bundle,
        software_version=software_version,
        comparison=shown_comparison(registry, assessment),
        series=_series(raw),
    )


def _series(raw: dict[str, Any]) -> tuple[SeriesLine, ...]:
    """Return what became of the series; nothing for a result of a version that did not tell."""
    try:
        return series_lines(raw)
    except (KeyError, TypeError):
        return ()


def _numbers(assessment: Assessment) -> tuple[tuple[str, tuple[NumberLine, ...]], ...]:
    names = (*(name for name, _ in _GROUPS), _OTHER)
    grouped: dict[str, list[NumberLine]] = {name: [] for name in names}
    for one in assessment.measurements:
        if one.segment is None:
            group = next((name for name, start in _GROUPS if one.key.startswith(start)), _OTHER)
            grouped[group].append(_line(one))
    return tuple((name, tuple(lines)) for name, lines in grouped.items() if lines)


def _line(one: Measurement) -> NumberLine:
    digits = 2 if abs(one.value) < 3 else 1 if abs(one.value) < 20 else 0  # noqa: PLR2004
    sides = {item.side(one.value) for item in one.normal_ranges}
    ends = (end for item in one.normal_ranges for end in (item.low, item.high) if end is not None)
    interval = "" if one.interval is None else " to ".join(f"{v:.{digits}f}" for v in one.interval)
    return NumberLine(
        key=one.key,
        name=one.name,
        value=rounded_beside(one.value, digits, ends),
        unit="" if one.unit == "1" else one.unit.replace("m2", "m²"),
        interval=interval,
        normal="; ".join(
            _range(item.low, item.high)
            + (f" ({item.population})" if len(one.normal_ranges) > 1 else "")
            for item in one.normal_ranges
        ),
        side=sides.pop() if len(sides) == 1 else "",
        definition=one.definition,
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"up to {high:g}"
    return f"from {low:g}" if high is None else f"{low:g} to {high:g}"


def _worded(raw: dict[str, Any] | None, assessment: Assessment) -> tuple[Sentence, ...]:
    """Return the impression in the words of the language model, where these were taken.

    The page prints the notes on quality below it; what only repeats one of them is left out. Of
    what a sentence rests on only the numbers are kept: the page has a place for each.
    """
    notes = {note.key for note in assessment.quality}
    numbers = {one.key for one in assessment.measurements if one.segment is None}
    for read in (raw or {}).get("passages", ()):
        if read["part"] == Part.IMPRESSION and read["author"] == Author.LANGUAGE_MODEL:
            said = (Statement(one["text"], tuple(one["evidence"])) for one in read["statements"])
            passage = Passage(Part.IMPRESSION, Author.LANGUAGE_MODEL, tuple(said))
            return tuple(
                Sentence(one.text, tuple(key for key in one.evidence if key in numbers))
                for one in passage.beside_notes(notes)
            )
    return ()


def _recognition(raw: dict[str, Any] | None) -> Recognition | None:
    """Return what recognition said, where it was asked for."""
    if raw is None:
        return None
    found = tuple(Resemblance(**one) for one in raw["resemblances"])
    return Recognition(raw["categories_sha256"], found, raw["notice"])


def _impression(assessment: Assessment) -> tuple[Sentence, ...]:
    basis = {finding.sentence: finding.basis for finding in assessment.findings}
    return tuple(Sentence(text, basis.get(text, ())) for text in assessment.impression)


def _pictures(objects: Sequence[ResultObject]) -> list[Picture]:
    return [
        Picture(item.kind, _MEANINGS.get(item.kind, item.kind))
        for item in objects
        if Path(item.path).with_suffix(".png").is_file()
    ]


def _files(objects: Sequence[ResultObject]) -> list[tuple[str, str]]:
    """Return name and meaning of every file to download."""
    return [
        (f"{item.kind}{suffix}", _MEANINGS.get(item.kind, item.kind))
        for item in objects
        for suffix in (".dcm", ".pdf")
        if Path(item.path).with_suffix(suffix).is_file()
    ]
