"""Where a bundle fails: FAILURES.png, on generated hearts, and the section of its card, in words.

    python -m tests.benchmarks.failures FOLDER --bundle acdc-unet [--hearts 21] [--ladder LADDER]
        [--patients EVALUATED/evaluation.json] [--folds FOLDS/hearts.jsonl]

The worst of many hearts that no network was shown (those of ``generated_hearts``), and, of the
records of ``stress_ladder``, for each kind of spoiling the first step at which a report was written
whose LVEF is grossly off. No patient is shown: pictures of ACDC may not be passed on with a bundle.
Of patients the card lists the worst by their numbers in the data set: ``evaluation.json`` is that
of ``cmr-triage evaluate --out``, ``hearts.jsonl`` that of ``cmr-triage train groups``.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.benchmarks.gate_rates import read
from tests.benchmarks.gate_road import outcome, travel
from tests.benchmarks.generated_hearts import SEED, cases
from tests.benchmarks.stress_ladder import KINDS, LADDERS, heart_of
from worker.bundle import load_bundle
from worker.findings import assess
from worker.gate.familiarity import load_familiarity
from worker.gate.verdict import Limit
from worker.model.tower import SegmentationTower
from worker.phantom.anatomy import Label
from worker.training.evaluate import (
    GROSS_EF_POINTS,
    PHASES,
    STRUCTURES,
    Case,
    PatientResult,
    evaluate_patient,
)
from worker.training.failure_sheet import Failure, failures_png
from worker.training.hearts import read_hearts
from worker.training.page.outcome import Worst, badness
from worker.volume.types import PatientContext

FILE_NAME, CARD_NAME = "FAILURES.png", "FAILURES.md"
MOVED = {
    "mis-triggering, share of beat",
    "slices missing at the base",
    "breath-hold shift, SD in mm",
    "pixel size, mm",
}
"""Ladders that move what is true together with the pictures."""
WORDS = {
    "noise, share of blood": "noise of {:g} of the brightness of blood",
    "motion while imaging, mm": "chest moves by {:g} mm while a picture is taken",
    "mis-triggering, share of beat": "slices begin up to {:g} of a beat early or late",
    "slices missing at the base": "slices not taken at the base: {:g}",
    "breath-hold shift, SD in mm": "slices shifted against each other (SD {:g} mm)",
    "muscle nearer to blood": "muscle {:g} of the way to the brightness of blood",
    "curve of brightness, exponent": "another curve of brightness (exponent {:g})",
    "pixel size, mm": "pixels of {:g} mm",
}
CAUSES = {
    "mis-triggering, share of beat": "Contours fit, but pictures of one phase show different "
    "moments: their sum is no volume of any moment.",
    "slices missing at the base": "The volume of the missing slices is missing; nothing in the "
    "images tells that they were not taken.",
}
"""Why the ejection fraction is wrong though the contours are not."""


def worst_hearts(tower, n_hearts, n_shown, limit):
    """Measure hearts and return the worst, worst first."""
    worst = Worst(n_shown)
    for case in cases(n_hearts):
        result, found = evaluate_patient(tower, case)
        worst.offer(result, case, found.labels)
    return [
        Failure(
            f"{case.group.replace('_', ' ').capitalize()} heart ({case.patient})",
            case,
            labels,
            (result.true["lvef_percent"], result.measured["lvef_percent"]),
            _answer(travel(case.stack, tower), limit),
        )
        for result, case, labels in worst.kept
    ]


def _answer(record, limit):
    """Say what a reader would get."""
    said, by = outcome(record, limit)
    words = {"refused": f"Refused: {by}", "flagged": f"Report, warned: {by}"}
    return words.get(said, "Report, no warning").replace("_", " ")


def first_failures(records, limit):
    """Return, by ladder, the first record with a report whose LVEF is grossly off."""
    found = {}
    for ladder, (_, steps) in LADDERS.items():
        for step in steps:
            here = [r for r in records if (r["ladder"], r["step"]) == (ladder, step)]
            reported = [r for r in here if outcome(r, limit)[0] != "refused"]
            worst = max(reported, key=_error, default=None)
            if ladder not in found and worst is not None and _error(worst) > GROSS_EF_POINTS:
                found[ladder] = worst
    return list(found.values())


def _error(record):
    return abs(record["lvef_percent"] - record["true_lvef_percent"])


def spoilt_heart(record, tower, limit):
    """Make and measure the heart of a record of the ladder again."""
    ladder, step, heart = record["ladder"], record["step"], record["heart"]
    spoil, steps = LADDERS[ladder]
    cine = heart_of(heart).cine()

    def spoil_alike(one):
        return spoil(one, step, np.random.default_rng([heart, steps.index(step)]))

    stack = spoil_alike(cine)
    truth = cine.labels
    if ladder in MOVED:
        masks = {v: replace(cine, pixels=np.float32(cine.labels == v)) for v in Label if v}
        truth = sum(np.uint8(v) * (spoil_alike(one).pixels > 0.5) for v, one in masks.items())
    found = tower.segment(stack)
    assessed = assess(stack, found, PatientContext())
    ends = [assessed.ed_phase, assessed.es_phase]
    two = replace(stack, pixels=stack.pixels[ends], trigger_times_ms=stack.trigger_times_ms[ends])
    kind = KINDS[heart % len(KINDS)].value.replace("_", " ").capitalize()
    return Failure(
        f"{kind} heart, {WORDS[ladder].format(step)}",
        Case(ladder, kind, two, truth[ends].astype(np.uint8)),
        found.labels[ends],
        (record["true_lvef_percent"], assessed.value("lv_ejection_fraction")),
        _answer(record, limit),
        CAUSES.get(ladder, ""),
    )


def patients_table(path, n_shown):
    """Yield the worst patients of an evaluation as rows."""
    patients = json.loads(path.read_text(encoding="utf-8"))["patients"]
    found = sorted((PatientResult(**one) for one in patients), key=badness, reverse=True)
    yield f"The {n_shown} worst of {len(found)} validation patients, worst first:\n"
    yield "| patient | group | LVEF (expert) | Dice ED / ES: LV | RV | myocardium | |"
    yield "|---|---|---|---|---|---|---|"
    for one in found[:n_shown]:
        measured, true = one.measured["lvef_percent"], one.true["lvef_percent"]
        dice = (
            " / ".join(f"{one.dice[f'{name}_{phase}']:.2f}" for phase in PHASES)
            for name in STRUCTURES
        )
        gross = "gross failure" if one.gross_failure else ""
        refused = f"refused: {one.refused}" if one.refused else ""
        yield (
            f"| {one.patient} | {one.group} | {measured:.0f} % ({true:.0f} %) "
            f"| {' | '.join(dice)} | {', '.join(filter(None, (gross, refused)))} |"
        )


def folds_table(path, n_shown):
    """Yield the patients of a cross-validation whose LVEF is off the most."""
    judged = [heart for heart in read_hearts(path) if heart.tower]
    found = [heart for heart in judged if heart.lvef is not None]
    found.sort(key=lambda one: -abs(one.lvef - one.true_lvef))
    n_gross = sum(abs(one.lvef - one.true_lvef) > GROSS_EF_POINTS for one in found)
    lost = f"; {len(judged) - len(found)} without LVEF" if len(found) < len(judged) else ""
    yield (
        f"The {n_shown} of {len(judged)} patients whose LVEF was off the most in cross-validation "
        f"(towers that never saw them; {n_gross} off by more than {GROSS_EF_POINTS:.0f} points"
        f"{lost}):\n"
    )
    yield "| patient | group | LVEF (expert) | off by, points |"
    yield "|---|---|---|---|"
    for one in found[:n_shown]:
        off = one.lvef - one.true_lvef
        yield (
            f"| {one.patient} | {one.group} | {one.lvef:.0f} % ({one.true_lvef:.0f} %) "
            f"| {off:+.1f} |"
        )


def card(chosen, failures, arguments):
    """Yield the section of the card, line by line."""
    yield (
        f"**Where it fails.** {FILE_NAME} shows generated hearts (no patients, whose images may "
        f"not be passed on): {chosen[0].lower()}{chosen[1:]}\n"
    )
    yield "| generated heart | figures | what goes wrong | a reader gets |"
    yield "|---|---|---|---|"
    for one in failures:
        yield f"| {one.title} | {one.figures()} | {one.why()} | {one.answer} |"
    tables = ((arguments.patients, patients_table), (arguments.folds, folds_table))
    for path, table in tables:
        if path:
            yield ""
            yield from table(path, arguments.patients_shown)
    yield (
        "\nImages of the worst patients, from your own copy of the data: "
        "`cmr-triage evaluate --data ACDC --out DIR`. This section: "
        f"`python -m tests.benchmarks.failures DIR --bundle {arguments.bundle}`."
    )


def main() -> None:
    """Measure, draw, and write the section of the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle", default="")
    parser.add_argument("--hearts", type=int, default=21)
    parser.add_argument("--shown", type=int, default=3)
    parser.add_argument("--ladder", type=Path, help="records of stress_ladder with this bundle")
    parser.add_argument("--patients", type=Path, help="evaluation.json of an evaluation")
    parser.add_argument("--folds", type=Path, help="hearts.jsonl of a cross-validation")
    parser.add_argument("--patients-shown", type=int, default=6)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle or None)
    tower, familiarity = SegmentationTower(bundle, threads=1), load_familiarity(bundle)
    limit = Limit("distance") if familiarity is None else familiarity.limit
    failures = worst_hearts(tower, arguments.hearts, arguments.shown, limit)
    chosen = f"The {len(failures)} worst of {arguments.hearts} (seed {SEED})"
    if arguments.ladder:
        first = first_failures(read(arguments.ladder), limit)
        failures += [spoilt_heart(record, tower, limit) for record in first]
        chosen += f"; then {len(first)} whose images were spoilt until a report was grossly wrong"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    heading = f"{bundle.name} on generated hearts: where it goes wrong"
    picture = failures_png(heading, f"{chosen}.", failures)
    (arguments.folder / FILE_NAME).write_bytes(picture)
    section = "\n".join(card(f"{chosen}.", failures, arguments))
    (arguments.folder / CARD_NAME).write_text(f"{section}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
