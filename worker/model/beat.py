"""Which phase shows the other end of the beat, for a network that looks at both.

Works on how much of the LV cavity a first look found in a few phases. That is enough to tell full
from empty; which phase is measured as end-diastole and end-systole is decided by
`worker.findings.cycle`.
"""

import numpy as np
import numpy.typing as npt

# As many phases as a first look needs to find the fullest and the emptiest within a phase or two.
CURVE_PHASES = 12


def phases_to_look_at(n_phases: int) -> list[int]:
    """Return at most ``CURVE_PHASES`` phases, evenly over the beat, the first one among them."""
    n = min(n_phases, CURVE_PHASES)
    return [round(k * n_phases / n) for k in range(n)]


def opposite_phases(
    n_phases: int, looked_at: list[int], cavity: npt.NDArray[np.floating]
) -> list[int]:
    """Return for each phase the one that shows the other end of the beat.

    Parameters
    ----------
    n_phases
        Phases of the cine; the beat goes on from the last to the first.
    looked_at
        Phases whose cavity is known, rising.
    cavity
        Size of the LV cavity in each of those, in any unit.

    Returns
    -------
    list
        ``[phase]``: the emptiest phase for those nearer to the fullest, else the fullest.
    """
    fullest, emptiest = _ends(looked_at, cavity)
    curve = np.interp(np.arange(n_phases), looked_at, cavity, period=n_phases)
    halfway = (float(np.max(cavity)) + float(np.min(cavity))) / 2
    return [emptiest if size > halfway else fullest for size in curve]


def phases_near_ends(
    n_phases: int, looked_at: list[int], cavity: npt.NDArray[np.floating]
) -> list[int]:
    """Return the fullest and the emptiest of the phases looked at and those beside them, rising.

    Parameters
    ----------
    n_phases, looked_at, cavity
        As for `opposite_phases`.
    """
    ends = _ends(looked_at, cavity)
    return sorted({(end + step) % n_phases for end in ends for step in (-1, 0, 1)})


def _ends(looked_at: list[int], cavity: npt.NDArray[np.floating]) -> tuple[int, int]:
    return looked_at[int(np.argmax(cavity))], looked_at[int(np.argmin(cavity))]
