"""How well studies that were never seen are recognised, and which part is to thank for it.

``python -m worker.training.language.recognition_trial --studies FOLDER --tokenizer FILE --out
FOLDER`` trains small networks of the shipped kind, each with one part switched off or one group or
kind of heart held out from every study, label, sentence and anchor, and writes the margins of all
studies that it did not learn from (``margins.jsonl``, one line per network; a line that is there is
not made again). Steps are counted, not timed, so that a busy machine changes nothing. The tables
are made by `recognition_tables`.

These networks write nothing, and their decoder has read nothing before: a decoder that knows the
report corpus has read of every group.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worker.model.language.categories import read_categories
from worker.model.language.tokenizer import FILE_NAME, Tokenizer
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import GROUPS, phantom_categories
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    fit_scale,
)
from worker.training.language.checkpoint import finished_network
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.parts import NetworkChoice, PartChoice, PartRegistry
from worker.training.language.recognition_margins import margins_of
from worker.training.language.run import optimisers_of
from worker.training.language.study_data import MEASUREMENTS, LabelledStudy, read_studies
from worker.training.language.text_stage import CORPUS_FOLDER

Line = dict[str, Any]
MARGINS_NAME = "margins.jsonl"
TYPICAL = dict(zip(MEASUREMENTS, (60, 150, 80, 60, 110, 60, 55, 150, 85, 10), strict=True))
"""What counts as 1, per measurement."""

_BLOCK = {"width": 96, "n_layers": 2, "n_heads": 4, "feed_forward": 192}
_DECODER = {"width": 128, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "feed_forward": 320}
_WEIGHT_DECAY = 0.01
_WARMUP_STEPS = 20
_MAXIMUM_TEXT = 64
_RECOGNISE = AlignmentOptions(answered=0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One network to be trained; ``held_out`` is a group or kind of heart that it never meets."""

    name: str
    options: AlignmentOptions = _RECOGNISE
    held_out: str | None = None


def _without(**change: object) -> AlignmentOptions:
    return AlignmentOptions.model_validate({**_RECOGNISE.model_dump(), **change})


TRIALS: tuple[Trial, ...] = (
    Trial("everything"),
    *(Trial(f"without_{group}", held_out=group) for group in GROUPS),
    *(Trial(f"without_{one.key}", held_out=one.key) for one in phantom_categories()),
    Trial("no_images", _without(images=False)),
    Trial("no_measurements", _without(measurements=False)),
    Trial("no_clinical_text", _without(text="none")),
    Trial("shuffled_clinical_text", _without(text="shuffled")),
    Trial("no_contrast", _without(whole=0.0, local=0.0)),
    Trial("no_local_contrast", _without(local=0.0)),
    Trial("no_category_guidance", _without(category=0.0)),
)


def evaluation_network(
    tokenizer: Tokenizer, n_features: int, n_regions: int
) -> VisionLanguageNetwork:
    """Build an untrained network of the shipped kind, smaller."""
    scales = [{"key": key, "typical": typical} for key, typical in TYPICAL.items()]
    choice = NetworkChoice(
        encoder=PartChoice(
            name="axial", settings={**_BLOCK, "n_regions": n_regions, "n_features": n_features}
        ),
        connector=PartChoice(
            name="query",
            settings={
                **_BLOCK,
                "study_width": _BLOCK["width"],
                "decoder_width": _DECODER["width"],
                "maximum_text": _MAXIMUM_TEXT,
                "measurements": scales,
            },
        ),
        decoder=PartChoice(name="llama", settings={**_DECODER, "vocabulary": len(tokenizer)}),
        image_marks=tokenizer.image_mark_ids,
        text_marks=tokenizer.text_mark_ids,
    )
    return PartRegistry().build(choice)


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


def cohorts(
    studies: Sequence[LabelledStudy], held_out: str | None, n_unseen_phantoms: int
) -> Cohorts:
    """Divide studies: patients by the committed splits, the last generated hearts are unseen.

    Of a held-out group nothing is learnt from, neither patients nor generated hearts; a held-out
    kind is of generated hearts only.
    """
    splits = read_splits()
    last = sorted(one.id for one in studies if one.cohort == "phantom")[-n_unseen_phantoms:]
    kept_away = {*splits.validation, *splits.monitor, *last}
    learnt = [
        one for one in studies if one.id not in kept_away and held_out not in (one.group, one.kind)
    ]
    ids = {one.id for one in learnt}
    return Cohorts(tuple(learnt), tuple(one for one in studies if one.id not in ids))


def run_trial(
    trial: Trial,
    studies: Sequence[LabelledStudy],
    tokenizer: Tokenizer,
    *,
    seed: int,
    steps: int,
    rate: float,
    n_unseen_phantoms: int,
) -> Line:
    """Train the network of a trial; return the margins of what it did not learn from."""
    started = time.thread_time()
    categories = read_categories()
    seen = [one for one in categories if one.key != trial.held_out]
    divided = cohorts(studies, trial.held_out, n_unseen_phantoms)
    torch.manual_seed(seed)
    n_regions, n_features = studies[0].features.regions.shape[2:]
    network = evaluation_network(tokenizer, n_features, n_regions)
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
        "margins": margins_of(network, divided.unseen, tokenizer, trial.options, seed),
    }


WITHHELD: Mapping[str, AlignmentOptions] = {
    "everything": _RECOGNISE,
    "images_withheld": _without(images=False),
    "measurements_withheld": _without(measurements=False),
    "clinical_text_withheld": _without(text="none"),
    "clinical_text_of_another": _without(text="shuffled"),
}


def score_run(
    work: Path,
    studies: Sequence[LabelledStudy],
    n_unseen_phantoms: int,
    held_out: str | None = None,
) -> list[Line]:
    """Score a finished run of the stage runner on what it did not learn from.

    Nothing is trained: what is withheld is withheld from the finished network. ``held_out`` is the
    group that the run's stages never met.
    """
    network, _ = finished_network(work)
    if not isinstance(network, VisionLanguageNetwork):
        msg = "the run reads no images"
        raise TypeError(msg)
    tokenizer = Tokenizer.from_file(work / CORPUS_FOLDER / FILE_NAME)
    unseen = cohorts(studies, held_out, n_unseen_phantoms).unseen
    withheld = WITHHELD if held_out is None else {f"without_{held_out}": _RECOGNISE}
    return [
        {
            "trial": name,
            "seed": 0,
            "held_out": held_out,
            "margins": margins_of(network, unseen, tokenizer, options, 0),
        }
        for name, options in withheld.items()
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure recognition and its parts.")
    parser.add_argument("--studies", type=Path, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--tokenizer", type=Path, help="vocabulary of the networks to be trained")
    source.add_argument("--run", type=Path, help="score this finished run instead")
    parser.add_argument("--held-out", choices=GROUPS, help="group that the run never met")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", nargs="*", help="names; all when not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--unseen-phantoms", type=int, default=70)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / MARGINS_NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {(line["trial"], line["seed"]) for line in map(json.loads, lines)}
    studies = read_studies(given.studies)
    if given.run is not None:
        scored = score_run(given.run, studies, given.unseen_phantoms, given.held_out)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(line)}\n" for line in scored)
        return
    tokenizer = Tokenizer.from_file(given.tokenizer)
    for seed in range(given.seeds):
        for trial in TRIALS:
            wanted = given.trials is None or trial.name in given.trials
            if not wanted or (trial.name, seed) in done:
                continue
            result = run_trial(
                trial,
                studies,
                tokenizer,
                seed=seed,
                steps=given.steps,
                rate=given.rate,
                n_unseen_phantoms=given.unseen_phantoms,
            )
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    _main()
