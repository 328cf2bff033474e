"""Adapts a bundle's network to the look of one hospital's images, without a contour by anybody.

It learns from its own contours where it is sure of them, and from generated hearts in the grey
values of the site, whose contours are true. There is no truth about the site's patients here, so no
accuracy on them is measured, and the bundle says so.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle, load_bundle
from worker.bundle.manifest import Evaluation, EvaluationRow, Manifest
from worker.model.tower import SegmentationTower
from worker.training.batches import PHANTOM_SPACING_MM
from worker.training.export import with_evaluation
from worker.training.network import SegmentationNetwork
from worker.training.parent import network_of
from worker.training.site.pseudo_labels import ConfidenceGate, PseudoLabelled, pseudo_label
from worker.training.site.run import (
    IN_STYLE,
    PhantomTruth,
    SiteOptions,
    dice_on_slices,
    phantom_truth,
    require_no_worse,
    rows_of,
    train_on,
    write_site_bundle,
)
from worker.training.site.studies import describe_left_out, keep_apart, read_studies
from worker.training.site.style import Curve, curve_of, in_style
from worker.training.terms import PHANTOM, SITE

_WATCHED_SHARE = 0.2
_MIX = {SITE: 0.5, IN_STYLE: 0.3, PHANTOM: 0.2}
_NOT_MEASURED = (
    "NOT MEASURED: how right the contours are on patients of the site, because nobody contoured "
    "them"
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a folder of studies must bring."""

    studies: int = 10
    confident: int = 5
    gate: ConfidenceGate = field(default_factory=ConfidenceGate)


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """What came out, and what it came from."""

    manifest: Manifest
    n_studies: int
    n_confident: int
    left_out: str


def adapt(
    parent: Bundle,
    studies: Path,
    folder: Path,
    work: Path,
    options: SiteOptions,
    required: Requirements | None = None,
    threads: int = 0,
) -> Adapted:
    """Adapt ``parent`` to the studies below a folder and write the bundle of the site.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``, ``TOO_FEW_STUDIES``, ``NOTHING_CONFIDENT`` or
        ``TRAINING_MADE_WORSE``; nothing is written then.
    """
    required = required or Requirements()
    before = network_of(parent)
    found, left_out = _looked_at(parent, studies, required.studies, threads)
    sure = [one for one in found if one.passes(required.gate)]
    if len(sure) < required.confident:
        detail = f"{len(sure)} of {len(found)} studies; {required.confident} are needed"
        raise ConfigurationError(Reason.NOTHING_CONFIDENT, detail)
    watched, learnt = keep_apart(sure, _WATCHED_SHARE)
    truth = phantom_truth(work, options)
    volumes = [volume for one in learnt for volume in one.volumes]
    curves = [curve_of(volume) for volume in volumes]
    styled = in_style(truth.training, curves, PHANTOM_SPACING_MM, options.seed)
    ready = {PHANTOM: truth.training, IN_STYLE: styled}
    after = train_on(parent, volumes, ready, _MIX, work, options)
    rows = _measured(before, after, truth, curves, options) + _doubts(watched, "before")
    fresh = folder.with_name(f"{folder.name}.new")
    evaluation = Evaluation(
        data=(
            "Generated hearts kept apart, and the network's own confidence on studies of the site "
            f"that it did not learn from. {_NOT_MEASURED}"
        ),
        n_patients=len({one.patient for one in watched}),
        command="cmr-triage train adapt",
        rows=tuple(rows),
    )
    write_site_bundle(
        after,
        parent,
        fresh,
        options,
        learnt_from=(
            f"Unlabelled short-axis cines of a hospital: {len(learnt)} studies, with the contours "
            "of the network itself where it was sure; generated hearts (worker.phantom), also in "
            "the grey values of the site."
        ),
        command=f"cmr-triage train adapt --bundle {parent.name}, {options.minutes:g} minutes",
        evaluation=evaluation,
    )
    again = _again(fresh, studies, watched, threads)
    if len(again) < len(watched):
        shutil.rmtree(fresh)
        detail = f"it lost the heart in {len(watched) - len(again)} of {len(watched)} studies"
        raise ConfigurationError(Reason.TRAINING_MADE_WORSE, detail)
    rows += _doubts(again, "after")
    manifest = with_evaluation(fresh, evaluation.model_copy(update={"rows": tuple(rows)}))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return Adapted(manifest, len(found), len(sure), left_out)


def _looked_at(
    parent: Bundle, studies: Path, minimum: int, threads: int
) -> tuple[list[PseudoLabelled], str]:
    tower = SegmentationTower(parent, threads=threads)
    rejected: Counter[Reason] = Counter()
    without_heart: Counter[str] = Counter()
    found = list(pseudo_label(tower, read_studies(studies, rejected), without_heart))
    parts = [describe_left_out(rejected), ", ".join(f"{n} {k}" for k, n in without_heart.items())]
    left_out = ", ".join(part for part in parts if part)
    if len(found) < minimum:
        detail = f"{len(found)} usable; {minimum} are needed" + (
            f"; left out: {left_out}" if left_out else ""
        )
        raise ConfigurationError(Reason.TOO_FEW_STUDIES, detail)
    return found, left_out


def _measured(
    before: SegmentationNetwork,
    after: SegmentationNetwork,
    truth: PhantomTruth,
    curves: Sequence[Curve],
    options: SiteOptions,
) -> list[EvaluationRow]:
    """Dice on generated hearts kept apart, as they are and in the grey values of the site."""
    rows = require_no_worse(before, after, truth.kept_apart)
    same_look = in_style(truth.kept_apart, curves, PHANTOM_SPACING_MM, options.seed + 1)
    for network, when in ((before, "before"), (after, "after")):
        where = f"generated hearts in the site's grey values, {when}"
        rows += rows_of(dice_on_slices(network, same_look), where)
    return rows


def _again(
    folder: Path, studies: Path, watched: Sequence[PseudoLabelled], threads: int
) -> list[PseudoLabelled]:
    """Look at the watched studies with the new bundle."""
    names = {one.volumes[0].patient for one in watched}
    tower = SegmentationTower(load_bundle(folder), threads=threads)
    chosen = (one for one in read_studies(studies, Counter()) if one.name in names)
    return list(pseudo_label(tower, chosen, Counter()))


def _doubts(found: Sequence[PseudoLabelled], when: str) -> list[EvaluationRow]:
    if not found:
        return []
    return [
        EvaluationRow(
            measure=f"mean confidence on watched studies, {when} (not calibrated)",
            value=float(np.mean([one.confidence for one in found])),
        ),
        EvaluationRow(
            measure=f"Dice between two looks at watched studies, {when}",
            value=float(np.mean([one.agreement for one in found])),
        ),
    ]
