"""Whether image tokens help the words: a decoder that has read, with and without them before it.

``python -m worker.training.language.word_trial --studies FOLDER --text-run RUN --out FOLDER`` takes
the decoder of a finished text run and lets networks learn to answer about analysed studies: the
connector behind the frozen decoder first, then the same again or everything together (the
end-to-end stage). One network's tokens hold nothing of the study, so that what more training gives
is not taken for what images give. Of studies that were not learnt from it keeps, per network and
study, how badly the right answers were predicted and what stands in a freely written impression
(``words.jsonl``; what is there is not made again; other studies or settings need another folder),
and prints the tables as Markdown: of patients, of generated hearts, of both.

The answers follow from the evidence alone, so image tokens can only help a decoder that misreads
it.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from plugin.domain.evidence import cited, fill_slots
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.categories import read_categories
from worker.model.language.decoder import Float32Array, Reading
from worker.model.language.generation import generate
from worker.model.language.prompt import Request, describe, prompt_ids
from worker.model.language.tokenizer import FILE_NAME, Tokenizer
from worker.model.language.vocabulary import LANGUAGES, Task
from worker.model.language.writer import MAXIMUM_TOKENS
from worker.training.language.adaptation import Adaptation, adapt
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    tensors_of,
)
from worker.training.language.answer_loss import answer_loss
from worker.training.language.checkpoint import CHECKPOINT_NAME, finished_network
from worker.training.language.decoder import LlamaDecoder
from worker.training.language.network import Prefix, VisionLanguageNetwork
from worker.training.language.reading_back import read_back
from worker.training.language.recognition_network import NetworkKind, evaluation_network
from worker.training.language.recognition_tables import interval
from worker.training.language.recognition_trial import Cohorts, Unseen, cohorts, train
from worker.training.language.requests import group_rows
from worker.training.language.study_data import LabelledStudy, read_studies
from worker.training.language.text_stage import CORPUS_FOLDER
from worker.training.rows import Row, add_row, continue_rows, digest_of

Float64Array = npt.NDArray[np.float64]
WORDS_NAME = "words.jsonl"
AS_IT_SHIPS = "evidence alone"
NOTHING_SEEN = "tokens that hold nothing, trained on"
_ANSWER = AlignmentOptions(batch=2, answered=2, category=0.0, text="none", withheld=0.0)
_EMPTY = _ANSWER.model_copy(update={"images": False, "measurements": False})
_RATES: Mapping[Adaptation, float] = {"frozen": 2e-3, "full": 1e-3}
_RESAMPLES = 1000
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class Arm:
    """A network: what its tokens hold, and how its decoder is trained behind the connector."""

    name: str
    options: AlignmentOptions
    decoder: Adaptation


ARMS = (
    Arm(NOTHING_SEEN, _EMPTY, "full"),
    Arm("tokens of the study, decoder frozen", _ANSWER, "frozen"),
    Arm("tokens of the study, end to end", _ANSWER, "full"),
)


@dataclass(frozen=True, slots=True)
class Material:
    """What all networks share."""

    divided: Cohorts
    tokenizer: Tokenizer
    reader: LlamaDecoder


def run_seed(material: Material, *, seed: int, steps: int) -> Iterator[Row]:
    """Yield what each network, and the decoder as it is, says of the unseen studies."""
    learnt, tokenizer = material.divided.learnt, material.tokenizer
    torch.manual_seed(seed)
    n_regions, n_features = learnt[0].features.regions.shape[2:]
    kind = NetworkKind(read=True, frozen=True)
    fresh = evaluation_network(tokenizer, n_features, n_regions, kind, material.reader)
    yield {"arm": AS_IT_SHIPS, "seed": seed, **_judged(fresh, None, material, seed)}
    words = WrittenWords(learnt, tokenizer, seed)
    behind: dict[bool, VisionLanguageNetwork] = {}
    for arm in ARMS:
        started = time.thread_time()
        stage = AlignmentStage(learnt, words, read_categories(), arm.options)
        if arm.options.images not in behind:
            begun = deepcopy(fresh)
            train(begun, stage, steps=steps, rate=_RATES["frozen"], seed=seed)
            behind[arm.options.images] = begun
        network = deepcopy(behind[arm.options.images])
        adapt(network.decoder, arm.decoder)
        train(network, stage, steps=steps, rate=_RATES[arm.decoder], seed=seed + 1000)
        spent = round(time.thread_time() - started, 1)
        told = _judged(network, arm.options, material, seed)
        yield {"arm": arm.name, "seed": seed, "steps": steps, "processor_s": spent, **told}


@torch.inference_mode()
def _judged(
    network: VisionLanguageNetwork,
    options: AlignmentOptions | None,
    material: Material,
    seed: int,
) -> Row:
    """Score and read what a network says of each unseen study; no options, no tokens."""
    unseen, tokenizer = material.divided.unseen, material.tokenizer
    words = WrittenWords(unseen, tokenizer, seed)
    decoder = network.decoder
    found: dict[str, dict[str, float]] = {}
    for index, study in enumerate(unseen):
        prefix = None if options is None else network.prefix(tensors_of([study], [()], options))
        asked = words.asked(index)
        evidence = decoder.embed_tokens(torch.tensor([asked.evidence]))
        before = evidence if prefix is None else torch.cat((prefix.embeds, evidence), dim=1)
        there = torch.ones(evidence.shape[:2], dtype=torch.int64)
        mask = there if prefix is None else torch.cat((prefix.mask, there), dim=1)
        scored = answer_loss(decoder, before, mask, group_rows(asked.rows))
        found[study.id] = {
            "loss": round(float(scored.loss), 5),
            "slots": scored.n_decisive,
            "slots_wrong": scored.n_decisive - scored.n_decisive_right,
            **_impression(decoder, prefix, study, LANGUAGES[index % len(LANGUAGES)], tokenizer),
        }
    return {"studies": found}


class TorchDecoder:
    """A decoder that is being trained, as generation asks for one (`generation.TextDecoder`)."""

    def __init__(self, decoder: LlamaDecoder) -> None:
        self._decoder = decoder
        self.context_length = decoder.settings.context_length

    def embed(self, ids: Sequence[int]) -> Float32Array:
        """Turn token ids into vectors ``[position, width]``."""
        return np.asarray(self._decoder.embed_tokens(torch.tensor(ids)).numpy(), np.float32)

    def read(self, embeds: Float32Array, after: Reading | None = None) -> Reading:
        """Read vectors after what was read before."""
        n_before = after.n_tokens if after else 0
        n_tokens = n_before + len(embeds)
        past = after.cache["past"] if after else self._decoder.empty_past(1)
        there = torch.ones(1, n_tokens, dtype=torch.int64)
        places = torch.arange(n_before, n_tokens)[None]
        last, _, cache = self._decoder.run_blocks(
            torch.as_tensor(embeds)[None], there, places, past
        )
        scores = self._decoder.scores(last[0, -1]).numpy()
        return Reading(n_tokens, {"past": cache}, scores)


def _impression(
    decoder: LlamaDecoder,
    prefix: Prefix | None,
    study: LabelledStudy,
    code: str,
    tokenizer: Tokenizer,
) -> dict[str, float]:
    """Let a decoder write an impression freely, and count what is wrong in it."""
    evidence = make_evidence(study.measured, load_language(code))
    request = Request(code, Task.IMPRESSION, describe(evidence))
    writer = TorchDecoder(decoder)
    embeds = writer.embed(prompt_ids(tokenizer, request))
    if prefix is not None:
        kept = prefix.embeds[0, prefix.mask[0].bool()].numpy()
        embeds = np.concatenate((kept, embeds))
    stop = {tokenizer.end_id}
    ids = generate(writer, writer.read(embeds), stop_ids=stop, budget=MAXIMUM_TOKENS).ids
    text = tokenizer.decode(ids)
    if any(evidence.fact(one) is None for one in cited(text)):
        # a slot without a fact: nothing of such a text would be printed
        return {"numbers": 1, "numbers_wrong": 1, "judging": 1, "judging_untrue": 1, **_NOTHING}
    read = read_back([fill_slots(text, evidence)], study.measured, evidence)
    keys = [one.key for one in study.measured.findings]
    return {
        "numbers": read.n_numbers,
        "numbers_wrong": read.n_wrong_numbers,
        "judging": read.n_statements,
        "judging_untrue": read.n_hallucinated,
        "findings": len(keys),
        "findings_omitted": sum(key not in read.told for key in keys),
    }


_NOTHING = {"findings": 0, "findings_omitted": 0}


def table(lines: Sequence[Row], ids: Sequence[str]) -> str:
    """Write what each network says of the studies ``ids``, and paired differences in loss.

    Intervals are over studies and seeds: both are drawn anew together.
    """
    names = dict.fromkeys(line["arm"] for line in lines)
    seeds = sorted({line["seed"] for line in lines})
    found = {(line["arm"], line["seed"]): line["studies"] for line in lines}
    seeds = [seed for seed in seeds if all((name, seed) in found for name in names)]
    n_studies, n_seeds = len(ids), len(seeds)
    rng = np.random.default_rng(_SEED)
    studies = rng.integers(n_studies, size=(_RESAMPLES, n_studies))
    studies = np.concatenate((np.arange(n_studies)[None], studies))
    runs = np.concatenate(
        (np.arange(n_seeds)[None], rng.integers(n_seeds, size=(_RESAMPLES, n_seeds)))
    )

    def drawn(name: str, what: str) -> Float64Array:
        """``[1 + resample]``: sum over the studies and seeds of a draw."""
        of = np.array([[found[name, seed][one][what] for one in ids] for seed in seeds], float)
        return np.array([of[np.ix_(r, s)].sum() for r, s in zip(runs, studies, strict=True)])

    def share(name: str, of: str, whole: str) -> str:
        counted = drawn(name, whole)
        return interval(100 * drawn(name, of) / counted) if counted.all() else "-"

    n_all = n_studies * n_seeds
    ships, empty = (drawn(name, "loss") / n_all for name in (AS_IT_SHIPS, NOTHING_SEEN))
    rows = [
        f"{n_studies} studies, seeds {', '.join(map(str, seeds))}",
        "",
        "| network | loss of the right answers | more than evidence alone "
        "| more than tokens that hold nothing | slots and ends wrong, % | wrong numbers, % "
        "| untrue judging sentences, % | omitted findings, % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        loss = drawn(name, "loss") / n_all
        more = " | ".join(
            interval(loss - other) if (loss != other).any() else "" for other in (ships, empty)
        )
        shares = (
            share(name, "slots_wrong", "slots"),
            share(name, "numbers_wrong", "numbers"),
            share(name, "judging_untrue", "judging"),
            share(name, "findings_omitted", "findings"),
        )
        rows.append(f"| {name} | {interval(loss)} | {more} | {' | '.join(shares)} |")
    return "\n".join(rows)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure what image tokens add to the words.")
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--text-run", type=Path, required=True, help="finished run that has read")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=150, help="of each of the two stages")
    parser.add_argument("--unseen-phantoms", type=int, default=28)
    parser.add_argument("--unseen-mixed", type=int, default=40)
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = given.out / WORDS_NAME
    run = {
        "studies": digest_of(given.studies),
        "text_run": digest_of(given.text_run / CHECKPOINT_NAME),
        "steps": given.steps,
        "unseen_phantoms": given.unseen_phantoms,
        "unseen_mixed": given.unseen_mixed,
    }
    rows = continue_rows(path, run)
    unseen = Unseen(given.unseen_phantoms, given.unseen_mixed)
    divided = cohorts(read_studies(given.studies), None, unseen)
    tokenizer = Tokenizer.from_file(given.text_run / CORPUS_FOLDER / FILE_NAME)
    material = Material(divided, tokenizer, finished_network(given.text_run)[0].decoder)
    for seed in given.seeds:
        known = {row["arm"] for row in rows if row["seed"] == seed}
        if known >= {AS_IT_SHIPS, *(arm.name for arm in ARMS)}:
            continue
        for row in run_seed(material, seed=seed, steps=given.steps):
            if row["arm"] not in known:
                add_row(path, row)
                rows.append(row)
    patients = [one.id for one in divided.unseen if one.cohort == "acdc"]
    hearts = [one.id for one in divided.unseen if one.cohort != "acdc"]
    for ids in (patients, hearts, patients + hearts):
        print(table(rows, ids), end="\n\n")  # noqa: T201 - the command's answer


if __name__ == "__main__":
    _main()
