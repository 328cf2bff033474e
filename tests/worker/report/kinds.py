"""Reports of every kind of study that changes what a report holds, measured by the real rules.

No network runs: the contours are drawn, everything after them is what an analysis does. Images are
small; what the validators look at is the header and the content tree.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment, Code
from plugin.domain.wording import Author, Doubt, Part, Passage, Statement, Wording
from tests.worker import earlier_results
from tests.worker.findings.patterns import table, undecided
from tests.worker.report import samples
from worker.clinical import (
    ClinicalContext,
    ClinicalText,
    PriorReport,
    PriorValue,
    TextFlag,
    Topic,
)
from worker.findings import assess
from worker.findings.pattern import PatternTable
from worker.model.types import Segmentation
from worker.report import AnalysisIdentity, PredecessorReport
from worker.report.identity import ResultUids
from worker.report.key_objects import key_objects
from worker.report.material import Material
from worker.report.presentation_state import presentation_state
from worker.report.secondary_capture import SERIES, secondary_capture
from worker.report.segmentation import segmentation
from worker.report.structured_report import FORMS, structured_report
from worker.volume.patient import patient_context
from worker.volume.types import CineStack

PREDECESSOR = PredecessorReport("1.2.840.10008.5.1.4.1.1.88.34", "2.25.901", "2.25.902")
JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
LATIN = "Müller^Zoë"
ARABIC = "قباني^لنزار"
CHINESE = "Wang^XiaoDong=王^小东"
KOREAN = "Hong^Gildong=洪^吉洞=홍^길동"
FIVE = "Adams^John Robert Quincy^Middle^Rev.^B.A. M.Div."


@dataclass(frozen=True)
class Heart:
    """Drawn contours of one heart and the header of its images."""

    stack: CineStack
    labels: np.ndarray
    header: Dataset
    clinical: ClinicalContext = field(default_factory=ClinicalContext)
    table: PatternTable | None = None

    def assessed(self) -> Assessment:
        confidence = np.full(self.labels.shape[:2], 0.96, np.float32)
        segmentation = Segmentation(self.labels, confidence)
        patient = patient_context(self.header)
        return assess(self.stack, segmentation, patient, pattern_table=self.table)


_DRAWN_MM = 1.9


def heart(wall_mm: float = 9.0, pixel_mm: float = _DRAWN_MM, contraction: float = 0.32) -> Heart:
    """Return a heart; larger pixels than it was drawn with make it larger."""
    pixels, labels = samples.discs(
        n_phases=10,
        n_slices=8,
        size=72,
        wall_mm=wall_mm,
        spacing=_DRAWN_MM,
        contraction=contraction,
    )
    stack = samples.stack_of(pixels, row_mm=pixel_mm, column_mm=pixel_mm)
    header = samples.reference_header()
    header.MagneticFieldStrength = "1.5"
    header.RequestAttributesSequence = [samples.request_item()]
    return Heart(stack, labels, header)


def with_header(**changes: str) -> Heart:
    """Return the heart with attributes changed, or taken out where the value is empty."""
    found = heart()
    for keyword, value in changes.items():
        if value:
            setattr(found.header, keyword, value)
        else:
            delattr(found.header, keyword)
    return found


def written_in(character_set: str, name: str) -> Heart:
    """Return the heart with a header that was stored in a character set."""
    found = heart()
    found.header.SpecificCharacterSet = character_set.split("\\")
    found.header.PatientName = name
    buffer = io.BytesIO()
    found.header.save_as(buffer, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    return replace(found, header=dcmread(buffer, force=True))


def without_heart_rate() -> Heart:
    found = heart()
    return replace(found, stack=replace(found.stack, rr_interval_ms=None))


def without_right_ventricle() -> Heart:
    """Return a heart whose septum cannot be found: segments and RV are withheld."""
    found = heart()
    return replace(found, labels=np.where(found.labels == 1, 0, found.labels).astype(np.uint8))


def multi_frame() -> Heart:
    found = heart()
    sample = samples.LoadedSample(found.stack, patient_context(found.header), found.header)
    return replace(found, stack=samples.as_multi_frame(sample).stack)


def nameless() -> Heart:
    """Return a heart in a study that tells nothing about its patient."""
    found = heart()
    bare = Dataset()
    bare.StudyInstanceUID = found.header.StudyInstanceUID
    return replace(found, header=bare)


def with_clinical_information() -> Heart:
    """Return a heart whose study brought an order in two scripts and an earlier report."""
    pieces = tuple(
        ClinicalText(topic, keyword, tag, text, flags=flags)
        for topic, keyword, tag, text, flags in (
            (
                Topic.REASON,
                "ReasonForTheRequestedProcedure",
                "(0040,0275)(0040,1002)",
                "Dyspnoea, known cardiomyopathy? EF < 35 % & <b>",
                frozenset({TextFlag.INSTRUCTION_LIKE, TextFlag.TRUNCATED}),
            ),
            (
                Topic.HISTORY,
                "AdditionalPatientHistory",
                "(0010,21B0)",
                "心筋梗塞\n2019",
                frozenset(),
            ),
            (Topic.PROCEDURE, "StudyDescription", "(0008,1030)", "Cardiac MR", frozenset()),
            (Topic.PRIOR_REPORT, "ContentSequence", "(0040,A730)121073", "DCM", frozenset()),
        )
    )
    code = Code("18043-0", "LN", "Left Ventricular Ejection Fraction by US")
    value = PriorValue("lv_ejection_fraction", 45.0, "%", code, date(2024, 3, 1))
    prior = PriorReport("Echocardiography Report", date(2024, 3, 1), (value,), False, True)
    return replace(heart(), clinical=ClinicalContext(pieces, None, (prior,), n_texts_left_out=2))


def wording(code: str = "en") -> Wording:
    """Return words of a language model in two parts; two more were worded by rules."""
    said = Statement("Whatever was said < & >: LV ejection fraction 54 %.", ("lv_mass",))
    model, rules = Author.LANGUAGE_MODEL, Author.RULES
    return Wording(
        code,
        (
            Passage(Part.IMPRESSION, model, (said, Statement("Method: cine."))),
            Passage(Part.EXPLANATION, model, (said, said)),
            Passage(Part.DIFFERENTIAL, rules, (Statement("By rule."),), Doubt.UNFINISHED),
            Passage(Part.LIMITS, rules, (Statement("Scar: not assessed."),), Doubt.DISAGREEMENT),
        ),
    )


HEARTS: dict[str, Callable[[], Heart]] = {
    "man": heart,
    "woman with a thick wall": lambda: replace(
        heart(wall_mm=19.0), header=with_header(PatientSex="F").header
    ),
    "large and weak": lambda: replace(heart(pixel_mm=2.9, contraction=0.08), table=table()),
    "child": lambda: with_header(PatientBirthDate="20160301", PatientAge="008Y"),
    "sex unknown": lambda: with_header(PatientSex="O"),
    "sex and age missing": lambda: with_header(PatientSex="", PatientBirthDate="", PatientAge=""),
    "height and weight missing": lambda: with_header(PatientSize="", PatientWeight=""),
    "no heart rate": without_heart_rate,
    "segments withheld": without_right_ventricle,
    "superseding": heart,
    "Latin-1": lambda: written_in("ISO_IR 100", LATIN),
    "Japanese": lambda: written_in("\\ISO 2022 IR 87", JAPANESE),
    "Korean": lambda: written_in("\\ISO 2022 IR 149", KOREAN),
    "Chinese": lambda: written_in("GB18030", CHINESE),
    "Arabic": lambda: written_in("ISO_IR 127", ARABIC),
    "five components": lambda: written_in("ISO_IR 6", FIVE),
    "name empty": lambda: written_in("ISO_IR 6", ""),
    "identifiers missing": lambda: with_header(PatientID="", StudyID="", PatientBirthDate=""),
    "accession number missing": lambda: with_header(AccessionNumber=""),
    "Enhanced MR": multi_frame,
    "nothing known": nameless,
    "clinical information": with_clinical_information,
    "in Chinese": lambda: replace(with_clinical_information(), table=undecided()),
    "worded by a language model": heart,
    "beside an earlier result": heart,
}


def identity_of(kind: str) -> AnalysisIdentity:
    return samples.identity(
        predecessor=PREDECESSOR if kind == "superseding" else None,
        report_language="zh" if kind == "in Chinese" else "en",
        earlier=earlier_results.REPORT if kind == "beside an earlier result" else None,
    )


_FORMS = (  # of each form that a measurement has in a report: ranges, phase, index, rate, segment
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_diastolic_volume_index",
    "rv_ejection_fraction",
    "heart_rate",
    "maximal_wall_thickness",
    "wall_thickness_ed",
    "wall_thickness_es",
    "wall_thickening_ratio",
    "wall_motion_score",
)
_SLICE = 3


_OTHERS = {"seg": segmentation, "key_objects": key_objects, "gsps": presentation_state}


def objects_of(kind: str, *, short: bool = False) -> dict[str, Dataset]:
    """Return the reports, Secondary Captures and image references of one kind.

    Parameters
    ----------
    short
        Report one measurement of each form and the contours of one slice only: a validator needs a
        minute for all of them.
    """
    found, identity = HEARTS[kind](), identity_of(kind)
    labels = found.labels
    uids = ResultUids(str(found.header.StudyInstanceUID), identity, kind)
    assessment = found.assessed()
    if kind == "beside an earlier result":
        assessment = earlier_results.beside(assessment, {"lv_ejection_fraction": 20.0})
    if short:
        stated = (*assessment.findings, *assessment.strata, assessment.priority)
        keys = {*_FORMS, *(key for one in stated for key in one.basis)}
        few = [m for m in assessment.measurements if m.key in keys and m.segment in (None, 1)]
        assessment = replace(assessment, measurements=tuple(few))
        labels = np.zeros_like(found.labels)
        labels[:, _SLICE] = found.labels[:, _SLICE]
    words = wording() if kind == "worded by a language model" else None
    material = Material(
        found.header, found.stack, labels, assessment, identity, uids, found.clinical, words
    )
    page = np.zeros((8, 8, 3), np.uint8)
    captures = {
        name: secondary_capture(name, page, found.header, identity, uids) for name in SERIES
    }
    others = {name: build(material) for name, build in _OTHERS.items()}
    reports = {form: structured_report(form, material) for form in FORMS}
    return {**reports, **captures, **{name: one for name, one in others.items() if one}}
