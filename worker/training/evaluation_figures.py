"""Pictures of an evaluation: Bland-Altman plots, and what every gross failure looks like."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from worker.training.evaluate import PHASES, Case, PatientResult

_COLOURS = {1: "#e05a4f", 2: "#4fc36b", 3: "#4f8fe0"}
_MEASURES = {"lvef_percent": "LVEF (points)", "lvedv_ml": "LVEDV (ml)", "lv_mass_g": "LV mass (g)"}


def draw_bland_altman(results: Sequence[PatientResult], path: Path) -> None:
    """Draw measured minus true over their mean, with bias and 95 % limits of agreement."""
    figure = Figure(figsize=(4.2 * len(_MEASURES), 3.6), layout="constrained")
    for axes, (key, name) in zip(
        figure.subplots(1, len(_MEASURES)), _MEASURES.items(), strict=True
    ):
        true = np.array([r.true[key] for r in results])
        measured = np.array([r.measured[key] for r in results])
        error = measured - true
        axes.scatter((true + measured) / 2, error, s=14)
        for level in (0.0, -1.96, 1.96):
            axes.axhline(error.mean() + level * error.std(), lw=0.8, ls="-" if not level else "--")
        axes.set_xlabel(f"mean of both, {name}")
        axes.set_ylabel("network minus expert")
    _write(figure, path)


def draw_case(case: Case, labels: npt.NDArray[np.uint8], result: PatientResult, path: Path) -> None:
    """Draw all slices of both phases: expert dotted, network solid."""
    n_slices = case.stack.n_slices
    figure = Figure(figsize=(1.9 * n_slices, 4.2), layout="constrained")
    grid = figure.subplots(2, n_slices, squeeze=False)
    heart = np.nonzero(((labels > 0) | (case.truth > 0)).any(axis=(0, 1)))
    top, bottom = int(heart[0].min()) - 15, int(heart[0].max()) + 15
    left, right = int(heart[1].min()) - 15, int(heart[1].max()) + 15
    for phase in range(len(PHASES)):
        for z in range(n_slices):
            axes = grid[phase, z]
            image = case.stack.pixels[phase, z]
            axes.imshow(image, cmap="gray", vmax=float(np.percentile(image, 99.5)))
            for label, colour in _COLOURS.items():
                _contour(axes, labels[phase, z] == label, colour, "solid")
                _contour(axes, case.truth[phase, z] == label, colour, "dotted")
            axes.set_xlim(left, right)
            axes.set_ylim(bottom, top)
            axes.set_axis_off()
    dice = ", ".join(f"{key} {value:.2f}" for key, value in result.dice.items())
    figure.suptitle(f"{case.patient} {case.group}: {dice}", fontsize=9)
    _write(figure, path)


def _contour(axes: mpl.axes.Axes, mask: npt.NDArray[np.bool_], colour: str, style: str) -> None:
    if mask.any():
        axes.contour(mask, levels=[0.5], colors=[colour], linewidths=0.9, linestyles=[style])


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=90)
