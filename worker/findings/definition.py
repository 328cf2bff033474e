"""What the definition of a measurement holds, and the structures that measurements are about.

References
----------
DICOM PS3.16 TID 1501 (finding site, method); UCUM for units.
"""

from dataclasses import dataclass

from plugin.domain.findings import Code

LEFT_VENTRICLE = Code("87878005", "SCT", "Left ventricle")
RIGHT_VENTRICLE = Code("53085002", "SCT", "Right ventricle")
LV_MYOCARDIUM_SITE = Code("49848007", "SCT", "Left Ventricle Myocardium")
HEART = Code("80891009", "SCT", "Heart")
DISC_SUMMATION = Code("122562", "DCM", "Multiple Slices")


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the table.

    Attributes
    ----------
    plausible
        A living heart's value lies inside (low, high) in ``unit``; outside, the contours are wrong.
    decimals
        Digits after the point that people are shown.
    """

    key: str
    name: str
    definition: str
    unit: str
    code: Code
    site: Code
    plausible: tuple[float, float]
    decimals: int = 0
    phase: str | None = None
    method: Code | None = None

    def is_plausible(self, value: float) -> bool:
        """Tell whether a living heart can have this value."""
        return self.plausible[0] <= value <= self.plausible[1]
