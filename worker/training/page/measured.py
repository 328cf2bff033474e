"""Sections on contours, volumes and uncertainty: box plots, Bland-Altman plots, coverage.

References
----------
Bland JM, Altman DG, Lancet 1986;327:307-310 (limits of agreement).
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from plugin.drawing.html import charts, figure, section, side_by_side, table
from plugin.drawing.svg import Axis, Chart
from worker.findings.definitions import DEFINITIONS
from worker.training.calibration import wilson_interval
from worker.training.evaluate import PHASES
from worker.training.judged import COVERED
from worker.training.page.outcome import Outcome

Float64Array = npt.NDArray[np.float64]
Statistic = Callable[[Float64Array], Float64Array]
"""Of ``[..., patient, column]``; one value for each leading index."""

_NAMES = {"lv": "LV cavity", "myocardium": "LV myocardium", "rv": "RV cavity"}
VOLUMES = {
    "lvef_percent": ("LV ejection fraction", "percentage points"),
    "lvedv_ml": ("LV end-diastolic volume", "ml"),
    "lvesv_ml": ("LV end-systolic volume", "ml"),
    "lv_mass_g": ("LV mass", "g"),
    "rvef_percent": ("RV ejection fraction", "percentage points"),
    "rvedv_ml": ("RV end-diastolic volume", "ml"),
    "rvesv_ml": ("RV end-systolic volume", "ml"),
}
_AGREEMENT = 1.96
_RESAMPLES = 2000
_FLAT = 1e-9
_COVERAGE_WANTED = (0.85, 0.95)


def with_interval(values: Float64Array, statistic: Statistic, seed: int, decimals: int) -> str:
    """Return ``value (low to high)`` with a 95 % bootstrap interval over patients, or a dash.

    Parameters
    ----------
    values
        ``[patient, column]``.
    """
    exact, n = float(statistic(values)), len(values)
    if not np.isfinite(exact):
        return "–"
    value = f"{exact:.{decimals}f}"
    draws = np.random.default_rng(seed).integers(n, size=(_RESAMPLES, n))
    found = statistic(values[draws])
    found = found[np.isfinite(found)]
    if n == 1 or not found.size:
        return value
    low, high = np.percentile(found, (2.5, 97.5))
    return f"{value} ({low:.{decimals}f} to {high:.{decimals}f})"


def share_text(n_hits: int, n: int) -> str:
    """Return ``7 of 9, 78 % (45 to 94)`` with a 95 % Wilson interval; a dash without a trial."""
    if n == 0:
        return "–"
    low, high = wilson_interval(n_hits, n)
    return f"{n_hits} of {n}, {100 * n_hits / n:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def contours_section(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return Dice coefficients by structure and phase."""
    columns = [(name, phase) for name in _NAMES for phase in PHASES]
    axis = Axis(-0.6, len(columns) - 0.4, "", tuple(f"{n} {p}" for n, p in _short(columns)))
    values = {
        column: [one.result.dice[f"{column[0]}_{column[1]}"] for one in outcomes]
        for column in columns
    }
    lowest = min(min(found) for found in values.values())
    chart = Chart(axis, Axis(min(0.7, lowest) - 0.03, 1.005, "Dice coefficient"), 620, 320)
    for k, (column, found) in enumerate(values.items()):
        titles = [f"{o.result.patient}: {v:.3f}" for o, v in zip(outcomes, found, strict=True)]
        chart.box(float(k), found, column[0], titles)
    rows = []
    for name, words in _NAMES.items():
        both = np.array([values[name, phase] for phase in PHASES]).T
        cells = [with_interval(both, mean, seed, 3)]
        cells += [with_interval(both[:, k : k + 1], mean, seed, 3) for k in range(len(PHASES))]
        rows.append((words, *cells, f"{both.min():.3f}"))
    caption = f"n = {len(outcomes)} patients; box: median and quartiles, every patient is a dot."
    return section(
        "Contours",
        "Dice coefficient: overlap of the network's and the expert's contour over all slices of a "
        "phase; 1 is identical, 0 is nothing in common. ED end-diastole, ES end-systole.",
        side_by_side((figure(chart.svg("Box plots of the Dice coefficients"), caption),)),
        table(
            ("structure", "mean of ED and ES", "ED", "ES", "lowest"),
            rows,
            f"Mean over n = {len(outcomes)} patients (95 % bootstrap interval)",
        ),
    )


def volumes_section(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return agreement of volumes, mass and ejection fractions with the expert's."""
    plots, rows = [], []
    for key, (name, unit) in VOLUMES.items():
        pairs = np.array([[o.result.true[key], o.result.measured[key]] for o in outcomes])
        plots.append(_bland_altman(outcomes, pairs, name, unit))
        found = [with_interval(pairs, statistic, seed, 1) for statistic in _DIFFERENCES]
        rows.append((f"{name}, {unit}", *found, with_interval(pairs, _correlation, seed, 3)))
    return section(
        "Volumes, mass and ejection fraction",
        "Bland-Altman plots: difference of network and expert (positive: the network is higher) "
        "over their mean. Line: mean difference (bias); dashed: 95 % limits of agreement, bias "
        "± 1.96 standard deviations. Red: gross failure (an LV Dice below 0.8, or LVEF off by "
        "more than 10 points).",
        charts(plots),
        table(
            (
                "measure",
                "mean absolute error",
                "bias",
                "SD of the difference",
                "lower limit",
                "upper limit",
                "correlation",
            ),
            rows,
            f"n = {len(outcomes)} patients; in brackets 95 % bootstrap intervals over patients",
        ),
    )


def coverage_section(outcomes: Sequence[Outcome]) -> str:
    """Return how often the reported uncertainty interval holds the expert's value."""
    counts = {
        key: [o.judged.covered[key] for o in outcomes if key in o.judged.covered] for key in COVERED
    }
    known = {key: found for key, found in counts.items() if found}
    if not known:
        return ""
    axis = Axis(-0.6, len(known) - 0.4, "", tuple(_short_name(key) for key in known))
    chart = Chart(Axis(0.0, 1.0, "share of patients"), axis, 460, 60 + 30 * len(known))
    chart.band(*_COVERAGE_WANTED)
    rows = []
    for k, (key, found) in enumerate(known.items()):
        hits, n = sum(found), len(found)
        low, high = wilson_interval(hits, n)
        chart.span(float(k), low, hits / n, high, f"{DEFINITIONS[key].name}: {hits} of {n}")
        rows.append((DEFINITIONS[key].name, share_text(hits, n)))
    return section(
        "Uncertainty intervals",
        "Every reported number carries an interval that should hold the expert's value in about "
        "9 of 10 patients. Too low a share: the report is too sure; too high: it is too timid. "
        "Shaded: 85 to 95 %.",
        side_by_side(
            (
                figure(
                    chart.svg("Coverage of the uncertainty intervals"),
                    "Dot: share of patients whose expert value lies inside; line: 95 % interval.",
                ),
                table(("measurement", "expert's value inside (95 % Wilson interval)"), rows),
            )
        ),
    )


def _bland_altman(outcomes: Sequence[Outcome], pairs: Float64Array, name: str, unit: str) -> str:
    middle, off = pairs.mean(axis=1), pairs[:, 1] - pairs[:, 0]
    levels = [float(of(pairs)) for of in (bias, _lower, _upper)]
    chart = Chart(
        Axis.around(middle, f"mean of network and expert, {unit}"),
        Axis.around((*off, *levels, 0.0), "network minus expert"),
    )
    chart.level(0.0, kind="zero")
    chart.level(levels[0], f"{levels[0]:+.1f}")
    chart.level(levels[1], f"{levels[1]:+.1f}", "limit")
    chart.level(levels[2], f"{levels[2]:+.1f}", "limit")
    for one, x, y in zip(outcomes, middle, off, strict=True):
        kind = "dot gross" if one.result.gross_failure else "dot"
        chart.dot(float(x), float(y), kind, f"{one.result.patient} {one.result.group}: {y:+.1f}")
    return figure(chart.svg(f"Bland-Altman plot of {name}"), f"{name}, {unit}; n = {len(pairs)}")


def _short(columns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    short = {"lv": "LV", "myocardium": "Myo", "rv": "RV"}
    return [(short[name], phase) for name, phase in columns]


def _short_name(key: str) -> str:
    words = {
        "lv_ejection_fraction": "LVEF",
        "lv_end_diastolic_volume": "LVEDV",
        "lv_end_systolic_volume": "LVESV",
        "lv_mass": "mass",
        "rv_ejection_fraction": "RVEF",
        "rv_end_diastolic_volume": "RVEDV",
        "rv_end_systolic_volume": "RVESV",
        "maximal_wall_thickness": "wall",
    }
    return words[key]


def mean(values: Float64Array) -> Float64Array:
    """Mean over patients and columns."""
    return np.asarray(values.mean(axis=(-2, -1)))


def mean_absolute_error(pairs: Float64Array) -> Float64Array:
    """Mean distance of ``[..., patient, (expert, network)]``."""
    return np.asarray(np.abs(pairs[..., 1] - pairs[..., 0]).mean(axis=-1))


def bias(pairs: Float64Array) -> Float64Array:
    """Mean of network minus expert, ``[..., patient, (expert, network)]``."""
    return np.asarray((pairs[..., 1] - pairs[..., 0]).mean(axis=-1))


def _spread(pairs: Float64Array) -> Float64Array:
    return np.asarray((pairs[..., 1] - pairs[..., 0]).std(axis=-1))


def _lower(pairs: Float64Array) -> Float64Array:
    return np.asarray(bias(pairs) - _AGREEMENT * _spread(pairs))


def _upper(pairs: Float64Array) -> Float64Array:
    return np.asarray(bias(pairs) + _AGREEMENT * _spread(pairs))


def _correlation(pairs: Float64Array) -> Float64Array:
    x, y = (pairs[..., k] - pairs[..., k].mean(axis=-1, keepdims=True) for k in (0, 1))
    scale = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    # a draw of one patient alone has no correlation
    return np.where(scale > _FLAT, (x * y).sum(axis=-1) / np.maximum(scale, _FLAT), np.nan)


_DIFFERENCES = (mean_absolute_error, bias, _spread, _lower, _upper)
