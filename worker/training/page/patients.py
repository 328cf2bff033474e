"""Sections on whom it works for and where it fails: subgroups, worst cases, patients refused."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from plugin.drawing.html import figure, paragraph, png, section, table
from worker.training.evaluate import PHASES, PatientResult
from worker.training.page.measured import (
    bias,
    mean,
    mean_absolute_error,
    share_text,
    with_interval,
)
from worker.training.page.outcome import Outcome

_FINE_MM = 1.5
_FEW_SLICES, _MANY_SLICES = 8, 10
_SMALL_BODY_M2 = 1.8


def subgroups_section(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return the main figures for parts of the cohort."""
    rows = []
    for name, members in _subgroups(outcomes):
        dice = {
            structure: np.array(
                [[o.result.dice[f"{structure}_{phase}"] for phase in PHASES] for o in members]
            )
            for structure in ("lv", "myocardium", "rv")
        }
        pairs = np.array(
            [[o.result.true["lvef_percent"], o.result.measured["lvef_percent"]] for o in members]
        )
        rows.append(
            (
                name,
                str(len(members)),
                *(with_interval(values, mean, seed, 3) for values in dice.values()),
                with_interval(pairs, mean_absolute_error, seed, 1),
                with_interval(pairs, bias, seed, 1),
                share_text(sum(o.result.gross_failure for o in members), len(members)),
            )
        )
    return section(
        "Subgroups",
        "Mean Dice of ED and ES, and error of the LV ejection fraction in percentage points. "
        "The data name neither sex nor field strength nor scanner, so there are no rows for them.",
        table(
            (
                "patients",
                "n",
                "Dice LV",
                "Dice myocardium",
                "Dice RV",
                "LVEF mean absolute error",
                "LVEF bias",
                "gross failures",
            ),
            rows,
            "In brackets 95 % intervals (bootstrap; Wilson for shares)",
        ),
    )


def failures_section(
    outcomes: Sequence[Outcome], pictures: Sequence[tuple[PatientResult, bytes]]
) -> str:
    """Return the worst cases as images, and who got no report at all."""
    refused = [
        (o.result.patient, why) for o in outcomes if (why := o.result.refused or o.judged.refused)
    ]
    gross = sum(o.result.gross_failure for o in outcomes)
    films = "".join(
        figure(png(data, f"Contours of {result.patient}"), _caption(result))
        for result, data in pictures
    )
    words = f"Gross failures: {share_text(gross, len(outcomes))}. " + (
        "No report for: " + ", ".join(f"{who} ({why})" for who, why in refused) + "."
        if refused
        else "Every patient got a report."
    )
    return section(
        "Worst cases",
        "Slices from base (left) to apex, end-diastole above end-systole; solid: network, dotted: "
        "expert; orange endocardium, blue epicardium, purple right ventricle. Chosen by the lowest "
        "LV Dice and the error of the ejection fraction, whatever they are: with few patients also "
        "good ones are shown.",
        paragraph(words),
        f'<div class="films">{films}</div>',
    )


def _subgroups(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    yield "all", list(outcomes)
    for group in sorted({o.result.group for o in outcomes}):
        yield f"group {group}", [o for o in outcomes if o.result.group == group]
    kinds: tuple[tuple[str, Callable[[Outcome], bool]], ...] = (
        (f"pixels below {_FINE_MM} mm", lambda o: o.in_plane_mm < _FINE_MM),
        (f"pixels of {_FINE_MM} mm or more", lambda o: o.in_plane_mm >= _FINE_MM),
        (f"{_FEW_SLICES} slices or fewer", lambda o: o.n_slices <= _FEW_SLICES),
        (
            f"{_FEW_SLICES + 1} to {_MANY_SLICES} slices",
            lambda o: _FEW_SLICES < o.n_slices <= _MANY_SLICES,
        ),
        (f"more than {_MANY_SLICES} slices", lambda o: o.n_slices > _MANY_SLICES),
        (f"body surface below {_SMALL_BODY_M2} m²", lambda o: (o.bsa_m2 or 9.0) < _SMALL_BODY_M2),
        (f"body surface {_SMALL_BODY_M2} m² or more", lambda o: (o.bsa_m2 or 0) >= _SMALL_BODY_M2),
        ("LVEF below 40 % (expert)", lambda o: o.result.true["lvef_percent"] < 40),  # noqa: PLR2004
        ("LVEF 40 % or more (expert)", lambda o: o.result.true["lvef_percent"] >= 40),  # noqa: PLR2004
    )
    for name, belongs in kinds:
        members = [o for o in outcomes if belongs(o)]
        if members:
            yield name, members


def _caption(result: PatientResult) -> str:
    dice = []
    for key, name in (("lv", "LV"), ("myocardium", "myocardium"), ("rv", "RV")):
        both = " / ".join(f"{result.dice[f'{key}_{phase}']:.2f}" for phase in PHASES)
        dice.append(f"{name} {both}")
    true, found = result.true["lvef_percent"], result.measured["lvef_percent"]
    return (
        f"{result.patient}, group {result.group}: Dice ED / ES {', '.join(dice)}; "
        f"LVEF {found:.1f} % (expert {true:.1f} %)"
    )
