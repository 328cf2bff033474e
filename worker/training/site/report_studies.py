"""Studies of a hospital with what their reports say: what recognition can learn from at a site.

A study is analysed as in the product (a refused one is left out) and read by the bundle up to its
decoder; what is kept of it is one vector. Of its report, ``report.txt`` in the folder of the images
or the one above, only the labels are kept. What was read already is not read again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ConfigurationError, ModelError, Reason, StudyRejectedError
from worker.bundle import Bundle
from worker.measuring import measure_paths
from worker.model.language.categories import Category
from worker.model.language.decoder import Decoder
from worker.model.language.recognition import Recogniser
from worker.model.language.study import study_features
from worker.model.language.vision import StudyReader
from worker.model.language.writer import read_tokenizer
from worker.model.tower import SegmentationTower
from worker.training.site.report_labels import UNKNOWN, labels_of, read_text
from worker.training.site.studies import find_studies

REPORT_NAME = "report.txt"
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ReportedStudy:
    """One study as recognition sees it, with what its report says.

    Attributes
    ----------
    name, patient
        Made of hashes, the same on every run.
    hidden
        float32 ``[width]``: mean hidden state of the image marks.
    labels
        By category key: 1 there, 0 not there, -1 not known.
    """

    name: str
    patient: str
    hidden: Float32Array
    labels: Mapping[str, int]


class Reader(Protocol):
    """What reads a study's files; tests have one of their own."""

    def hidden(self, paths: Sequence[Path]) -> Float32Array:
        """Return the mean hidden state of the image marks, ``[width]``."""
        ...


class BundleReader:
    """A bundle with recognition at work on files.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``: the bundle has no recognition.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        language = bundle.manifest.language
        roles = ("decoder", "study_encoder", "connector", "image_heads", "text_heads")
        if language is None or not all(bundle.manifest.graph(role) for role in roles):
            detail = f"{bundle.name}: it recognises nothing"
            raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)
        self._tower = SegmentationTower(bundle, threads=threads)
        self._decoder = Decoder(bundle, threads=threads)
        self._reader = StudyReader(bundle, self._decoder, threads=threads)
        self._keys = language.measurements
        tokenizer = read_tokenizer(bundle)
        self._recogniser = Recogniser(bundle, self._decoder, tokenizer, threads=threads)

    def hidden(self, paths: Sequence[Path]) -> Float32Array:
        """Analyse a study and read it.

        Raises
        ------
        StudyRejectedError, ModelError
            It cannot be analysed.
        """
        measured = measure_paths(paths, self._tower)
        stack, found = measured.loaded.stack, measured.segmentation
        features = study_features(stack, found, measured.assessment, self._keys)
        if features is None:
            raise ModelError(Reason.INFERENCE_FAILED, "the tower gives no features")
        prefix = self._reader.prefix(features)
        hidden = self._decoder.read(prefix.embeds, with_hidden=True).hidden
        assert hidden is not None  # noqa: S101 - asked for
        return np.asarray(hidden[-prefix.n_marks :].mean(axis=0), dtype=np.float32)

    def directions(self, categories: Sequence[Category]) -> Float32Array:
        """Return what a feature is held to, ``[category, feature]``: presence less absence."""
        anchors = self._recogniser.anchors(categories)
        return np.asarray(anchors[:, 0] - anchors[:, 1], dtype=np.float32)


def read_reported(
    folder: Path, reader: Reader, categories: Sequence[Category], cache: Path
) -> tuple[list[ReportedStudy], str]:
    """Read the studies below a folder whose report says something of a category.

    Parameters
    ----------
    cache
        Folder for what was read; of one bundle only.

    Returns
    -------
    tuple
        The studies, and in a few words why others were left out.
    """
    cache.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    return list(_reported(folder, reader, categories, cache, left_out)), ", ".join(
        f"{n} {why}" for why, n in left_out.most_common()
    )


def _reported(
    folder: Path,
    reader: Reader,
    categories: Sequence[Category],
    cache: Path,
    left_out: Counter[str],
) -> Iterator[ReportedStudy]:
    studies = find_studies(folder)
    reports = {one.name: _report_of(one.paths) for one in studies}
    shared = Counter(path for path in reports.values() if path is not None)
    for one in studies:
        report = reports[one.name]
        if report is None:
            left_out["without a report"] += 1
        elif shared[report] > 1:
            left_out["with one report for several studies"] += 1
        else:
            labels = labels_of(read_text(report.read_bytes()), categories)
            if set(labels.values()) == {UNKNOWN}:
                left_out["whose report names no category plainly"] += 1
                continue
            try:
                hidden = _kept(cache / f"{one.name}.npy", reader, one.paths)
            except (StudyRejectedError, ModelError) as error:
                left_out[error.reason.value] += 1
                continue
            yield ReportedStudy(one.name, one.patient, hidden, labels)


def _report_of(paths: Sequence[Path]) -> Path | None:
    folders = {path.parent for path in paths}
    places = [*sorted(folders), *sorted({folder.parent for folder in folders})]
    return next((place / REPORT_NAME for place in places if (place / REPORT_NAME).is_file()), None)


def _kept(path: Path, reader: Reader, paths: Sequence[Path]) -> Float32Array:
    if not path.exists():
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.save(file, reader.hidden(paths), allow_pickle=False)
        temporary.replace(path)
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
