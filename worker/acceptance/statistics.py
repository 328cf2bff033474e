"""Agreement of two methods and shares with their intervals; numpy and scipy only.

References
----------
Bland JM, Altman DG, Lancet 1986;327:307-310 (limits of agreement). Clopper CJ, Pearson ES,
Biometrika 1934;26:404-413 (exact interval of a share). Hanley JA, McNeil BJ, Radiology
1982;143:29-36 (area under the ROC curve).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

Float64Array = npt.NDArray[np.float64]
_LIMITS = 1.96


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    n: int
    of: int

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.n / self.of if self.of else nan

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the exact interval of Clopper and Pearson; all of 0 to 1 when there is none."""
        if not self.of:
            return 0.0, 1.0
        tail = (1.0 - confidence) / 2
        low = 0.0 if self.n == 0 else float(beta.ppf(tail, self.n, self.of - self.n + 1))
        full = self.n == self.of
        high = 1.0 if full else float(beta.ppf(1.0 - tail, self.n + 1, self.of - self.n))
        return low, high


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far ours lies from the reference, in the unit of both (positive: ours is higher).

    Attributes
    ----------
    limits
        Bias minus and plus 1.96 standard deviations of the difference.
    correlation
        Pearson's; NaN where one of both does not vary.
    """

    n: int
    bias: float
    limits: tuple[float, float]
    mean_absolute_error: float
    correlation: float


def agreement(reference: Sequence[float], ours: Sequence[float]) -> Agreement:
    """Compare pairs of values; NaN where there are too few."""
    expected, found = np.asarray(reference, np.float64), np.asarray(ours, np.float64)
    if not expected.size:
        return Agreement(0, nan, (nan, nan), nan, nan)
    difference = found - expected
    bias = float(difference.mean())
    enough = expected.size > 1
    spread = float(difference.std(ddof=1)) if enough else nan
    varies = enough and expected.std() > 0 and found.std() > 0
    return Agreement(
        expected.size,
        bias,
        (bias - _LIMITS * spread, bias + _LIMITS * spread),
        float(np.abs(difference).mean()),
        float(np.corrcoef(expected, found)[0, 1]) if varies else nan,
    )


def roc(score: Sequence[float], positive: Sequence[bool]) -> list[tuple[float, float]]:
    """Return the points (1 - specificity, sensitivity) from calling none to calling all positive.

    Parameters
    ----------
    score
        Higher is more likely positive; equal scores are called together.
    """
    truth = np.asarray(positive, bool)
    n_positive, n_negative = int(truth.sum()), int((~truth).sum())
    if not n_positive or not n_negative:
        return []
    scores = np.asarray(score, np.float64)
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        points.append(
            (
                float((called & ~truth).sum()) / n_negative,
                float((called & truth).sum()) / n_positive,
            )
        )
    return points


def area_under(points: Sequence[tuple[float, float]]) -> float:
    """Return the area under an ROC curve; NaN without one."""
    if not points:
        return nan
    x, y = np.array(points).T
    return float(np.trapezoid(y, x))
