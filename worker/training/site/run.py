"""Goes on training the network of a bundle on a hospital's volumes, and writes the site's bundle.

Shared by `adapt` (contours of the network itself) and `finetune` (contours of people). What is
known to be true is measured before and after: slices of generated hearts that were kept apart. A
network that got worse there is not written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle
from worker.bundle.manifest import Evaluation, EvaluationRow, Manifest
from worker.model.propagation import N_GUIDE_CHANNELS
from worker.training.batches import ReadySlices
from worker.training.cohorts import LabelledVolume
from worker.training.export import LICENCE_FILE, MULTIPLE, BundleText, write_bundle
from worker.training.network import N_PHASES, SegmentationNetwork
from worker.training.parent import channels_of, network_of
from worker.training.phantoms import cache_phantoms
from worker.training.recipe import Recipe, Stage
from worker.training.rows import require_same_run
from worker.training.run import PHANTOM_FILE, read_phantoms
from worker.training.run_record import digest_of
from worker.training.terms import PHANTOM, SITE, inherited_terms
from worker.training.train import (
    CHECKPOINT_FILE,
    RunOptions,
    Trainer,
    TrainingData,
    load_average,
    log_to,
)

IN_STYLE = "phantom_in_style"
N_PHANTOMS = 400
PHANTOM_SIZE = 160
MAY_FALL = 0.03
"""Mean Dice that may be lost on generated hearts; adapting to one site costs a little elsewhere."""
_KEPT_APART = 0.2
_STRUCTURES = {1: "RV", 2: "myocardium", 3: "LV"}
_BATCH = 12


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """How a bundle is trained further, and what the new one is called."""

    name: str
    version: str
    minutes: float
    learning_rate: float = 3e-4
    batch: int = 12
    seed: int = 0
    n_phantoms: int = N_PHANTOMS
    max_steps: int | None = None


@dataclass(frozen=True, slots=True)
class PhantomTruth:
    """Generated slices to learn from, and others to measure on."""

    training: ReadySlices
    kept_apart: ReadySlices


def phantom_truth(work: Path, options: SiteOptions) -> PhantomTruth:
    """Read the generated slices of a run's folder; make them first where there are none."""
    path = work / PHANTOM_FILE
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        cache_phantoms(path, options.n_phantoms, size=PHANTOM_SIZE, seed=options.seed)
    ready = read_phantoms(path)[PHANTOM]
    n = max(1, round(len(ready.images) * _KEPT_APART))
    return PhantomTruth(
        ReadySlices(ready.images[n:], ready.labels[n:]),
        ReadySlices(ready.images[:n], ready.labels[:n]),
    )


def train_on(
    bundle: Bundle,
    volumes: Sequence[LabelledVolume],
    ready: Mapping[str, ReadySlices],
    mix: Mapping[str, float],
    work: Path,
    options: SiteOptions,
) -> SegmentationNetwork:
    """Train the network of a bundle further; a run in ``work`` that was stopped goes on.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``; ``SETTING_INVALID``: the run in ``work`` went on from another
        bundle or learnt from other studies, so what it learnt is not what would be written of it.
    """
    parent = network_of(bundle)
    image = bundle.manifest.image
    stage = Stage(
        name="site",
        minutes=options.minutes,
        crop=max(MULTIPLE, round(image.view_mm / image.spacing_mm / MULTIPLE) * MULTIPLE),
        batch=options.batch,
        learning_rate_start=options.learning_rate,
        learning_rate_end=options.learning_rate / 20,
        patients="all",
        mix=dict(mix),
        spacing_mm=image.spacing_mm,
        dice_weight=0.5,
        ema_decay=0.99,
        augmentation={"full_circle": 0.1, "mirror": 0.02, "intensity": 0.6, "noise_max": 0.06},
        views={"anywhere": 0.15, "flip_neighbours": 0.05, "drop_neighbours": 0.05},
    )
    recipe = Recipe(
        name=options.name,
        seed=options.seed,
        channels=channels_of(parent.state_dict()),
        stages=(stage,),
    )
    made_of = {
        "bundle": bundle.digest,
        "studies": digest_of(volumes),
        "recipe": recipe.model_dump_json(exclude={"name"}),
    }
    require_same_run(work / CHECKPOINT_FILE, made_of)
    trainer = Trainer(recipe, work)
    if not trainer.path.exists():
        trainer.network.load_state_dict(parent.state_dict())
        trainer.average.load_state_dict(parent.state_dict())
        trainer.save()
    cohorts = {SITE: volumes}
    data = TrainingData({"inner": cohorts, "all": cohorts}, lambda: ready)
    run = RunOptions(report=log_to(work / "log.jsonl"), max_steps=options.max_steps)
    trainer.run(data, run)
    return load_average(trainer.path)[0]


def dice_on_slices(network: SegmentationNetwork, ready: ReadySlices) -> dict[str, float]:
    """Return the Dice of each structure over all pixels of slices, without neighbours' contours."""
    hits, totals = dict.fromkeys(_STRUCTURES, 0), dict.fromkeys(_STRUCTURES, 0)
    for k in range(0, len(ready.images), _BATCH):
        one_phase = torch.from_numpy(ready.images[k : k + _BATCH].astype(np.float32))
        nothing = torch.zeros(len(one_phase), N_GUIDE_CHANNELS, *one_phase.shape[2:])
        inputs = torch.cat((one_phase.repeat(1, N_PHASES, 1, 1), nothing), dim=1)
        with torch.inference_mode():
            found = network(inputs).argmax(dim=1).numpy()
        truth = ready.labels[k : k + _BATCH]
        for value in _STRUCTURES:
            hits[value] += int(((found == value) & (truth == value)).sum())
            totals[value] += int((found == value).sum() + (truth == value).sum())
    return {
        name: 2 * hits[value] / totals[value] if totals[value] else 1.0
        for value, name in _STRUCTURES.items()
    }


def require_no_worse(
    before: SegmentationNetwork, after: SegmentationNetwork, kept_apart: ReadySlices
) -> list[EvaluationRow]:
    """Compare two networks on generated hearts; return what was measured.

    Raises
    ------
    ConfigurationError
        ``TRAINING_MADE_WORSE``.
    """
    old, new = dice_on_slices(before, kept_apart), dice_on_slices(after, kept_apart)
    rows = rows_of(old, "generated hearts, before") + rows_of(new, "generated hearts, after")
    fell = float(np.mean(list(old.values())) - np.mean(list(new.values())))
    if fell > MAY_FALL:
        detail = f"mean Dice on generated hearts fell by {fell:.3f}"
        raise ConfigurationError(Reason.TRAINING_MADE_WORSE, detail)
    return rows


def rows_of(dice: Mapping[str, float], where: str) -> list[EvaluationRow]:
    """Return rows of a table that a manifest holds."""
    return [EvaluationRow(measure=f"Dice {name}, {where}", value=v) for name, v in dice.items()]


def write_site_bundle(
    network: SegmentationNetwork,
    parent: Bundle,
    folder: Path,
    options: SiteOptions,
    *,
    learnt_from: str,
    command: str,
    evaluation: Evaluation,
) -> Manifest:
    """Write the site's bundle, with the terms of its parent.

    Only the segmentation network goes along: what else the parent holds was made for its own
    features.
    """
    spec = parent.manifest
    licence_text = (parent.folder / LICENCE_FILE).read_text(encoding="utf-8")
    text = BundleText(
        name=options.name,
        version=options.version,
        training_data=(
            f"{learnt_from} Went on from {spec.name} {spec.version}, which learnt from: "
            f"{spec.training_data}"
        ),
        training_command=command,
        spacing_mm=spec.image.spacing_mm,
        view_mm=spec.image.view_mm,
        evaluation=evaluation,
        terms=inherited_terms(spec.licence, licence_text, spec.citations),
    )
    return write_bundle(network, folder, text)
