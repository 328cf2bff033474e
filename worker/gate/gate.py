"""The gate: layers that ask, cheapest first, whether a study is one that the network can measure.

Headers were judged before (`worker.series`), and what no living heart has is judged after
(`worker.findings.checks`). A layer passes, flags (a note in the report) or refuses; a refusal names
the layer, the number and the limit. It changes no contour and no number.
"""

from collections.abc import Mapping, Sequence

from plugin.domain.errors import ModelError, Reason, StudyRejectedError
from worker.bundle import Bundle
from worker.gate.familiarity import load_familiarity
from worker.gate.heart_shape import agreement_numbers, view_numbers
from worker.gate.limits import load_limits
from worker.gate.pictures import picture_numbers
from worker.gate.verdict import Check, Layer, Verdict, check
from worker.model.types import Segmentation
from worker.volume.types import CineStack, StackNote

_REASONS = {
    Layer.PICTURES: Reason.PICTURES_UNUSABLE,
    Layer.VIEW: Reason.NOT_A_SHORT_AXIS,
    Layer.FAMILIARITY: Reason.PICTURES_UNFAMILIAR,
    Layer.AGREEMENT: Reason.CONTOURS_DISAGREE,
}
_REASONS_OF_QUANTITIES = {"motion": Reason.HEART_STANDS_STILL}
_NOTES = {
    Layer.PICTURES: StackNote(
        "unusual_pictures",
        "The images differ from usual short-axis cines in noise, sharpness, grey values, size or "
        "order of the slices. Check the contours.",
    ),
    Layer.VIEW: StackNote(
        "doubtful_view",
        "The contours are not quite those of a stack across the long axis. Check view and "
        "contours.",
    ),
    Layer.FAMILIARITY: StackNote(
        "unfamiliar_pictures",
        "The heart looks unlike those that the network was trained on. Check the contours.",
    ),
    Layer.AGREEMENT: StackNote(
        "contours_disagree",
        "The contours of neighbouring slices or phases do not agree well, or slices beat at "
        "different moments. Check contours and triggering.",
    ),
}


def examine_pictures(stack: CineStack) -> tuple[Check, ...]:
    """Ask the layer that needs no network.

    Raises
    ------
    StudyRejectedError
        ``PICTURES_UNUSABLE`` or ``HEART_STANDS_STILL``.
    """
    checks = judge(Layer.PICTURES, picture_numbers(stack))
    for refused in _refused(checks):
        raise StudyRejectedError(_reason(refused), refused.sentence)
    return checks


def examine_contours(
    stack: CineStack, segmentation: Segmentation, bundle: Bundle
) -> tuple[Check, ...]:
    """Ask the layers that look at what the network found.

    Parameters
    ----------
    bundle
        Of the network; where it has no table of its training, or the network gives no features,
        the layer of familiarity is not asked.

    Raises
    ------
    ModelError
        ``NOT_A_SHORT_AXIS``, ``PICTURES_UNFAMILIAR`` or ``CONTOURS_DISAGREE``.
    """
    checks = judge(Layer.VIEW, view_numbers(stack, segmentation))
    familiarity = None if segmentation.regions is None else load_familiarity(bundle)
    if familiarity is not None and segmentation.regions is not None:
        distance = familiarity.distance(segmentation.regions)
        checks += (check(Layer.FAMILIARITY, "distance", distance, familiarity.limit),)
    checks += judge(Layer.AGREEMENT, agreement_numbers(stack, segmentation))
    for refused in _refused(checks):
        raise ModelError(_reason(refused), refused.sentence)
    return checks


def notes(checks: Sequence[Check]) -> tuple[StackNote, ...]:
    """Return one note for each layer that flagged something."""
    flagged = {one.layer for one in checks if one.verdict is Verdict.FLAG}
    return tuple(_NOTES[layer] for layer in Layer if layer in flagged)


def judge(layer: Layer, numbers: Mapping[str, float]) -> tuple[Check, ...]:
    """Hold what was measured against the table, in its order."""
    known = load_limits()[layer].items()
    return tuple(check(layer, name, numbers[name], lim) for name, lim in known if name in numbers)


def _refused(checks: Sequence[Check]) -> list[Check]:
    return [one for one in checks if one.verdict is Verdict.REFUSE]


def _reason(refused: Check) -> Reason:
    return _REASONS_OF_QUANTITIES.get(refused.quantity, _REASONS[refused.layer])
