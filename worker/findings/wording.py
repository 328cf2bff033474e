"""Numbers as people read them: always the measured ones, rounded once, here.

Knows decimals and units, nothing of rules.
"""

from plugin.domain.findings import Measurement, NormalRange
from worker.findings.definitions import DEFINITIONS

_UNITS_FOR_PEOPLE = {"ml/m2": "ml/m²", "g/m2": "g/m²", "l/min/m2": "l/min/m²", "1": ""}


def unit_for_people(unit: str) -> str:
    """UCUM unit as it is printed."""
    return _UNITS_FOR_PEOPLE.get(unit, unit)


def number(key: str, value: float) -> str:
    """Value with the digits of its definition, without unit."""
    return f"{value:.{DEFINITIONS[key].decimals}f}"


def value_with_unit(measurement: Measurement) -> str:
    """``152 ml``."""
    text = f"{number(measurement.key, measurement.value)} {unit_for_people(measurement.unit)}"
    return text.strip()


def value_with_interval(measurement: Measurement) -> str:
    """``LV ejection fraction 34 % (28 to 40 %)``; the interval is about 90 %."""
    text = f"{measurement.name} {value_with_unit(measurement)}"
    if measurement.interval is None:
        return text
    low, high = (number(measurement.key, end) for end in measurement.interval)
    return f"{text} ({low} to {high} {unit_for_people(measurement.unit)})".replace(" )", ")")


def range_for_people(normal: NormalRange, unit: str) -> str:
    """``52 to 73 % (men)``; field strength and method stay in the range itself."""
    shown = unit_for_people(unit)
    if normal.low is None:
        limits = f"up to {normal.high:g} {shown}"
    elif normal.high is None:
        limits = f"{normal.low:g} {shown} or more"
    else:
        limits = f"{normal.low:g} to {normal.high:g} {shown}"
    return f"{limits} ({normal.population.split(',')[0]})"
