"""Runs the stages of a language recipe: optimisers, time-based schedule, log.

The folder of a run holds ``corpus/``, ``checkpoint.pt``, ``log.jsonl`` and, after each stage, the
trained parts (``<part>.pt``, a state dictionary that another recipe can start from). A run can be
stopped at any moment and goes on from its last checkpoint. Time is what the processor spent on
steps, not what a clock on the wall says, so that a busy machine makes a run longer and not worse;
on a GPU it is the clock.
What a stage learns from and by which loss belongs to its kind; new kinds join in `KINDS`.

References
----------
Muon optimiser: Jordan et al., 2024 (matrices); AdamW: Loshchilov and Hutter, ICLR 2019 (the rest).
"""

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.device import Compute
from worker.training.language.adaptation import merge_additions
from worker.training.language.alignment_task import alignment_task
from worker.training.language.answer_loss import AnswerLoss
from worker.training.language.checkpoint import (
    ROLES,
    adapt_parts,
    build_network,
    read_checkpoint,
    restore,
    trained_by,
    write_checkpoint,
)
from worker.training.language.parts import LanguageNetwork, Role
from worker.training.language.recipe import LanguageRecipe, LanguageStage
from worker.training.language.text_stage import TextData, TextStage, text_data
from worker.training.run_record import LOG_NAME, keep_record, made_of
from worker.training.train import Progress, log_to

_LARGEST_NORM = 1.0
_MATRIX = 2


class StageTask(Protocol):
    """What a stage learns from, and the loss."""

    def loss(self, network: LanguageNetwork, rng: np.random.Generator) -> tuple[Tensor, AnswerLoss]:
        """Draw one study; return the scalar to descend, and how its answers were predicted."""

    def watch(self, network: LanguageNetwork) -> dict[str, float]:
        """Score studies that are not learnt from."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a kind of stage may need to make its task."""

    stage: LanguageStage
    text: TextData
    work: Path
    seed: int


def _text(context: StageContext) -> StageTask:
    return TextStage(context.text)


def _align(context: StageContext) -> StageTask:
    tokenizer = context.text.tokenizer
    return alignment_task(context.stage, context.work, tokenizer, context.seed)


KINDS: Mapping[str, Callable[[StageContext], StageTask]] = {"text": _text, "align": _align}


@dataclass(frozen=True, slots=True)
class LanguageRunOptions:
    """How a run is watched and saved (nothing here changes what is learnt)."""

    checkpoint_s: float = 120.0
    watch_s: float = 300.0
    report_s: float = 20.0
    max_steps: int | None = None


@dataclass(slots=True)
class _Counts:
    """What the reports add up since the last one."""

    n_steps: int = 0
    loss: float = 0.0
    n_decisive: int = 0
    n_right: int = 0
    n_tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Due:
    """When something that is done every so many seconds of training is due."""

    last: dict[str, float] = field(default_factory=dict)

    def ask(self, what: str, every: float, now: float) -> bool:
        if now - self.last.setdefault(what, now) < every:
            return False
        self.last[what] = now
        return True


class LanguageTrainer:
    """Holds the network and the optimisers of one run.

    Parameters
    ----------
    recipe
        What to do.
    text
        The corpus; every stage's answers come from its vocabulary.
    work
        Folder of the run; a run found there is continued.
    kinds
        Kinds of stages by name.
    compute
        Where; checkpoints are the same everywhere.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: a part or a kind of stage is not known, or parts do not fit.
    """

    def __init__(
        self,
        recipe: LanguageRecipe,
        text: TextData,
        work: Path,
        kinds: Mapping[str, Callable[[StageContext], StageTask]] | None = None,
        compute: Compute | None = None,
    ) -> None:
        self._recipe, self._text, self._work = recipe, text, work
        self._compute = compute or Compute()
        # a GPU works while the processor waits for it, so there the clock on the wall counts
        self._clock = time.monotonic if self._compute.on_gpu else time.thread_time
        self._kinds = KINDS if kinds is None else kinds
        for stage in recipe.stages:
            if stage.kind not in self._kinds:
                known = ", ".join(self._kinds)
                detail = f"stage {stage.name}: no kind {stage.kind!r}; there is {known}"
                raise ConfigurationError(Reason.SETTING_INVALID, detail)
        torch.manual_seed(recipe.seed)
        self.network = build_network(recipe, text.tokenizer).to(self._compute.device)
        self.progress = Progress()
        self.trained: set[Role] = set()
        self._report = log_to(work / LOG_NAME)
        self._optimiser_states = self._load()

    def run(self, options: LanguageRunOptions | None = None) -> None:
        """Work through the stages that are not done yet."""
        options = options or LanguageRunOptions()
        self._report(
            {
                **made_of(
                    self._recipe.model_dump(mode="json"), self._text.hashes, self._compute.device
                ),
                "parameters": {role: _count(part) for role, part in self._parts().items()},
            }
        )
        while self.progress.stage < len(self._recipe.stages):
            stage = self._recipe.stages[self.progress.stage]
            # the context costs time at every operation, so it is there only where it is needed
            with torch.device("cuda") if self._compute.on_gpu else nullcontext():
                finished = self._run_stage(stage, options)
            if not finished:
                return
            self.trained |= trained_by(stage)
            merge_additions(self.network)
            self.progress.stage += 1
            self.progress.stage_seconds = 0.0
            self._save(())
            self._save_parts()

    def _parts(self) -> dict[Role, nn.Module]:
        return {role: getattr(self.network, role) for role in ROLES if hasattr(self.network, role)}

    def _run_stage(self, stage: LanguageStage, options: LanguageRunOptions) -> bool:
        """Return whether the stage was finished (False: ``max_steps`` reached)."""
        optimisers = self._prepare(stage)
        task = self._kinds[stage.kind](
            StageContext(stage, self._text, self._work, self._recipe.seed)
        )
        counts, due, progress = _Counts(), _Due(), self.progress
        while progress.stage_seconds < 60 * stage.minutes:
            if options.max_steps is not None and progress.step >= options.max_steps:
                if progress.stage_seconds > 0:  # before the first step the last checkpoint says all
                    self._save(optimisers)
                return False
            started = self._clock()
            self._step(stage, task, optimisers, counts)
            spent = self._clock() - started
            progress.stage_seconds += spent
            counts.seconds += spent
            now = progress.stage_seconds
            if due.ask("report", options.report_s, now):
                self._tell(stage, counts)
                counts = _Counts()
            if due.ask("checkpoint", options.checkpoint_s, now):
                self._save(optimisers)
            if due.ask("watch", options.watch_s, now):
                self._watch(stage, task)
        self._watch(stage, task)
        return True

    def _prepare(self, stage: LanguageStage) -> tuple[Optimizer, ...]:
        """Set what is trained, and continue where a checkpoint of this stage stands."""
        if self.progress.stage_seconds == 0:  # else it was adapted before its weights were loaded
            adapt_parts(self.network, stage)
        optimisers = optimisers_of(self.network, self._recipe.weight_decay)
        for optimiser, state in zip(optimisers, self._optimiser_states, strict=False):
            optimiser.load_state_dict(state)
        self._optimiser_states = []
        return optimisers

    def _step(
        self,
        stage: LanguageStage,
        task: StageTask,
        optimisers: tuple[Optimizer, ...],
        counts: _Counts,
    ) -> None:
        progress = self.progress
        left = 1 - min(1.0, progress.stage_seconds / (60 * stage.minutes))
        rate = stage.learning_rate * max(stage.final_share, left)
        rate *= min(1.0, (progress.step + 1) / self._recipe.warmup_steps)
        rng = np.random.default_rng([self._recipe.seed, progress.step])
        self.network.train()
        for _ in range(stage.studies_per_step):
            with self._compute.autocast() if stage.kind == "text" else nullcontext():
                # contrast tells features apart by digits that bfloat16 has not
                loss, scored = task.loss(self.network, rng)
            torch.autograd.backward(loss / stage.studies_per_step)
            counts.loss += float(loss.detach()) / stage.studies_per_step
            counts.n_decisive += scored.n_decisive
            counts.n_right += scored.n_decisive_right
            counts.n_tokens += scored.n_tokens
        trained = [one for one in self.network.parameters() if one.requires_grad]
        nn.utils.clip_grad_norm_(trained, _LARGEST_NORM)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        counts.n_steps += 1
        progress.step += 1

    def _tell(self, stage: LanguageStage, counts: _Counts) -> None:
        self._report(
            {
                "stage": stage.name,
                "minutes": round(self.progress.stage_seconds / 60, 2),
                "step": self.progress.step,
                "loss": round(counts.loss / max(1, counts.n_steps), 4),
                "slots_right": round(counts.n_right / max(1, counts.n_decisive), 4),
                "tokens_per_s": round(counts.n_tokens / max(1e-9, counts.seconds)),
            }
        )

    def _watch(self, stage: LanguageStage, task: StageTask) -> None:
        self.network.eval()
        scores = {name: round(value, 4) for name, value in task.watch(self.network).items()}
        self._report({"stage": stage.name, "step": self.progress.step, **scores})

    def _save(self, optimisers: tuple[Optimizer, ...]) -> None:
        write_checkpoint(
            self._work,
            {
                "recipe": self._recipe.model_dump_json(),
                "network": self.network.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in optimisers],
                "trained": sorted(self.trained),
                "stage": self.progress.stage,
                "stage_seconds": self.progress.stage_seconds,
                "step": self.progress.step,
            },
        )

    def _load(self) -> list[dict[str, Any]]:
        """Go on from the last checkpoint, if any; return the states of its stage's optimisers."""
        saved = read_checkpoint(self._work)
        if saved is None:
            return []
        self.progress = Progress(saved["stage"], saved["stage_seconds"], saved["step"])
        self.trained = set(saved["trained"])
        restore(self.network, saved, self._recipe)
        states: list[dict[str, Any]] = saved["optimisers"]
        return states

    def _save_parts(self) -> None:
        for role, part in self._parts().items():
            if role in self.trained:
                torch.save(part.state_dict(), self._work / f"{role}.pt")


def start_or_resume_language(
    recipe: LanguageRecipe, work: Path, *, threads: int = 0, compute: Compute | None = None
) -> LanguageTrainer:
    """Run a recipe, or what is left of it, in the folder ``work``; the corpus is made first."""
    work.mkdir(parents=True, exist_ok=True)
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    trainer = LanguageTrainer(recipe, text_data(recipe.corpus, work), work, compute=compute)
    trainer.run()
    keep_record(work)
    return trainer


def _count(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def optimisers_of(network: nn.Module, weight_decay: float) -> tuple[Optimizer, ...]:
    """Return Muon for the matrices of blocks, AdamW for embeddings, norms and other shapes."""
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    embeddings = {
        f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.Embedding)
    }
    is_matrix = {n: p.ndim == _MATRIX and n not in embeddings for n, p in trained.items()}
    matrices = [p for n, p in trained.items() if is_matrix[n]]
    rest = [p for n, p in trained.items() if not is_matrix[n]]
    made: list[Optimizer] = []
    if matrices:
        made.append(Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    if rest:
        made.append(AdamW(rest, betas=(0.9, 0.95), weight_decay=0.0))
    return tuple(made)
