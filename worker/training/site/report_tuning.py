"""Fits a bundle's recognition to a hospital's reports, and writes the bundle of the site.

What is learnt is one matrix, the last one before a study's features are held to the descriptions of
the categories: with tens of reports more cannot be learnt, and whatever reads images and words
stays as it is, to the byte. Judged by cross-validation over the studies, before and after; a fit
that is not better is not written. Words are not learnt from reports: the language model's come from
a closed list.

References
----------
Liu et al., Visual Instruction Tuning, NeurIPS 2023 (tuning the projection alone). Kumar et al.,
ICLR 2022 (fine-tuning everything on few examples distorts features).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle, load_bundle
from worker.bundle.manifest import Manifest
from worker.bundle.verify import MANIFEST_NAME, list_files
from worker.model.language.categories import Category
from worker.training.export import CARD_FILE, LICENCE_FILE, model_card
from worker.training.language.network import FeatureHeads
from worker.training.language.recognition_tables import Area, area_of_runs
from worker.training.site.report_studies import BundleReader, ReportedStudy, read_reported
from worker.training.terms import inherited_terms

MINIMUM_STUDIES = 20
MINIMUM_OF_A_KIND = 5
"""Studies with a category, and without, from which it is learnt."""

SITE_CARD = "SITE_CARD.md"
_PREFIX = "module.heads."
_FOLDS = 5
_STEPS = 30
_TEMPERATURE = 0.1
_STAYS = 3.0
"""Weight of staying where the matrix was, as its relative squared change."""

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One category: areas under the curve before and after, over studies not learnt from."""

    key: str
    before: Area
    after: Area


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What came out, and what it came from."""

    manifest: Manifest
    n_studies: int
    judged: tuple[Judged, ...]
    left_out: str


def tune(
    parent: Bundle,
    studies: Path,
    categories: Sequence[Category],
    folder: Path,
    work: Path,
    version: str,
    threads: int = 0,
) -> Tuned:
    """Fit recognition to the reports beside the studies of a folder.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``, ``REPORTS_UNUSABLE`` or ``TRAINING_MADE_WORSE``; nothing is
        written then.
    """
    heads = heads_of(parent)
    reader = BundleReader(parent, threads)
    told = [one for one in categories if not one.measured]
    cache = work / f"read-{parent.digest[:8]}"
    found, left_out = read_reported(studies, reader, told, cache)
    learnt = require_enough(found, told, left_out)
    hidden = np.stack([one.hidden for one in found])
    labels = np.array([[one.labels[c.key] for c in learnt] for one in found], dtype=np.int64)
    directions = reader.directions(learnt)
    fold = folds_of([one.patient for one in found])
    judged = judge(heads.whole.weight.detach(), hidden, labels, directions, learnt, fold)
    gain = float(np.mean([one.after.value - one.before.value for one in judged]))
    if gain <= 0:
        detail = f"the mean area under the curve went from there by {gain:+.3f}"
        raise ConfigurationError(Reason.TRAINING_MADE_WORSE, detail)
    heads.whole.weight.data = fit(heads.whole.weight.detach(), hidden, labels, directions)
    manifest = _write(heads, parent, folder, version, len(found), judged)
    return Tuned(manifest, len(found), judged, left_out)


def heads_of(bundle: Bundle) -> FeatureHeads:
    """Return the image heads of a bundle, read back from its graph and held to its golden run.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``: there are none, or none of this version.
    """
    spec = bundle.manifest.graph("image_heads")
    if spec is None:
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: no recognition")
    stored = {
        one.name.removesuffix("_half"): torch.from_numpy(numpy_helper.to_array(one).copy()).float()
        for one in onnx.load(bundle.folder / spec.file).graph.initializer
    }
    weights = [stored.get(f"{_PREFIX}{part}.weight") for part in ("whole", "local")]
    width = spec.inputs[0].shape[-1]
    if any(one is None or one.ndim != 2 or one.shape[1] != width for one in weights):  # noqa: PLR2004
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: unnamed weights")
    whole, local = (one for one in weights if one is not None)
    heads = FeatureHeads(whole.shape[1], whole.shape[0])
    heads.load_state_dict({"whole.weight": whole, "local.weight": local})
    _require_same(heads, bundle)
    return heads.requires_grad_(requires_grad=False)


def _require_same(heads: FeatureHeads, bundle: Bundle) -> None:
    """Hold the heads to the golden run of the graph that they were read from."""
    for golden in _golden(bundle):
        with np.load(bundle.folder / golden, allow_pickle=False) as stored:
            own = _answers(heads, bundle, stored["hidden"])
            same = all(np.allclose(own[name], stored[name], atol=1e-3) for name in own)
        if not same:
            detail = f"{bundle.name}: the weights read back answer otherwise"
            raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)


def _golden(bundle: Bundle) -> list[str]:
    return [one.file for one in bundle.manifest.golden if one.role == "image_heads"]


def _answers(heads: FeatureHeads, bundle: Bundle, hidden: Float32Array) -> dict[str, Float32Array]:
    """Return what the graph gives for hidden states ``[batch, position, width]``, by output."""
    language = bundle.manifest.language
    n_marks = len(language.image_marks) if language else 0
    there = torch.ones(hidden.shape[:2], dtype=torch.int64)
    with torch.inference_mode():
        features = heads(torch.from_numpy(hidden), there, n_marks)
    return {"whole": features.whole.numpy(), "local": features.local.numpy()}


def _replace_heads(heads: FeatureHeads, parent: Bundle, folder: Path) -> None:
    """Put other weights into the graph of the heads, and what it gives into its golden runs."""
    spec = parent.manifest.graph("image_heads")
    assert spec is not None  # noqa: S101 - the heads were read from it
    model = onnx.load(folder / spec.file)
    for tensor in model.graph.initializer:
        part = tensor.name.removesuffix("_half").removeprefix(_PREFIX).removesuffix(".weight")
        if tensor.name.startswith(_PREFIX):
            weight = getattr(heads, part).weight
            values = weight.detach().numpy().astype(numpy_helper.to_array(tensor).dtype)
            weight.data = torch.from_numpy(values.astype(np.float32))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, folder / spec.file)
    for golden in _golden(parent):
        with np.load(parent.folder / golden, allow_pickle=False) as stored:
            hidden = stored["hidden"]
        answers = _answers(heads, parent, hidden)
        np.savez_compressed(folder / golden, allow_pickle=False, hidden=hidden, **answers)


def require_enough(
    found: Sequence[ReportedStudy], categories: Sequence[Category], left_out: str
) -> tuple[Category, ...]:
    """Return the categories that can be learnt.

    Raises
    ------
    ConfigurationError
        ``REPORTS_UNUSABLE``: too few studies, or no category with enough of both kinds.
    """
    learnt = tuple(
        one
        for one in categories
        if all(
            sum(study.labels[one.key] == label for study in found) >= MINIMUM_OF_A_KIND
            for label in (0, 1)
        )
    )
    if len(found) < MINIMUM_STUDIES or not learnt:
        detail = (
            f"{len(found)} usable, {MINIMUM_STUDIES} are needed; {len(learnt)} categories with "
            f"{MINIMUM_OF_A_KIND} studies that have it and {MINIMUM_OF_A_KIND} that have not"
        )
        detail += f"; left out: {left_out}" if left_out else ""
        raise ConfigurationError(Reason.REPORTS_UNUSABLE, detail)
    return learnt


def fit(weight: Tensor, hidden: Float32Array, labels: IntArray, directions: Float32Array) -> Tensor:
    """Move a projection so that margins follow labels, and no further than that pays.

    Parameters
    ----------
    weight
        ``[feature, width]``; it is not changed.
    hidden, labels
        ``[study, width]`` and ``[study, category]`` (1, 0, -1 unknown).
    directions
        ``[category, feature]``: what the feature is held to.
    """
    moved = weight.clone().requires_grad_()
    seen, known = torch.from_numpy(hidden), torch.from_numpy(labels >= 0)
    truth = torch.from_numpy((labels == 1).astype(np.float32))
    there = (truth * known).sum(dim=0)
    # both kinds of a category weigh the same, however rare it is
    n_known = known.sum(dim=0)
    balance = torch.where(truth > 0, n_known / (2 * there), n_known / (2 * (n_known - there)))
    balance = torch.where(known & torch.isfinite(balance), balance, torch.zeros_like(balance))
    optimiser = torch.optim.LBFGS([moved], max_iter=_STEPS, line_search_fn="strong_wolfe")
    size = weight.pow(2).sum()

    def loss() -> Tensor:
        scores = _margins(moved, seen, directions) / _TEMPERATURE
        wrong = functional.binary_cross_entropy_with_logits(scores, truth, reduction="none")
        value = (wrong * balance).sum() / balance.sum()
        value = value + _STAYS * (moved - weight).pow(2).sum() / size
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return moved.detach()


def _margins(weight: Tensor, hidden: Tensor, directions: Float32Array) -> Tensor:
    return functional.normalize(hidden @ weight.T, dim=1) @ torch.from_numpy(directions).T


def folds_of(patients: Sequence[str]) -> IntArray:
    """Draw the fold of each study; the studies of one patient are in one."""
    order = list(dict.fromkeys(patients))
    drawn = np.random.default_rng(7).permutation(len(order)) % _FOLDS
    return np.array([drawn[order.index(one)] for one in patients], dtype=np.int64)


def judge(
    weight: Tensor,
    hidden: Float32Array,
    labels: IntArray,
    directions: Float32Array,
    categories: Sequence[Category],
    fold: IntArray,
) -> tuple[Judged, ...]:
    """Cross-validate: the margins of a study come from a fit that never saw its patient."""
    before = _margins(weight, torch.from_numpy(hidden), directions).numpy()
    after = np.zeros_like(before)
    for k in range(_FOLDS):
        away = fold == k
        fitted = fit(weight, hidden[~away], labels[~away], directions)
        after[away] = _margins(fitted, torch.from_numpy(hidden[away]), directions).numpy()
    rows = []
    for column, category in enumerate(categories):
        known = labels[:, column] >= 0
        present = labels[known, column] == 1
        areas = [
            area_of_runs(margins[known, column][None].astype(np.float64), present)
            for margins in (before, after)
        ]
        if areas[0] is not None and areas[1] is not None:
            rows.append(Judged(category.key, areas[0], areas[1]))
    return tuple(rows)


def _write(
    heads: FeatureHeads,
    parent: Bundle,
    folder: Path,
    version: str,
    n_studies: int,
    judged: Sequence[Judged],
) -> Manifest:
    """Write the parent's bundle with other image heads, under the site's name and terms."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(parent.folder, fresh)
    spec = parent.manifest
    _replace_heads(heads, parent, fresh)
    licence_text = (fresh / LICENCE_FILE).read_text(encoding="utf-8")
    terms = inherited_terms(spec.licence, licence_text, spec.citations)
    manifest = spec.model_copy(
        update={
            "name": folder.name,
            "version": version,
            "licence": terms.licence,
            "training_data": (
                f"{spec.training_data} Recognition alone went on from {spec.name} {spec.version} "
                f"with what the reports of {n_studies} studies of a hospital say."
            ),
            "training_command": f"{spec.training_command}; cmr-triage train reports",
        }
    )
    (fresh / LICENCE_FILE).write_text(terms.licence_text, encoding="utf-8")
    (fresh / CARD_FILE).write_text(model_card(manifest), encoding="utf-8")
    (fresh / SITE_CARD).write_text(site_card(parent, n_studies, judged), encoding="utf-8")
    manifest = manifest.model_copy(update={"files": list_files(fresh)})
    text = manifest.model_dump_json(indent=1) + "\n"
    (fresh / MANIFEST_NAME).write_text(text, encoding="utf-8")
    load_bundle(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return manifest


def site_card(parent: Bundle, n_studies: int, judged: Sequence[Judged]) -> str:
    """Say what was fitted and how well it does, for the folder of the bundle."""
    rows = [f"| {one.key} | {one.before} | {one.after} |" for one in judged]
    return "\n".join(
        (
            "# Recognition fitted to the reports of a hospital",
            "",
            f"AI, not verified by a physician, not for diagnosis. From {parent.name} "
            f"{parent.version}: the projection of its image heads, fitted to the labels that rules "
            f"read in the reports of {n_studies} studies (`cmr-triage train reports`). Contours, "
            "measurements, words and tables are those of the parent, to the byte. No text of a "
            "report is in this bundle.",
            "",
            "Area under the curve (95 % bootstrap interval; studies with / without), by "
            f"{_FOLDS}-fold cross-validation over their patients. Truth is what the reports say, "
            "which is no truth about the hearts; another hospital may write and scan otherwise.",
            "",
            "| category | before | after |",
            "|---|---|---|",
            *rows,
            "",
        )
    )
