"""The visual explanation as a Secondary Capture.

What the analysis can say exactly belongs to slices, AHA segments and phases, not to pixels, so it
is a page with bars and a bull's-eye and no Parametric Map: a map would claim a resolution that the
numbers do not have.

References
----------
DICOM PS3.16 130401 (Visual explanation).
"""

from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from worker.report.codes import concept
from worker.report.material import Material
from worker.report.secondary_capture import secondary_capture

KIND = "saliency"
_VISUAL_EXPLANATION = Code("130401", "DCM", "Visual explanation")


def saliency(material: Material) -> Dataset | None:
    """Return the capture, or None where the value of the first finding cannot be taken apart."""
    page = material.pages.get(KIND)
    if page is None:
        return None
    dataset = secondary_capture(KIND, page, material.reference, material.identity, material.uids)
    dataset.DerivationCodeSequence = [concept(_VISUAL_EXPLANATION)]
    return dataset
