"""Whether maps of where recognition looked say what moves it: deletion curves over study cells.

    python -m tests.benchmarks.recognition_maps --bundle FOLDER --studies STUDIES

Studies are those of the validation patients, as `worker.training.language.study_data` writes them.
A cell is one slice in one phase. Three maps rank the cells for the patient's own group: the
connector's attention; how like the group's descriptions its tokens are, less its "absent" ones,
given to the cells by that attention; and how far the margin falls when the cell alone is taken
away. Then the first third of the cells is taken away together, or the last; printed is how far the
margin fell, the difference with its 95 % bootstrap interval over patients, and the rank correlation
with the cells taken away alone. Cells in random order are the control.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from worker.bundle import load_bundle
from worker.model.language.categories import read_categories
from worker.model.language.decoder import Decoder
from worker.model.language.recognition import Recogniser
from worker.model.language.vision import StudyReader
from worker.model.language.writer import read_tokenizer
from worker.training.cohorts import read_splits
from worker.training.language.study_data import read_studies

MAPS = ("attention", "phrase", "taken away alone", "random")
_RESAMPLES = 1000


class Machine:
    """Recognition of a bundle, with its tokens one by one."""

    def __init__(self, folder):
        bundle = load_bundle(folder)
        self._decoder = Decoder(bundle, threads=1)
        self._reader = StudyReader(bundle, self._decoder, threads=1)
        self._heads = Recogniser(bundle, self._decoder, read_tokenizer(bundle), "cpu", 1)
        self.categories = {one.key: one for one in read_categories()}
        self._anchors = {key: self._heads.anchors((one,)) for key, one in self.categories.items()}

    def prefix(self, features):
        return self._reader.prefix(features)

    def margin(self, features, key):
        prefix = self._reader.prefix(features)
        return self._heads.margins(prefix, (self.categories[key],), self._anchors[key])[key]

    def likeness(self, prefix, key):
        """How like "present" less "absent" descriptions each visual token is, ``[token]``."""
        hidden = self._decoder.read(prefix.embeds, with_hidden=True).hidden
        n_tokens = prefix.attention.shape[0]
        marks = np.broadcast_to(
            hidden[-prefix.n_marks :], (n_tokens, prefix.n_marks, hidden.shape[1])
        )
        alone = np.concatenate((hidden[:n_tokens, None], marks), axis=1).astype(np.float32)
        _, tokens = self._heads._image.run({"hidden": alone})
        category = self.categories[key]
        present, absent = (
            np.mean([self._words(text) for text in texts], axis=0)
            for texts in (category.present, category.absent)
        )
        return tokens @ (present - absent)

    def _words(self, text):
        heads = self._heads
        words = self._decoder.embed(heads._tokenizer.encode_untrusted(text))
        embeds = np.concatenate((words, heads._text_marks))
        hidden = self._decoder.read(embeds, with_hidden=True).hidden
        return heads._text.run({"hidden": hidden[None]})[1][0]


def without(features, cells):
    """Return a study as if some cells had not been acquired."""
    regions = features.regions.copy()
    for phase, z in cells:
        regions[phase, z] = np.nan
    return replace(features, regions=regions)


def curves(machine, study, rng):
    """Return by map: fall with the first third, with the last, rank correlation; and the cells."""
    features, key = study.features, study.group
    prefix = machine.prefix(features)
    looked = prefix.attention.sum(axis=0)
    like = machine.likeness(prefix, key)[:, None, None] * prefix.attention
    phrase = like.sum(axis=0) / np.maximum(looked, 1e-9)
    cells = [
        tuple(int(index) for index in one)
        for one in np.argwhere(np.isfinite(features.regions).all(axis=-1).any(axis=-1))
    ]
    whole = machine.margin(features, key)
    alone = [whole - machine.margin(without(features, [cell]), key) for cell in cells]
    scores = (
        [looked[cell] for cell in cells],
        [phrase[cell] for cell in cells],
        alone,
        rng.random(len(cells)),
    )
    n_taken = max(1, len(cells) // 3)
    found = {}
    for name, score in zip(MAPS, scores, strict=True):
        order = [cells[n] for n in np.argsort(score)[::-1]]
        first, last = (
            whole - machine.margin(without(features, taken), key)
            for taken in (order[:n_taken], order[-n_taken:])
        )
        found[name] = first, last, float(np.nan_to_num(spearmanr(score, alone).statistic))
    return found, len(cells)


def main() -> None:
    """Print a row for every map."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--studies", type=Path, required=True)
    given = parser.parse_args()
    machine, rng = Machine(given.bundle), np.random.default_rng(0)
    chosen = set(read_splits().validation)
    studies = [one for one in read_studies(given.studies) if one.id in chosen]
    started = time.perf_counter()
    found, n_cells = zip(*(curves(machine, one, rng) for one in studies), strict=True)
    print("| cells ranked by | first third away | last third away | difference | rank |")
    print("|---|---|---|---|---|")
    for name in MAPS:
        first, last, rank = np.array([one[name] for one in found]).T
        moved = first - last
        drawn = rng.choice(moved, (_RESAMPLES, moved.size)).mean(axis=1)
        low, high = np.percentile(drawn, (2.5, 97.5))
        print(
            f"| {name} | {first.mean():.3f} | {last.mean():.3f} "
            f"| {moved.mean():.3f} ({low:.3f} to {high:.3f}) | {rank.mean():.2f} |"
        )
    seconds = time.perf_counter() - started
    print(f"{len(studies)} studies, {sum(n_cells)} cells, {seconds / len(studies):.2f} s each")


if __name__ == "__main__":
    main()
