"""The alignment stages for the stage runner: who is learnt from, and how it goes.

Studies lie in the run's folder (``studies``, as `study_data` writes them). Validation patients are
never read; the monitor patients are only watched.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from plugin.domain.errors import ConfigurationError, Reason
from worker.model.language.categories import read_categories
from worker.model.language.tokenizer import Tokenizer
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import finding_vector
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    fit_scale,
    read_anchors,
    tensors_of,
)
from worker.training.language.answer_loss import AnswerLoss
from worker.training.language.criteria import groups_of
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.parts import LanguageNetwork
from worker.training.language.recipe import LanguageStage
from worker.training.language.study_data import LabelledStudy, read_studies

STUDIES_FOLDER = "studies"


class AlignmentTask:
    """Batches of the studies that may be learnt from; the monitor patients on the side.

    Parameters
    ----------
    folder
        Studies.
    tokenizer
        Of the run.
    options
        Of the stage.
    seed
        Decides the words.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: there are no studies to learn from.
    """

    def __init__(
        self, folder: Path, tokenizer: Tokenizer, options: AlignmentOptions, seed: int
    ) -> None:
        splits = read_splits()
        studies = [
            one
            for one in read_studies(folder)
            if one.id not in splits.validation and options.held_out not in groups_of(one)
        ]
        learnt = [one for one in studies if one.id not in splits.monitor]
        if not learnt:
            raise ConfigurationError(Reason.SETTING_INVALID, f"no studies in {folder.name}")
        self._watched = [one for one in studies if one.id in splits.monitor]
        self._categories = [one for one in read_categories() if one.key != options.held_out]
        self._words = WrittenWords(learnt, tokenizer, seed)
        self._stage = AlignmentStage(learnt, self._words, self._categories, options)

    def loss(self, network: LanguageNetwork, rng: np.random.Generator) -> tuple[Tensor, AnswerLoss]:
        """Score one batch drawn by chance."""
        reader = _with_images(network)
        if not reader.encoder.has_scale():
            fit_scale(reader, self._stage.studies)
        return self._stage.loss(reader, rng)

    def watch(self, network: LanguageNetwork) -> dict[str, float]:
        """Share of known categories of the monitor patients that their margin's sign gets right."""
        if not self._watched:
            return {}
        reader = _with_images(network)
        bank = read_anchors(reader, self._categories, self._words)
        batch = tensors_of(self._watched, [() for _ in self._watched], self._stage.options)
        with torch.inference_mode():
            margins = bank.margins(reader.image_features(batch).whole).cpu().numpy()
        truth = _truth(self._watched, bank.names)
        known = truth >= 0
        right = (margins > 0) == (truth == 1)
        return {"monitor_categories_right": float(right[known].mean())}


def alignment_task(
    stage: LanguageStage, work: Path, tokenizer: Tokenizer, seed: int
) -> AlignmentTask:
    """Make the task of a stage over the studies in the run's folder.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: an option of the stage is not known, or there are no studies.
    """
    try:
        options = AlignmentOptions.model_validate(stage.options)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        detail = f"stage {stage.name}: options.{where}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail) from error
    return AlignmentTask(work / STUDIES_FOLDER, tokenizer, options, seed)


def _truth(studies: Sequence[LabelledStudy], keys: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.stack([finding_vector(one, keys) for one in studies])


def _with_images(network: LanguageNetwork) -> VisionLanguageNetwork:
    if isinstance(network, VisionLanguageNetwork):
        return network
    raise ConfigurationError(
        Reason.SETTING_INVALID, "an align stage needs encoder and connector in its recipe"
    )
