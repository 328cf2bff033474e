"""Which layer of the checks a refusal comes from, cheapest first, as ``docs/refusal.md``."""

from plugin.domain.reasons import Reason

OPERATION = "operation"
LAYERS = (
    "headers",
    "pictures",
    "search for the heart",
    "view",
    "familiarity",
    "agreement",
    "plausibility",
    OPERATION,
)
"""The last one: not the study's fault."""

_LAYERS: dict[Reason, str] = {
    Reason.PICTURES_UNUSABLE: "pictures",
    Reason.HEART_STANDS_STILL: "pictures",
    Reason.HEART_NOT_FOUND: "search for the heart",
    Reason.NOT_A_SHORT_AXIS: "view",
    Reason.PICTURES_UNFAMILIAR: "familiarity",
    Reason.CONTOURS_DISAGREE: "agreement",
    Reason.IMPLAUSIBLE_MEASUREMENT: "plausibility",
    **dict.fromkeys(
        (
            Reason.NOT_MR,
            Reason.NOT_CARDIAC,
            Reason.NO_SHORT_AXIS_CINE,
            Reason.TOO_FEW_SLICES,
            Reason.TOO_FEW_PHASES,
            Reason.MISSING_GEOMETRY,
            Reason.INVALID_PIXEL_SPACING,
            Reason.MISSING_SLICE,
            Reason.INCONSISTENT_STACK,
            Reason.MIXED_PATIENTS,
            Reason.UNREADABLE_PIXELS,
            Reason.MISSING_TIMING,
            Reason.NO_READABLE_INSTANCE,
        ),
        "headers",
    ),
}


def layer_of(reason: Reason) -> str:
    """Return the layer; ``OPERATION`` for what no study is to blame for."""
    return _LAYERS.get(reason, OPERATION)
