"""What a layer of the gate says about one number: pass, flag or refuse, and against which limit."""

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """The layers that look at pictures and contours, in the order in which they are asked."""

    PICTURES = "pictures"
    VIEW = "view"
    FAMILIARITY = "familiarity"
    AGREEMENT = "agreement"


class Verdict(StrEnum):
    """What becomes of a study."""

    PASS = "pass"  # noqa: S105 - not a password
    FLAG = "flag"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a number is unusual (flag) and where it is none of a short-axis cine (refuse).

    Attributes
    ----------
    words
        What the number is, for people.
    decimals
        Digits after the point that people are shown.
    """

    words: str
    refuse_below: float = float("-inf")
    flag_below: float = float("-inf")
    flag_above: float = float("inf")
    refuse_above: float = float("inf")
    decimals: int = 1

    def __post_init__(self) -> None:
        """Check that refusing lies outside flagging."""
        edges = (self.refuse_below, self.flag_below, self.flag_above, self.refuse_above)
        if list(edges) != sorted(edges):
            msg = f"limits of {self.words} are not in order"
            raise ValueError(msg)

    def verdict(self, measured: float) -> Verdict:
        """Judge a number; what is not a number is refused."""
        if not self.refuse_below <= measured <= self.refuse_above:
            return Verdict.REFUSE
        if not self.flag_below <= measured <= self.flag_above:
            return Verdict.FLAG
        return Verdict.PASS

    def broken(self, measured: float) -> float:
        """Return the limit that a flagged or refused number is beyond, the outer one if both."""
        refused = self.verdict(measured) is Verdict.REFUSE
        if measured < self.flag_below:
            return self.refuse_below if refused else self.flag_below
        return self.refuse_above if refused else self.flag_above


@dataclass(frozen=True, slots=True)
class Check:
    """One number of a study with what was made of it."""

    layer: Layer
    quantity: str
    measured: float
    verdict: Verdict
    limit: float | None
    words: str

    @property
    def sentence(self) -> str:
        """Layer, number and limit, without anything of a patient."""
        return f"layer {self.layer}: {self.words}"


def check(layer: Layer, quantity: str, measured: float, limit: Limit) -> Check:
    """Hold a number against its limit."""
    verdict = limit.verdict(measured)
    number = f"{limit.words} {measured:.{limit.decimals}f}"
    if verdict is Verdict.PASS:
        return Check(layer, quantity, measured, verdict, None, number)
    edge = limit.broken(measured)
    side = "at least" if measured < limit.flag_below else "at most"
    words = f"{number}, {side} {edge:.{limit.decimals}f}"
    return Check(layer, quantity, measured, verdict, edge, words)
