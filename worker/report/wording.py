"""How numbers and ranges are written for people: the same in the report and in the images."""

from plugin.domain.findings import NormalRange

_DIGITS = {"l/min": 1, "l/min/m2": 1, "m2": 2, "1": 2, "ms": 0, "/min": 0, "ml/s": 0, "/s": 2}


def digits(ucum: str) -> int:
    """Return how many decimals a value of this unit is given with; one where nothing is said."""
    return _DIGITS.get(ucum, 1)


def plain_number(value: float) -> str:
    """Return the number without an empty decimal: ``67``, ``38.4``."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def readable_unit(ucum: str) -> str:
    """Return the unit as it is printed: ``ml/m2`` as ``ml/m²``, ``1`` as nothing."""
    return {"1": "", "m2": "m²", "/min": "/min"}.get(ucum, ucum.replace("m2", "m²"))


def range_text(normal: NormalRange) -> str:
    """Return ``57 to 77``, ``up to 12`` or ``from 50``."""
    if normal.low is not None and normal.high is not None:
        return f"{normal.low:g} to {normal.high:g}"
    if normal.high is not None:
        return f"up to {normal.high:g}"
    return f"from {normal.low:g}" if normal.low is not None else "no limits"


def interval_text(interval: tuple[float, float], ucum: str) -> str:
    """Return ``35.3 to 41.8`` with the decimals of the unit."""
    low, high = interval
    places = digits(ucum)
    return f"{low:.{places}f} to {high:.{places}f}"


def lower_case(words: str) -> str:
    """Return the words in lower case, abbreviations kept (``T1``, ``LV mass``)."""
    return " ".join(
        word.lower() if word.istitle() and word.isalpha() else word for word in words.split()
    )


def short_population(normal: NormalRange) -> str:
    """Return ``men`` of ``men, adults, bSSFP at 1.5 T or 3 T``."""
    return normal.population.split(",")[0]
