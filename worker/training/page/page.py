"""Puts the sections of an evaluation together in the order in which a reader asks.

Knows no formula and no mark-up of its own.
"""

from collections.abc import Sequence

import numpy as np

from plugin.drawing.html import document, section, table
from worker.findings.pattern import PatternTable
from worker.training.evaluate import PHASES, PatientResult
from worker.training.page.measured import (
    contours_section,
    coverage_section,
    mean_absolute_error,
    volumes_section,
)
from worker.training.page.outcome import Outcome, Provenance
from worker.training.page.patients import failures_section, subgroups_section
from worker.training.page.resemblance import groups_section
from worker.training.page.stated import fidelity_section, findings_section, priority_section


def evaluation_page(
    outcomes: Sequence[Outcome],
    pictures: Sequence[tuple[PatientResult, bytes]],
    provenance: Provenance,
    pattern_table: PatternTable | None = None,
) -> str:
    """Return one HTML document that needs nothing else.

    Parameters
    ----------
    pictures
        The worst patients, worst first, each with a PNG.
    pattern_table
        The bundle's table of groups, if it has one.
    """
    seed = provenance.seed
    sections = (
        contours_section(outcomes, seed),
        volumes_section(outcomes, seed),
        coverage_section(outcomes),
        findings_section(outcomes, seed),
        priority_section(outcomes),
        groups_section(outcomes, pattern_table),
        fidelity_section(outcomes),
        subgroups_section(outcomes, seed),
        failures_section(outcomes, pictures),
        _origin_section(provenance),
    )
    return document(f"Evaluation of {provenance.bundle}", _tiles(outcomes), sections)


def _tiles(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Return the figures that everybody looks for first."""
    tiles = [("patients", str(len(outcomes)))]
    for key, name in (("lv", "LV"), ("myocardium", "myocardium"), ("rv", "RV")):
        mean = np.mean([o.result.dice[f"{key}_{phase}"] for o in outcomes for phase in PHASES])
        tiles.append((f"Dice {name}, mean of ED and ES", f"{mean:.3f}"))
    pairs = np.array(
        [[o.result.true["lvef_percent"], o.result.measured["lvef_percent"]] for o in outcomes]
    )
    error = float(mean_absolute_error(pairs))
    tiles.append(("LVEF mean absolute error, points", f"{error:.1f}"))
    gross = sum(o.result.gross_failure for o in outcomes)
    tiles.append(("gross failures", f"{gross} of {len(outcomes)}"))
    texts = [f for o in outcomes for f in o.judged.fidelity]
    wrong = sum(len(f.disagreements) for f in texts)
    n_numbers = sum(f.n_numbers for f in texts)
    tiles.append((f"disagreements in {n_numbers} numbers of the reports", str(wrong)))
    return tiles


def _origin_section(provenance: Provenance) -> str:
    rows = (
        ("bundle", provenance.bundle),
        ("bundle digest (SHA-256 of its manifest)", provenance.bundle_digest),
        ("software", provenance.software_version),
        ("data", provenance.data),
        ("data digest (SHA-256 of all files read)", provenance.data_digest),
        ("command", provenance.command),
        ("seed of the bootstrap", str(provenance.seed)),
    )
    return section(
        "How this page was made",
        "The same bundle, data and command give the same page, byte for byte.",
        table(("", ""), rows),
    )
