"""What a word or a number of a sentence is said of."""

from worker.findings.checker.reader import Amount, Lexicon, Reading, Token

PREFIX = {"left": "lv", "right": "rv"}

_BRACKET = 2  # letters between a range and its population: " ("
_OF_ONE_SIDE = frozenset(
    {
        "ejection_fraction",
        "end_diastolic_volume",
        "end_systolic_volume",
        "stroke_volume",
        "mass",
        "end_diastolic_volume_index",
        "end_systolic_volume_index",
        "stroke_volume_index",
        "mass_index",
        "peak_ejection_rate",
        "peak_filling_rate",
        "peak_ejection_rate_per_volume",
        "peak_filling_rate_per_volume",
        "time_to_peak_filling",
    }
)


def side_of(reading: Reading, token: Token, lexicon: Lexicon) -> str | None:
    """Side (``left`` or ``right``) that a word of judgement is about."""
    sides = reading.tokens("sides")
    before = [one for one in sides if one.end <= token.start]
    after = [one for one in sides if one.start >= token.end]
    if lexicon.side_follows and after and after[0].start - token.end <= 1:
        return after[0].key
    if before:
        return before[-1].key
    return after[0].key if after else None


def quantity_key(reading: Reading, quantity: Token) -> str | None:
    """Measurement key of a named quantity; None where its side is not said."""
    if quantity.key not in _OF_ONE_SIDE:
        return quantity.key
    before = [one for one in reading.tokens("sides") if one.end <= quantity.start]
    return f"{PREFIX[before[-1].key]}_{quantity.key}" if before else None


def keys_of(reading: Reading, amount: Amount) -> tuple[str, ...]:
    """Keys of the measurements that a number may be a value of: the one named last, or its index.

    ``LV end-diastolic volume 152 ml, 80 ml/m²`` says the second number of the index.
    """
    before = [one for one in reading.tokens("quantities") if one.end <= amount.start]
    key = quantity_key(reading, before[-1]) if before else None
    if key is None:
        return ()
    return (key, "cardiac_index") if key == "cardiac_output" else (key, f"{key}_index")


def segment_of(reading: Reading, amount: Amount) -> int | None:
    """AHA segment that was named last before a number."""
    before = [one for one in reading.tokens("segments") if one.end <= amount.start]
    return int(before[-1].key) if before else None


def population_behind(reading: Reading, amount: Amount) -> str | None:
    """``men`` of ``52 to 73 % (men)``: a pair with a population is a range, else an interval."""
    behind = (t.key for t in reading.tokens("populations") if 0 <= t.start - amount.end <= _BRACKET)
    return next(behind, None)
