"""A smooth periodic curve through values measured at every phase of a beat.

The curve is a sum of harmonics of the beat whose sharper ones are damped, so that the jitter of
single contours makes neither a peak nor a rate. Phases may be uneven and the end of the beat may be
missing, as with prospective gating. Nothing is read from the curve outside the phases that were
measured, and next to a part that is missing nothing within half a phase of it. Knows neither
volumes nor walls.

References
----------
Bacharach SL et al., J Nucl Med 1983;24:1176-1184 (harmonics for rates of ventricular volume).
"""

from dataclasses import dataclass

import numpy as np

from worker.findings.volumes import Float64Array

MINIMUM_PHASES = 12
"""Below, neighbouring phases lie too far apart for a rate or the time of a peak."""

_MOST_HARMONICS = 9
_DAMPING_POWER = 6
_GRID_STEP_MS = 1.0
_OPEN_STEPS = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class BeatCurve:
    """A periodic curve.

    Attributes
    ----------
    coefficients
        ``[harmonic]`` complex; the curve is the real part of their sum.
    beat_ms
        Length of the beat.
    times_ms
        Where the curve may be read, in steps of a millisecond.
    """

    coefficients: np.ndarray[tuple[int], np.dtype[np.complex128]]
    beat_ms: float
    times_ms: Float64Array

    def at(self, times_ms: Float64Array) -> Float64Array:
        """Values at the given times after the R wave."""
        return np.asarray((_waves(self, times_ms) @ self.coefficients).real, np.float64)

    def rate_per_s(self, times_ms: Float64Array) -> Float64Array:
        """Change per second at the given times."""
        order = np.arange(self.coefficients.size)
        turning = 2j * np.pi * order / (self.beat_ms / 1000.0)
        return np.asarray((_waves(self, times_ms) @ (turning * self.coefficients)).real, np.float64)

    @property
    def values(self) -> Float64Array:
        """Values at ``times_ms``."""
        return self.at(self.times_ms)

    @property
    def rates_per_s(self) -> Float64Array:
        """Change per second at ``times_ms``."""
        return self.rate_per_s(self.times_ms)


def _waves(
    curve: BeatCurve, times_ms: Float64Array
) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    order = np.arange(curve.coefficients.size)
    turns = np.outer(times_ms / curve.beat_ms, order)
    return np.asarray(np.exp(2j * np.pi * turns), dtype=np.complex128)


def fit_beat(
    values: Float64Array, times_ms: Float64Array, beat_ms: float, *, cutoff: float
) -> BeatCurve:
    """Lay a curve through the values of a beat.

    Parameters
    ----------
    values
        ``[phase]``; NaN where a phase is not to be used.
    times_ms
        ``[phase]`` times after the R wave, rising.
    cutoff
        Harmonic that keeps half of its size; lower ones keep more, higher ones less.

    Raises
    ------
    ValueError
        Fewer than ``MINIMUM_PHASES`` values are there.
    """
    known = np.flatnonzero(np.isfinite(values))
    if known.size < MINIMUM_PHASES:
        msg = f"a curve over the beat needs {MINIMUM_PHASES} phases"
        raise ValueError(msg)
    order = np.arange(1, min(_MOST_HARMONICS, (known.size - 1) // 2) + 1)
    angle = 2.0 * np.pi * np.outer(times_ms[known] / beat_ms, order)
    basis = np.hstack([np.ones((known.size, 1)), np.cos(angle), np.sin(angle)])
    damping = np.concatenate([[0.0], *[(order / cutoff) ** _DAMPING_POWER] * 2]) * known.size / 2.0
    solved = np.linalg.solve(basis.T @ basis + np.diag(damping), basis.T @ values[known])
    cosine, sine = solved[1 : order.size + 1], solved[order.size + 1 :]
    coefficients = np.concatenate([solved[:1].astype(np.complex128), cosine - 1j * sine])
    first_ms, last_ms = _readable_ms(times_ms[known], beat_ms)
    grid = np.arange(first_ms, last_ms + _GRID_STEP_MS / 2, _GRID_STEP_MS)
    return BeatCurve(coefficients, beat_ms, np.asarray(grid, np.float64))


def _readable_ms(times_ms: Float64Array, beat_ms: float) -> tuple[float, float]:
    """Return from when to when the curve rests on phases of both sides."""
    first_ms, last_ms = float(times_ms[0]), float(times_ms[-1])
    step_ms = float(np.median(np.diff(times_ms)))
    if beat_ms - (last_ms - first_ms) <= _OPEN_STEPS * step_ms:
        return first_ms, last_ms
    return first_ms + step_ms / 2.0, last_ms - step_ms / 2.0
