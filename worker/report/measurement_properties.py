"""What stands below a number besides its value: phase, method, place, range, uncertainty, origin.

References
----------
DICOM PS3.16 TID 300 (Measurement), 310 (Properties), 312 (Normal Range), 315 (Equation).
"""

from highdicom.sr import ContentItem, ContentSequence

from plugin.domain.findings import Assessment, Measurement
from worker.report import codes
from worker.report.items import INFERRED, MODIFIER, PROPERTY, coded, number, text
from worker.report.wording import interval_text, range_text, readable_unit


def modifiers(measurement: Measurement) -> list[ContentItem]:
    """Return what tells the number from others of its concept: phase, method, segment."""
    items: list[ContentItem] = []
    if measurement.phase in codes.CYCLE_POINTS:
        point = codes.CYCLE_POINTS[measurement.phase]
        items.append(coded(codes.CARDIAC_CYCLE_POINT, point, MODIFIER))
    if measurement.method is not None:
        items.append(coded(codes.MEASUREMENT_METHOD, measurement.method, MODIFIER))
    if measurement.segment is not None and measurement.finding_site is not None:
        items.append(coded(codes.FINDING_SITE, measurement.finding_site, MODIFIER))
    return items


def properties(measurement: Measurement) -> list[ContentItem]:
    """Return normal range and uncertainty: the items of TID 310 and 312, one level deeper.

    They hang below a text that says the same to people, because PixelMed's validator takes them for
    rows 2 and 9 of TID 300 when they stand directly below the NUM. TID 312 has room for one range:
    where two populations apply (sex unknown) the text names both and no limit is coded, so that no
    program takes the wrong one.
    """
    return [*_normal_range(measurement), *_uncertainty(measurement)]


def origin(measurement: Measurement, assessment: Assessment) -> list[ContentItem]:
    """Return what the number was computed from, its definition, and its name for people."""
    items: list[ContentItem] = []
    if measurement.unit.endswith("/m2") and assessment.bsa_m2 is not None:
        items.append(number(codes.BODY_SURFACE_AREA, assessment.bsa_m2, "m2", INFERRED))
    items.append(text(codes.METHOD_CITATION, measurement.definition, INFERRED))
    items.append(text(codes.EQUIVALENT_MEANING, measurement.name, MODIFIER))
    return items


def _normal_range(measurement: Measurement) -> list[ContentItem]:
    ucum, ranges = measurement.unit, measurement.normal_ranges
    if not ranges:
        return []
    described = [f"{range_text(r)} {readable_unit(ucum)} ({r.population})" for r in ranges]
    item = text(codes.RANGE_DESCRIPTION, "; ".join(described), PROPERTY)
    sides = {r.side(measurement.value) for r in ranges}
    side = sides.pop() if len(sides) == 1 else "undetermined"
    children: list[ContentItem] = [coded(codes.NORMALITY, codes.NORMALITY_VALUES[side], PROPERTY)]
    if len(ranges) == 1 and ranges[0].low is not None:
        children.append(number(codes.RANGE_LOW, ranges[0].low, ucum, PROPERTY))
    if len(ranges) == 1 and ranges[0].high is not None:
        children.append(number(codes.RANGE_HIGH, ranges[0].high, ucum, PROPERTY))
    sources = "; ".join(dict.fromkeys(r.source for r in ranges))
    children.append(text(codes.RANGE_AUTHORITY, sources, PROPERTY))
    item.ContentSequence = ContentSequence(children)
    return [item]


def _uncertainty(measurement: Measurement) -> list[ContentItem]:
    if measurement.interval is None:
        return []
    ucum, (low, high) = measurement.unit, measurement.interval
    words = f"{interval_text(measurement.interval, ucum)} {readable_unit(ucum)}".strip()
    item = text(codes.UNCERTAINTY, words, PROPERTY)
    up, down = max(high - measurement.value, 0.0), max(measurement.value - low, 0.0)
    item.ContentSequence = ContentSequence(
        [
            number(codes.UNCERTAINTY_HIGH, up, ucum, PROPERTY),
            number(codes.UNCERTAINTY_LOW, down, ucum, PROPERTY),
        ]
    )
    return [item]
