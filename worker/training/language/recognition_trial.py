"""How well studies that were never seen are recognised, and which part is to thank for it.

``python -m worker.training.language.recognition_trial --studies FOLDER --tokenizer FILE --out
FOLDER`` trains small networks of the shipped kind, each with one part switched off or one group or
kind of heart held out from every study, label, sentence and anchor, and writes the margins of all
studies that it did not learn from (``margins.jsonl``, one line per network; a line that is there is
not made again; other studies or settings, or a finished run to be scored, need another folder).
Steps are counted, not timed, so that a busy machine changes nothing. The tables are made by
`recognition_tables` and `recognition_ablations`.

These networks write nothing, and their decoder has read nothing before: a decoder that knows the
report corpus has read of every group. Only the trials ``read_decoder`` and ``frozen_read_decoder``
begin with one that has; they are left out without ``--text-run``.
"""

import argparse
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worker.model.language.categories import Category, read_categories
from worker.model.language.tokenizer import FILE_NAME, Tokenizer
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import phantom_categories
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    fit_scale,
)
from worker.training.language.checkpoint import CHECKPOINT_NAME, finished_network
from worker.training.language.criteria import GROUPS, groups_of
from worker.training.language.decoder import LlamaDecoder
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.recognition_margins import margins_of, named_only
from worker.training.language.recognition_network import (
    SHIPPED_KIND,
    NetworkKind,
    evaluation_network,
)
from worker.training.language.run import optimisers_of
from worker.training.language.study_data import LabelledStudy, read_studies
from worker.training.language.text_stage import CORPUS_FOLDER
from worker.training.rows import Row, add_row, continue_rows, digest_of

MARGINS_NAME = "margins.jsonl"
_WEIGHT_DECAY = 0.01
_WARMUP_STEPS = 20
_RECOGNISE = AlignmentOptions(answered=0, text="own")
"""Of all trials: the defaults, with clinical text besides, so that it can be taken away."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One network to be trained.

    Attributes
    ----------
    held_out
        A group or kind of heart that it never meets.
    by_name
        Categories are known to it by their names alone, in training and after.
    """

    name: str
    options: AlignmentOptions = _RECOGNISE
    held_out: str | None = None
    network: NetworkKind = SHIPPED_KIND
    by_name: bool = False


def _but(**change: object) -> AlignmentOptions:
    """Return the options of all trials but for what is named."""
    return AlignmentOptions.model_validate({**_RECOGNISE.model_dump(), **change})


TRIALS: tuple[Trial, ...] = (
    Trial("everything"),
    *(Trial(f"without_{group}", held_out=group) for group in GROUPS),
    *(Trial(f"without_{one.key}", held_out=one.key) for one in phantom_categories()),
    Trial("no_images", _but(images=False)),
    Trial("no_measurements", _but(measurements=False)),
    Trial("no_clinical_text", _but(text="none")),
    Trial("shuffled_clinical_text", _but(text="shuffled")),
    Trial("nothing_withheld", _but(withheld=0.0)),
    Trial("with_contrast", _but(whole=1.0, local=0.5)),
    Trial("contrast_alone", _but(whole=1.0, local=0.5, category=0.0)),
    Trial("names_alone", by_name=True),
    Trial("reports_only", _but(described=0.0)),
    Trial("reports_with_contrast", _but(described=0.0, whole=1.0, local=0.5)),
    Trial("no_cross_attention", network=NetworkKind(cross_attention=False)),
    Trial("last_layer", network=NetworkKind(hidden="last")),
    Trial("middle_layer", network=NetworkKind(hidden="middle")),
    Trial("one_mark", network=NetworkKind(n_marks=1)),
    Trial("eight_marks", network=NetworkKind(n_marks=8)),
    Trial("frozen_decoder", network=NetworkKind(frozen=True)),
    Trial("read_decoder", network=NetworkKind(read=True)),
    Trial("frozen_read_decoder", network=NetworkKind(read=True, frozen=True)),
    Trial("no_region_maps", _but(regions="shapes")),
    Trial("no_region_shapes", _but(regions="maps")),
    Trial("region_maps_alone", _but(regions="maps", measurements=False)),
)


def train(
    network: VisionLanguageNetwork, stage: AlignmentStage, *, steps: int, rate: float, seed: int
) -> None:
    """Train everything for a number of steps; the learning rate falls in a straight line."""
    fit_scale(network, stage.studies)
    optimisers = optimisers_of(network, _WEIGHT_DECAY)
    rng = np.random.default_rng(seed)
    network.train()
    for step in range(steps):
        for group in (group for one in optimisers for group in one.param_groups):
            group["lr"] = rate * min((step + 1) / _WARMUP_STEPS, 1 - 0.95 * step / steps)
        loss, _ = stage.loss(network, rng)
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for one in optimisers:
            one.step()
    network.eval()


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Studies to learn from, and all others."""

    learnt: tuple[LabelledStudy, ...]
    unseen: tuple[LabelledStudy, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many generated hearts are kept from every network: the last of each sort."""

    phantoms: int
    mixed: int = 0


def cohorts(studies: Sequence[LabelledStudy], held_out: str | None, unseen: Unseen) -> Cohorts:
    """Divide studies: patients by the committed splits, the last generated hearts are unseen.

    Of a held-out group nothing is learnt from, neither patients nor generated hearts
    (`criteria.groups_of`); of a held-out kind, no mixed heart with that wall either.
    """
    splits = read_splits()
    kept_away = {*splits.validation, *splits.monitor}
    for cohort, number in (("phantom", unseen.phantoms), ("mixed", unseen.mixed)):
        ids = sorted(one.id for one in studies if one.cohort == cohort)
        kept_away.update(ids[max(0, len(ids) - number) :])
    learnt = [
        one
        for one in studies
        if one.id not in kept_away and held_out not in {*groups_of(one), *_kinds_of(one)}
    ]
    ids_learnt = {one.id for one in learnt}
    return Cohorts(tuple(learnt), tuple(one for one in studies if one.id not in ids_learnt))


def _kinds_of(study: LabelledStudy) -> set[str]:
    wall = () if study.traits is None else (f"hypertrophic_{study.traits.wall}",)
    return {study.kind, *wall}


@dataclass(frozen=True, slots=True)
class Material:
    """What all trials share; ``reader`` is a decoder that has read the report corpus, if any."""

    studies: Sequence[LabelledStudy]
    tokenizer: Tokenizer
    unseen: Unseen
    reader: LlamaDecoder | None = None


def run_trial(trial: Trial, material: Material, *, seed: int, steps: int, rate: float) -> Row:
    """Train the network of a trial; return the margins of what it did not learn from."""
    started = time.thread_time()
    judged = [named_only(one) if trial.by_name else one for one in _judged()]
    known = {one.key for one in read_categories()} - {trial.held_out}
    seen = [one for one in judged if one.key in known]
    tokenizer = material.tokenizer
    divided = cohorts(material.studies, trial.held_out, material.unseen)
    torch.manual_seed(seed)
    n_regions, n_features = material.studies[0].features.regions.shape[2:]
    network = evaluation_network(tokenizer, n_features, n_regions, trial.network, material.reader)
    words = WrittenWords(divided.learnt, tokenizer, seed)
    stage = AlignmentStage(divided.learnt, words, seen, trial.options)
    train(network, stage, steps=steps, rate=rate, seed=seed)
    return {
        "trial": trial.name,
        "seed": seed,
        "held_out": trial.held_out,
        "steps": steps,
        "n_learnt": len(divided.learnt),
        "processor_s": round(time.thread_time() - started, 1),
        "gates": _gates(network),
        "margins": margins_of(network, divided.unseen, tokenizer, trial.options, seed, judged),
    }


def _judged() -> tuple[Category, ...]:
    return *read_categories(), *phantom_categories()


def _gates(network: VisionLanguageNetwork) -> list[float]:
    """How far each layer of the connector lets clinical text in, -1 to 1."""
    gates = {n: p for n, p in network.connector.named_parameters() if n.endswith("text_gate")}
    return [round(gate.tanh().item(), 4) for gate in gates.values()]


WITHHELD: Mapping[str, AlignmentOptions] = {
    "everything": _RECOGNISE,
    "images_withheld": _but(images=False),
    "measurements_withheld": _but(measurements=False),
    "clinical_text_withheld": _but(text="none"),
    "clinical_text_of_another": _but(text="shuffled"),
}


def score_run(
    work: Path,
    studies: Sequence[LabelledStudy],
    unseen: Unseen,
    held_out: str | None = None,
) -> list[Row]:
    """Score a finished run of the stage runner on what it did not learn from.

    Nothing is trained: what is withheld is withheld from the finished network. ``held_out`` is the
    group that the run's stages never met.
    """
    network, _ = finished_network(work)
    if not isinstance(network, VisionLanguageNetwork):
        msg = "the run reads no images"
        raise TypeError(msg)
    tokenizer = Tokenizer.from_file(work / CORPUS_FOLDER / FILE_NAME)
    judged = cohorts(studies, held_out, unseen).unseen
    withheld = WITHHELD if held_out is None else {f"without_{held_out}": _RECOGNISE}
    return [
        {
            "trial": name,
            "seed": 0,
            "held_out": held_out,
            "margins": margins_of(network, judged, tokenizer, options, 0, _judged()),
        }
        for name, options in withheld.items()
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure recognition and its parts.")
    parser.add_argument("--studies", type=Path, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--tokenizer", type=Path, help="vocabulary of the networks to be trained")
    source.add_argument("--run", type=Path, help="score this finished run instead")
    parser.add_argument("--text-run", type=Path, help="finished run whose decoder has read")
    parser.add_argument("--held-out", choices=GROUPS, help="group that the run never met")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", nargs="*", choices=[one.name for one in TRIALS])
    parser.add_argument("--variant", help="what is special about the studies, for the names")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--unseen-phantoms", type=int, default=28)
    parser.add_argument("--unseen-mixed", type=int, default=40)
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = given.out / MARGINS_NAME
    studies = read_studies(given.studies)
    unseen = Unseen(given.unseen_phantoms, given.unseen_mixed)
    rows = continue_rows(path, _made_of(given))
    done = {(row["trial"], row["seed"]) for row in rows}
    if given.run is None:
        _run_missing(given, studies, unseen, path, done)
        return
    for line in score_run(given.run, studies, unseen, given.held_out):
        if (line["trial"], line["seed"]) not in done:
            add_row(path, line)


def _made_of(given: argparse.Namespace) -> Row:
    """Return what all rows depend on: of networks to be trained, or of a finished one."""
    shared = {
        "studies": digest_of(given.studies),
        "unseen_phantoms": given.unseen_phantoms,
        "unseen_mixed": given.unseen_mixed,
    }
    if given.run is not None:
        run = digest_of(given.run / CHECKPOINT_NAME)
        return {**shared, "run": run, "held_out": given.held_out}
    reader = None if given.text_run is None else digest_of(given.text_run / CHECKPOINT_NAME)
    return {
        **shared,
        "tokenizer": digest_of(given.tokenizer),
        "text_run": reader,
        "steps": given.steps,
        "rate": given.rate,
    }


def _run_missing(
    given: argparse.Namespace,
    studies: Sequence[LabelledStudy],
    unseen: Unseen,
    path: Path,
    done: Set[tuple[str, int]],
) -> None:
    """Run the trials that were asked for, in that order, all of them with one seed first."""
    reader = None if given.text_run is None else finished_network(given.text_run)[0].decoder
    tokenizer = Tokenizer.from_file(given.tokenizer)
    material = Material(studies, tokenizer, unseen, reader)
    named = {one.name: one for one in TRIALS if reader is not None or not one.network.read}
    suffix = "" if given.variant is None else f"_{given.variant}"
    for seed in range(given.seeds):
        for trial in (named[name] for name in given.trials or named):
            name = trial.name + suffix
            if (name, seed) in done:
                continue
            line = run_trial(trial, material, seed=seed, steps=given.steps, rate=given.rate)
            add_row(path, {**line, "trial": name})


if __name__ == "__main__":
    _main()
