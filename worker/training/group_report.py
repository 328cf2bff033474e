"""Figures of the cross-validated groups and of the ejection fraction's interval, as JSON and text.

Knows how each figure is computed and printed; the answers come from ``groups``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from worker.findings.pattern import GROUPS
from worker.findings.uncertainty import STANDARD_ERRORS, Z_90_PERCENT, StandardError
from worker.training.calibration import (
    area_under_curve,
    bootstrap_interval,
    error_of_a_perfect_model,
    expected_calibration_error,
    log_loss,
    reliability,
    wilson_interval,
)
from worker.training.groups import COVERAGE, Answers, Cases
from worker.training.hearts import MeasuredHeart

_EF = "lv_ejection_fraction"


def describe_answers(cases: Cases, answers: Answers, n_patients: int) -> dict[str, Any]:
    """Return every figure of the nested cross-validation.

    Parameters
    ----------
    n_patients
        That a tower measured; those whose contours gave no features count as wrong in the accuracy.
    """
    judged = cases.by_tower
    shares, truth = answers.shares[judged], cases.truth[judged]
    sets = answers.sets[judged]
    patients = [one for one, counts in zip(cases.patients, judged, strict=True) if counts]
    said, confidence = shares.argmax(axis=1), shares.max(axis=1)
    right = said == truth
    abnormal = truth != GROUPS.index("normal")
    score = 1.0 - shares[:, GROUPS.index("normal")]
    size = sets.sum(axis=1)
    single = size == 1
    holds = sets[np.arange(len(truth)), truth]
    n = len(truth)
    perfect, perfect_interval = error_of_a_perfect_model(confidence)
    confusion = np.zeros((len(GROUPS), len(GROUPS)), dtype=np.int64)
    np.add.at(confusion, (truth, said), 1)
    return {
        "n_patients": n_patients,
        "n_measured": n,
        "accuracy": _share(int(right.sum()), n_patients),
        "auc_abnormal": {
            "value": area_under_curve(score, abnormal),
            "interval": bootstrap_interval(
                n, lambda drawn: area_under_curve(score[drawn], abnormal[drawn])
            ),
        },
        "log_loss": log_loss(shares, truth),
        "calibration_error": {
            "value": expected_calibration_error(confidence, right),
            "interval": bootstrap_interval(
                n, lambda drawn: expected_calibration_error(confidence[drawn], right[drawn])
            ),
            "perfect_model": perfect,
            "perfect_model_interval": perfect_interval,
        },
        "sets": {
            "wanted_coverage": COVERAGE,
            "coverage": _share(int(holds.sum()), n),
            "single": _share(int(single.sum()), n),
            "several": int((size > 1).sum()),
            "empty": int((size == 0).sum()),
            "right_when_single": _share(int(right[single].sum()), max(int(single.sum()), 1)),
        },
        "groups": list(GROUPS),
        "confusion": confusion.tolist(),
        "reliability": [
            {"confidence": one.confidence, "accuracy": one.accuracy, "n": one.n}
            for one in reliability(confidence, right)
        ],
        "strengths": list(answers.strengths),
        "temperatures": list(answers.temperatures),
        "wrong": [
            {
                "patient": patients[k],
                "group": GROUPS[truth[k]],
                "said": GROUPS[said[k]],
                "confidence": round(float(confidence[k]), 3),
                "set": [name for name, held in zip(GROUPS, sets[k], strict=True) if held],
            }
            for k in np.flatnonzero(~right)
        ],
    }


def describe_intervals(
    hearts: Sequence[MeasuredHeart], errors: Mapping[str, StandardError] = STANDARD_ERRORS
) -> dict[str, Any]:
    """Return how often the 90 % interval of the ejection fraction holds the expert's value.

    Once with the standard error that the product prints, once with the root mean square error of
    the other folds.

    Parameters
    ----------
    errors
        What the product prints with the bundle that is judged (`errors_of`).
    """
    measured = [heart for heart in hearts if heart.lvef is not None]
    error = np.array([heart.lvef - heart.true_lvef for heart in measured if heart.lvef is not None])
    fold = np.array([heart.fold for heart in measured])
    printed = errors[_EF].of(0.0)
    several = len(set(fold.tolist())) > 1
    others = np.array([np.sqrt((error[fold != one] ** 2).mean()) for one in fold if several])
    n = len(measured)
    return {
        "n_measured": n,
        "mean_absolute_error": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "wanted_coverage": 0.9,
        "printed_standard_error": printed,
        "printed_source": errors[_EF].source,
        "coverage_printed": _share(int((np.abs(error) <= Z_90_PERCENT * printed).sum()), n),
        "coverage_other_folds": (
            _share(int((np.abs(error) <= Z_90_PERCENT * others).sum()), n) if several else None
        ),
        "by_fold": {
            str(one): {
                "tower": next(heart.tower for heart in measured if heart.fold == one),
                "mean_absolute_error": float(np.abs(error[fold == one]).mean()),
            }
            for one in sorted(set(fold.tolist()))
        },
    }


def _share(n_right: int, n: int) -> dict[str, Any]:
    return {"value": n_right / n, "n": n_right, "of": n, "interval": wilson_interval(n_right, n)}


def as_markdown(report: dict[str, Any]) -> str:
    """Return the tables for the documentation."""
    found, error = report["answers"], report["answers"]["calibration_error"]
    sets, ef = found["sets"], report["ejection_fraction"]
    perfect = error["perfect_model_interval"]
    beside = f"{error['perfect_model']:.3f} ({perfect[0]:.3f} to {perfect[1]:.3f})"
    rows = [
        ("Accuracy, 5 groups", _with_interval(found["accuracy"])),
        (
            "The same classifier on the experts' masks",
            _with_interval(report["experts"]["accuracy"]),
        ),
        ("AUC normal / abnormal", _with_interval(found["auc_abnormal"])),
        ("Expected calibration error", _with_interval(error)),
        ("... of a perfectly calibrated model on as many hearts", beside),
        (
            f"Sets of {sets['wanted_coverage']:.0%}: hold the group",
            _with_interval(sets["coverage"]),
        ),
        ("One group in the set (an answer)", _with_interval(sets["single"])),
        ("Indeterminate: several / none", f"{sets['several']} / {sets['empty']}"),
        ("Right where there is an answer", _with_interval(sets["right_when_single"])),
        ("LVEF mean absolute error, points", f"{ef['mean_absolute_error']:.2f}"),
        ("90 % interval of LVEF as printed", _with_interval(ef["coverage_printed"])),
    ]
    if ef["coverage_other_folds"] is not None:
        row = "... with the error of the other folds", _with_interval(ef["coverage_other_folds"])
        rows.append(row)
    lines = ["| figure | value (95 % interval) |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    printed = f"{ef['printed_standard_error']:.1f} points ({ef['printed_source']})"
    lines += ["", f"Standard error of LVEF as printed: {printed}."]
    names = [name.replace("_", " ") for name in found["groups"]]
    lines += ["", f"| truth \\ said | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(str(n) for n in row)} |"
        for name, row in zip(names, found["confusion"], strict=True)
    ]
    return "\n".join(lines) + "\n"


def _with_interval(figure: dict[str, Any]) -> str:
    low, high = figure["interval"]
    counted = f", {figure['n']} of {figure['of']}" if "of" in figure else ""
    return f"{figure['value']:.3f} ({low:.3f} to {high:.3f}{counted})"
