"""Trains a bundle's network further on a hospital's own contours.

Some studies are kept apart; on them the contours of people are the truth, so here accuracy at the
site is measured, before and after.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle
from worker.bundle.manifest import Evaluation, EvaluationRow, Manifest
from worker.training.cohorts import LabelledVolume
from worker.training.monitor import dice_in_views
from worker.training.network import SegmentationNetwork
from worker.training.parent import network_of
from worker.training.site.masks import MaskError, masked_volumes, shared_masks
from worker.training.site.run import (
    SiteOptions,
    phantom_truth,
    require_no_worse,
    train_on,
    write_site_bundle,
)
from worker.training.site.studies import (
    describe_left_out,
    find_studies,
    keep_apart,
    read_studies,
)
from worker.training.terms import PHANTOM, SITE

MINIMUM_STUDIES = 5
_KEPT_APART_SHARE = 0.2
_MIX = {SITE: 0.75, PHANTOM: 0.25}


@dataclass(frozen=True, slots=True, eq=False)
class Finetuned:
    """What came out, and what it came from."""

    manifest: Manifest
    n_studies: int
    left_out: str


@dataclass(frozen=True, slots=True, eq=False)
class MaskedStudy:
    """The phases of one study that people contoured."""

    patient: str
    volumes: list[LabelledVolume]


def finetune(
    parent: Bundle,
    studies: Path,
    folder: Path,
    work: Path,
    options: SiteOptions,
    *,
    minimum_studies: int = MINIMUM_STUDIES,
) -> Finetuned:
    """Train ``parent`` on DICOM studies with masks and write the bundle of the site.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``, ``TOO_FEW_STUDIES``, ``MASKS_UNUSABLE`` or
        ``TRAINING_MADE_WORSE``; nothing is written then.
    """
    before = network_of(parent)
    found, left_out = read_masked(studies, minimum_studies)
    apart, learnt = keep_apart(found, _KEPT_APART_SHARE)
    seen = [volume for one in apart for volume in one.volumes]
    volumes = [volume for one in learnt for volume in one.volumes]
    truth = phantom_truth(work, options)
    after = train_on(parent, volumes, {PHANTOM: truth.training}, _MIX, work, options)
    rows = [
        *_on_site(before, seen, parent, "before"),
        *_on_site(after, seen, parent, "after"),
        *require_no_worse(before, after, truth.kept_apart),
    ]
    manifest = write_site_bundle(
        after,
        parent,
        folder,
        options,
        learnt_from=(
            f"Short-axis cines of a hospital with its own contours: {len(learnt)} studies; "
            "generated hearts (worker.phantom)."
        ),
        command=f"cmr-triage train finetune --bundle {parent.name}, {options.minutes:g} minutes",
        evaluation=Evaluation(
            data=(
                f"{len(apart)} studies of the site, of patients that it did not learn from, in "
                "views around the drawn heart, not through the whole tower; generated hearts kept "
                "apart. NOT MEASURED: ejection fraction, and any other hospital"
            ),
            n_patients=len({one.patient for one in apart}),
            command="cmr-triage train finetune",
            rows=tuple(rows),
        ),
    )
    return Finetuned(manifest, len(found), left_out)


def read_masked(studies: Path, minimum: int) -> tuple[list[MaskedStudy], str]:
    """Read the phases with masks of each study that has any.

    Raises
    ------
    ConfigurationError
        ``TOO_FEW_STUDIES`` or ``MASKS_UNUSABLE``.
    """
    rejected: Counter[Reason] = Counter()
    wrong: Counter[str] = Counter()
    found: list[MaskedStudy] = []
    shared = shared_masks(find_studies(studies))
    n_usable = 0
    for study in read_studies(studies, rejected):
        n_usable += 1
        try:
            volumes = list(masked_volumes(study, shared))
        except MaskError as error:
            wrong[str(error)] += 1
            continue
        if not volumes:
            wrong["without a mask"] += 1
            continue
        found.append(MaskedStudy(study.patient, volumes))
    said = ", ".join(
        part
        for part in (describe_left_out(rejected), ", ".join(f"{n} {k}" for k, n in wrong.items()))
        if part
    )
    if len(found) < minimum:
        reason = Reason.TOO_FEW_STUDIES if n_usable < minimum else Reason.MASKS_UNUSABLE
        detail = f"{len(found)} usable; {minimum} are needed" + (f"; {said}" if said else "")
        raise ConfigurationError(reason, detail)
    return found, said


def _on_site(
    network: SegmentationNetwork, volumes: Sequence[LabelledVolume], parent: Bundle, when: str
) -> list[EvaluationRow]:
    image = parent.manifest.image
    size = round(image.view_mm / image.spacing_mm)
    dice = dice_in_views(network, volumes, spacing_mm=image.spacing_mm, size=size)
    return [
        EvaluationRow(measure=f"{name}, site, {when}", value=value) for name, value in dice.items()
    ]
