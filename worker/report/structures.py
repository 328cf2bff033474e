"""The contoured structures at end-diastole and end-systole, as the image objects name them.

One list for the Segmentation and the Presentation State, so that names, codes and colours agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from plugin.domain.findings import Assessment, Code
from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY
from worker.report.figures.canvas import ENDOCARDIUM, EPICARDIUM, RIGHT_VENTRICLE


@dataclass(frozen=True, slots=True)
class Structure:
    """One labelled structure.

    Attributes
    ----------
    label
        Its value in the labels.
    code
        What it belongs to; no public code tells a cavity from its ventricle, the name does.
    colour
        As on all pages, ``#rrggbb``.
    """

    name: str
    label: int
    code: Code
    colour: str


STRUCTURES = (
    Structure("LV cavity", LV_CAVITY, Code("87878005", "SCT", "Left ventricle"), ENDOCARDIUM),
    Structure(
        "LV myocardium",
        LV_MYOCARDIUM,
        Code("49848007", "SCT", "Myocardium of left ventricle"),
        EPICARDIUM,
    ),
    Structure("RV cavity", RV_CAVITY, Code("53085002", "SCT", "Right ventricle"), RIGHT_VENTRICLE),
)


def ends_of_cycle(assessment: Assessment) -> Iterator[tuple[str, int]]:
    """Yield the phases that volumes are measured at: name and index."""
    yield "ED", assessment.ed_phase
    yield "ES", assessment.es_phase
