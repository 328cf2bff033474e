"""The road of a stack through every layer of refusal, with all numbers kept, for the benchmarks.

Unlike the product it goes on after a refusal, so that a limit can be changed afterwards without
running the network again. What it returns is plain JSON.
"""

from math import sqrt

import numpy as np

from plugin.domain.errors import ModelError
from worker.findings import assess
from worker.gate.familiarity import load_familiarity
from worker.gate.gate import judge
from worker.gate.heart_shape import agreement_numbers, view_numbers
from worker.gate.pictures import picture_numbers
from worker.gate.verdict import Layer, Verdict, check
from worker.volume.types import CineStack, PatientContext

OUTCOMES = ("refused", "flagged", "passed")
FLAGS_OF_FINDINGS = {"low_confidence", "mass_mismatch", "few_slices", "phase_outlier"}
SEARCH, PLAUSIBILITY = "search for the heart", "plausibility"


def travel(stack, tower) -> dict:
    """Measure one stack; ``refused_by`` is what stopped it outside the gate's own layers."""
    numbers = {Layer.PICTURES.value: picture_numbers(stack)}
    record = {"numbers": numbers, "refused_by": None, "reason": "", "flags": []}
    if numbers[Layer.PICTURES.value]["grey_levels"] <= 1:
        return record
    try:
        found = tower.segment(stack)
    except ModelError as error:
        return {**record, "refused_by": SEARCH, "reason": error.reason.value}
    numbers[Layer.VIEW.value] = view_numbers(stack, found)
    numbers[Layer.AGREEMENT.value] = agreement_numbers(stack, found)
    familiarity = None if found.regions is None else load_familiarity(tower.bundle)
    if familiarity is not None:
        numbers[Layer.FAMILIARITY.value] = {"distance": familiarity.distance(found.regions)}
    try:
        assessed = assess(stack, found, PatientContext())
    except ModelError as error:
        return {**record, "refused_by": PLAUSIBILITY, "reason": error.reason.value}
    record["flags"] = sorted({note.key for note in assessed.quality} & FLAGS_OF_FINDINGS)
    record["lvef_percent"] = assessed.value("lv_ejection_fraction")
    return record


def outcome(record: dict, limit_of_distance) -> tuple[str, str]:
    """Say what the product would do, and the layer that did it (with the first number)."""
    search = record["refused_by"] == SEARCH
    flags = [f"{PLAUSIBILITY}: {flag}" for flag in record["flags"]]
    for layer in Layer:
        if search and layer is Layer.VIEW:
            return "refused", SEARCH
        for one in _checks(layer, record["numbers"], limit_of_distance):
            if one.verdict is Verdict.REFUSE:
                return "refused", f"{layer}: {one.quantity}"
            if one.verdict is Verdict.FLAG:
                flags.append(f"{layer}: {one.quantity}")
    if record["refused_by"]:
        return "refused", f"{record['refused_by']}: {record['reason']}"
    return ("flagged", flags[0]) if flags else ("passed", "")


def _checks(layer, numbers, limit_of_distance):
    measured = numbers.get(layer.value, {})
    if layer is not Layer.FAMILIARITY:
        return judge(layer, measured)
    return tuple(check(layer, name, value, limit_of_distance) for name, value in measured.items())


def stack_of(cine, pixels=None, *, columns_mm=None) -> CineStack:
    """Make the stack that loading a generated cine would give; ``columns_mm`` of other pixels."""
    affine = cine.affine.copy()
    if columns_mm is not None:
        affine[:3, :2] *= columns_mm / cine.protocol.pixel_mm
    pixels = cine.pixels if pixels is None else pixels
    steps = np.arange(pixels.shape[1])[:, None] * affine[:3, 2]
    return CineStack(
        pixels=np.asarray(pixels, dtype=np.float32),
        affine=affine,
        slice_origins_mm=affine[:3, 3] + steps,
        trigger_times_ms=np.arange(len(pixels)) * cine.rr_interval_ms / len(pixels),
        frames=(),
        frame_of_reference_uid="",
        rr_interval_ms=cine.rr_interval_ms,
    )


def counted(n: int, total: int) -> str:
    """``n of total (share, 95 % interval)``, Wilson's score interval."""
    share, z2 = n / total, 1.96**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = 1.96 * sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return f"{n} of {total} ({100 * share:.0f} %, {100 * low:.0f} to {100 * high:.0f})"
