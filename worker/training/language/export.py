"""Adds the language graphs of a trained network to a bundle folder, with their golden runs.

What is written is the deployable network: low-rank additions folded in, weights rounded to float16
when they are stored so. The golden answers are those of the rounded network.
"""

import copy
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle.manifest import (
    GoldenSpec,
    GraphSpec,
    LanguageSpec,
    Manifest,
    TensorSpec,
    ViewKind,
)
from worker.bundle.verify import MANIFEST_NAME, list_files
from worker.model.language.prompt import MAXIMUM_HISTORY_TOKENS
from worker.model.language.tokenizer import BUNDLE_FILE, FILE_NAME
from worker.training.language.adaptation import merge_additions
from worker.training.language.checkpoint import finished_network
from worker.training.language.graphs import (
    LANGUAGE_ROLES,
    RECOGNITION_ROLES,
    GraphPlan,
    Named,
    plans,
)
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.parts import LanguageNetwork, TextNetwork
from worker.training.language.text_stage import CORPUS_FOLDER
from worker.training.language.view_encoder import ViewedStudyEncoder
from worker.training.onnx_file import (
    Shape,
    forget_the_machine,
    name_dimensions,
    opset_of,
    store_as_half,
)

Precision = Literal["float32", "float16"]
MINIMUM_COSINE = 0.999
_DTYPES: dict[torch.dtype, Literal["float32", "int64"]] = {
    torch.float32: "float32",
    torch.int64: "int64",
}


@dataclass(frozen=True, slots=True)
class WrittenGraphs:
    """What a manifest says about the graphs that were written."""

    graphs: tuple[GraphSpec, ...]
    golden: tuple[GoldenSpec, ...]


_Network = TypeVar("_Network", bound=LanguageNetwork)


def deployable(network: _Network, precision: Precision) -> _Network:
    """Return a copy as it will run: additions merged, weights rounded to the stored precision."""
    copied = copy.deepcopy(network)
    copied.eval().requires_grad_(requires_grad=False)
    merge_additions(copied)
    if precision == "float16":
        for parameter in copied.parameters():
            parameter.data = parameter.data.half().float()
    return copied


def add_language(
    network: LanguageNetwork,
    folder: Path,
    precision: Precision = "float16",
    *,
    tokenizer: str | None = None,
) -> Manifest:
    """Add the language graphs and their vocabulary to a bundle, or replace those that it has.

    A network without images gives ``embed_tokens`` and ``decoder`` only. The bundle is replaced as
    a whole, when the new one is complete. Golden runs are compared when the graphs are opened
    (`worker.model.golden`).

    Parameters
    ----------
    network
        Trained; it is not changed.
    folder
        A complete bundle.
    precision
        How weights are stored; computing is in float32 either way.
    tokenizer
        Content of the ``tokenizer.json`` that the network was trained with; without it the
        bundle's graphs can be run, but nothing can be written with them.
    """

    def change(fresh: Path, manifest: Manifest) -> Manifest:
        (fresh / BUNDLE_FILE).unlink(missing_ok=True)
        if tokenizer is not None:
            vocabulary = fresh / BUNDLE_FILE
            vocabulary.parent.mkdir(exist_ok=True)
            vocabulary.write_text(tokenizer, encoding="utf-8")
        changed = _with_graphs(network, fresh, manifest, precision, LANGUAGE_ROLES)
        return changed.model_copy(update={"language": _language_spec(network)})

    return _replaced(folder, change)


def add_recognition(
    network: VisionLanguageNetwork,
    folder: Path,
    precision: Precision = "float16",
    *,
    tokenizer: str,
) -> Manifest:
    """Add what recognises images to a bundle whose decoder the network was trained behind.

    Decoder and vocabulary stay as they are, to the byte, and write from the evidence alone as
    before; the graphs of `RECOGNITION_ROLES` are added or replaced.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the bundle has another vocabulary, or another decoder.
    """
    vocabulary = folder / BUNDLE_FILE
    if not vocabulary.exists() or vocabulary.read_text(encoding="utf-8") != tokenizer:
        raise ConfigurationError(Reason.SETTING_INVALID, "the bundle has another vocabulary")
    manifest = Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    if not _is_decoder_of(deployable(network, precision), folder, manifest):
        raise ConfigurationError(Reason.SETTING_INVALID, "the bundle has another decoder")
    language = _language_spec(network).model_copy(update={"words_from_images": False})

    def change(fresh: Path, before: Manifest) -> Manifest:
        changed = _with_graphs(network, fresh, before, precision, RECOGNITION_ROLES)
        return changed.model_copy(update={"language": language})

    return _replaced(folder, change)


def add_run(work: Path, folder: Path, precision: Precision = "float16") -> Manifest:
    """Add what a training run made to a bundle: the parts that it trained, and its vocabulary.

    Parts that no stage trained stay out; without encoder and connector the bundle's language side
    reads no images. A run that left its decoder as it was adds recognition to a bundle with that
    decoder.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the run has no checkpoint, trained nothing that can be added, or does
        not belong to this bundle.
    """
    network, trained = finished_network(work)
    vocabulary = (work / CORPUS_FOLDER / FILE_NAME).read_text(encoding="utf-8")
    sees = trained >= {"encoder", "connector"}
    if "decoder" not in trained:
        if not sees or not isinstance(network, VisionLanguageNetwork):
            detail = "this run trained neither its decoder nor encoder and connector"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        return add_recognition(network, folder, precision, tokenizer=vocabulary)
    if not sees:
        network = TextNetwork(network.decoder)
    return add_language(network, folder, precision, tokenizer=vocabulary)


def _replaced(folder: Path, change: Callable[[Path, Manifest], Manifest]) -> Manifest:
    """Change a copy of a bundle, and put it in the bundle's place when it is complete."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(folder, fresh)
    path = fresh / MANIFEST_NAME
    manifest = change(fresh, Manifest.model_validate_json(path.read_bytes()))
    manifest = manifest.model_copy(update={"files": list_files(fresh)})
    path.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder)
    fresh.rename(folder)
    return manifest


def _with_graphs(
    network: LanguageNetwork,
    folder: Path,
    manifest: Manifest,
    precision: Precision,
    roles: frozenset[str],
) -> Manifest:
    """Replace the graphs and golden runs of some roles by the network's."""
    files = [one.file for one in manifest.graphs if one.role in roles]
    files += [one.file for one in manifest.golden if one.role in roles]
    for file in files:
        (folder / file).unlink()
    written = write_graphs(network, folder, precision, roles)
    return manifest.model_copy(
        update={
            "graphs": (*(g for g in manifest.graphs if g.role not in roles), *written.graphs),
            "golden": (*(g for g in manifest.golden if g.role not in roles), *written.golden),
        }
    )


def _is_decoder_of(network: VisionLanguageNetwork, folder: Path, manifest: Manifest) -> bool:
    """Tell whether a deployable network's decoder gives the golden answers of a bundle's."""
    by_role = {plan.role: plan for plan in plans(network)}
    for role in ("embed_tokens", "decoder"):
        plan, files = by_role[role], [one.file for one in manifest.golden if one.role == role]
        if not files or not all(_gives(plan, folder / file) for file in files):
            return False
    return True


def _gives(plan: GraphPlan, golden: Path) -> bool:
    with np.load(golden, allow_pickle=False) as stored:
        if not set(stored.files) >= {*plan.inputs, *plan.outputs}:
            return False
        example = {name: torch.from_numpy(stored[name]) for name in plan.inputs}
        expected = {name: torch.from_numpy(stored[name]) for name in plan.outputs}
    try:
        answers = _answers(plan, example)
    except (RuntimeError, IndexError):  # other sizes, a larger vocabulary
        return False
    return all(
        answers[name].shape == tensor.shape
        and torch.allclose(answers[name], tensor, rtol=1e-3, atol=1e-3)
        for name, tensor in expected.items()
    )


def write_graphs(
    network: LanguageNetwork,
    folder: Path,
    precision: Precision = "float16",
    roles: frozenset[str] = LANGUAGE_ROLES,
) -> WrittenGraphs:
    """Write ``graphs/<role>.onnx`` and ``golden/<role>-<n>.npz`` for the roles of a network.

    Parameters
    ----------
    network
        Trained; it is not changed.
    folder
        The bundle's folder.
    precision
        How weights are stored; computing is in float32 either way.
    roles
        Only these are written.
    """
    graphs: list[GraphSpec] = []
    golden: list[GoldenSpec] = []
    for plan in plans(deployable(network, precision)):
        if plan.role not in roles:
            continue
        graphs.append(_write_graph(plan, folder, precision))
        golden += _write_golden(plan, folder)
    return WrittenGraphs(tuple(graphs), tuple(golden))


class _Positional(nn.Module):
    """Any module as one that takes its tensors as one list, the form that every plan shares."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
        answer: Tensor | tuple[Tensor, ...] = self.module(*tensors)
        return answer


def _write_graph(plan: GraphPlan, folder: Path, precision: Precision) -> GraphSpec:
    file = f"graphs/{plan.role}.onnx"
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    free = [
        {axis: torch.export.Dim.AUTO for axis, n in enumerate(shape) if isinstance(n, str)}
        for shape in plan.inputs.values()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Positional(plan.module),
            tuple(plan.examples[0].values()),
            path,
            input_names=list(plan.inputs),
            output_names=list(plan.outputs),
            dynamic_shapes=(tuple(free),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    forget_the_machine(model)
    name_dimensions(model, {**plan.inputs, **plan.outputs})
    if precision == "float16":
        store_as_half(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    answers = _answers(plan, plan.examples[0])
    return GraphSpec(
        role=plan.role,
        file=file,
        opset=opset_of(model),
        precision=precision,
        inputs=_specs(plan.inputs, plan.examples[0]),
        outputs=_specs(plan.outputs, answers),
    )


def _language_spec(network: LanguageNetwork) -> LanguageSpec:
    length = network.decoder.settings.context_length
    if not isinstance(network, VisionLanguageNetwork):
        return LanguageSpec(
            family="llama",
            context_length=length,
            image_marks=(),
            text_marks=(),
            measurements=(),
            maximum_text=MAXIMUM_HISTORY_TOKENS,
        )
    connector = network.connector.settings
    return LanguageSpec(
        family="llama",
        context_length=length,
        image_marks=tuple(network.image_marks.tolist()),
        text_marks=tuple(network.text_marks.tolist()),
        measurements=tuple(entry.key for entry in connector.measurements),
        maximum_text=connector.maximum_text,
        views=_views(network),
    )


def _views(network: VisionLanguageNetwork) -> tuple[ViewKind, ...]:
    if not isinstance(network.encoder, ViewedStudyEncoder):
        return ()
    learnt = {role.value for role in network.encoder.settings.views}
    kinds: tuple[ViewKind, ...] = get_args(ViewKind)
    return tuple(kind for kind in kinds if kind in learnt)


def _write_golden(plan: GraphPlan, folder: Path) -> list[GoldenSpec]:
    (folder / "golden").mkdir(exist_ok=True)
    written: list[GoldenSpec] = []
    for number, example in enumerate(plan.examples, start=1):
        file = f"golden/{plan.role}-{number}.npz"
        tensors = {**example, **_answers(plan, example)}
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        np.savez_compressed(folder / file, allow_pickle=False, **arrays)
        written.append(GoldenSpec(role=plan.role, file=file, minimum_cosine=MINIMUM_COSINE))
    return written


def _answers(plan: GraphPlan, example: Named) -> Named:
    with torch.inference_mode():
        answer = plan.module(*example.values())
    tensors = answer if isinstance(answer, tuple) else (answer,)
    return dict(zip(plan.outputs, tensors, strict=True))


def _specs(shapes: Mapping[str, Shape], tensors: Named) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=name, dtype=_DTYPES[tensors[name].dtype], shape=shape)
        for name, shape in shapes.items()
    )
