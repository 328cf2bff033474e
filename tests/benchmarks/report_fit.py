"""What ``train reports`` gains on patients, with the data set's groups in the place of reports.

    python -m tests.benchmarks.report_fit --bundle acdc-unet --studies STUDIES

STUDIES is what ``worker.training.language.study_data`` wrote with the bundle's tower. Only the
validation and monitor patients are used, none of which recognition learnt from; each one's margins
come from a fit on the others (five folds). No text is read here, so how well rules read a
hospital's reports is not in the figures.
"""

import argparse
from pathlib import Path

import numpy as np

from worker.bundle import load_bundle
from worker.model.language.categories import read_categories
from worker.model.language.decoder import Decoder
from worker.model.language.recognition import Recogniser
from worker.model.language.vision import StudyReader
from worker.model.language.writer import read_tokenizer
from worker.training.cohorts import read_splits
from worker.training.language.study_data import read_studies
from worker.training.site.report_tuning import folds_of, heads_of, judge


def main() -> None:
    """Read, fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--studies", required=True, type=Path)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    decoder = Decoder(bundle)
    reader = StudyReader(bundle, decoder)
    anchors_of = Recogniser(bundle, decoder, read_tokenizer(bundle)).anchors
    splits = read_splits()
    unseen = {*splits.validation, *splits.monitor}
    studies = [one for one in read_studies(arguments.studies) if one.id in unseen]
    categories = [one for one in read_categories() if not one.measured]
    hidden = np.stack([_hidden(one, reader, decoder) for one in studies])
    labels = np.array([[int(one.group == c.key) for c in categories] for one in studies])
    present, absent = np.moveaxis(anchors_of(categories), 1, 0)
    fold = folds_of([one.id for one in studies])
    weight = heads_of(bundle).whole.weight.detach()
    judged = judge(weight, hidden, labels, np.float32(present - absent), categories, fold)
    print(f"{bundle.name} {bundle.version}, {len(studies)} patients")
    for one in judged:
        print(f"| {one.key} | {one.before} | {one.after} |")
    for when in ("before", "after"):
        mean = np.mean([getattr(one, when).value for one in judged])
        print(f"mean {when}: {mean:.3f}")


def _hidden(study, reader, decoder):
    prefix = reader.prefix(study.features)
    hidden = decoder.read(prefix.embeds, with_hidden=True).hidden
    return np.asarray(hidden[-prefix.n_marks :].mean(axis=0), dtype=np.float32)


if __name__ == "__main__":
    main()
