"""Which measurements a sentence states, as an independent reader finds them."""

from plugin.domain.findings import Assessment, Measurement
from worker.findings.checker.numbers import values_of
from worker.findings.checker.reader import load_lexicon


def stated_measurements(
    text: str, assessment: Assessment, language: str
) -> tuple[Measurement, ...]:
    """Return the measurements whose values stand in a text, in order, each once.

    Parameters
    ----------
    language
        Code of the lexicon to read with.
    """
    found = (
        measurement
        for reading in load_lexicon(language).read(text)
        for amount in reading.amounts
        for measurement in values_of(reading, amount, assessment)
    )
    return tuple({(one.key, one.segment): one for one in found}.values())
