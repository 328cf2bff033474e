"""How coarsely the graphs of recognition may be stored: margins and areas by precision.

    python -m tests.benchmarks.recognition_precision --run RUN --bundle BUNDLE --studies STUDIES

``RUN`` is a finished run of the stage runner; ``BUNDLE`` one with its decoder, which is left as it
is. Study encoder, connector and heads are exported once in float32; the other precisions are made
of those files: weights rounded to float16 (as bundles store them), weights rounded to 8 bits with
one scale per column, and 8 bits for weights and, while it runs, for what they are multiplied with
(onnxruntime's dynamic quantisation). Studies are those of the validation and monitor patients.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from worker.bundle import load_bundle
from worker.bundle.manifest import Manifest
from worker.bundle.verify import MANIFEST_NAME, list_files
from worker.model.golden import cosine
from worker.model.language.categories import read_categories
from worker.model.language.decoder import Decoder
from worker.model.language.recognition import Recogniser
from worker.model.language.vision import StudyReader
from worker.model.language.writer import read_tokenizer
from worker.model.sessions import GraphSession
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import finding_vector
from worker.training.language.checkpoint import finished_network
from worker.training.language.export import write_graphs
from worker.training.language.graphs import RECOGNITION_ROLES
from worker.training.language.recognition_ablations import mean_areas
from worker.training.language.recognition_tables import interval
from worker.training.language.study_data import read_studies
from worker.training.onnx_file import store_as_half

_SMALLEST_ROUNDED = 1024


def as_int8(model):
    """Keep large float32 weights as 8-bit integers with one scale per column."""
    graph = model.graph
    nodes = []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _SMALLEST_ROUNDED:
            continue
        over = tuple(range(values.ndim - 1))
        scale = np.maximum(np.abs(values).max(axis=over) / 127, 1e-12).astype(np.float32)
        rounded = np.round(values / scale).astype(np.int8)
        name = weight.name
        graph.initializer.remove(weight)
        for suffix, array in (("int8", rounded), ("scale", scale)):
            graph.initializer.append(numpy_helper.from_array(array, f"{name}_{suffix}"))
        inputs = [f"{name}_int8", f"{name}_scale"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=values.ndim - 1))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def _rewrite(change):
    def write(path):
        model = onnx.load(path)
        change(model)
        onnx.save(model, path)

    return write


def _dynamic(path):
    quantize_dynamic(path, path, weight_type=QuantType.QInt8, per_channel=True)


PRECISIONS = {
    "float32": lambda path: None,
    "float16 weights": _rewrite(store_as_half),
    "int8 weights": _rewrite(as_int8),
    "int8 weights and activations": _dynamic,
}


def with_manifest(folder, change):
    """Change the manifest of a bundle folder and list its files again."""
    path = folder / MANIFEST_NAME
    manifest = change(Manifest.model_validate_json(path.read_bytes()))
    manifest = manifest.model_copy(update={"files": list_files(folder)})
    path.write_text(manifest.model_dump_json(), encoding="utf-8")
    return manifest


def exported(run, bundle, folder):
    """Copy a bundle, with the run's recognition graphs in float32."""
    shutil.copytree(bundle, folder)
    network, _ = finished_network(run)
    written = write_graphs(network, folder, "float32", RECOGNITION_ROLES)

    def change(manifest):
        graphs = [one for one in manifest.graphs if one.role not in RECOGNITION_ROLES]
        golden = [one for one in manifest.golden if one.role not in RECOGNITION_ROLES]
        return manifest.model_copy(
            update={
                "graphs": (*graphs, *written.graphs),
                "golden": (*golden, *written.golden),
            }
        )

    with_manifest(folder, change)


def stored_as(precision, folder):
    """Store the recognition graphs of a bundle otherwise; return the lowest golden cosine.

    The golden answers become those of the new graphs, as an export writes them.
    """
    manifest = Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    lowest = 1.0
    for role in sorted(RECOGNITION_ROLES):
        spec = manifest.graph(role)
        PRECISIONS[precision](folder / spec.file)
        session = GraphSession(folder / spec.file, spec, "cpu", 1)
        for entry in (one for one in manifest.golden if one.role == role):
            with np.load(folder / entry.file) as stored:
                arrays = dict(stored)
            answers = session.run({tensor.name: arrays[tensor.name] for tensor in spec.inputs})
            for name, answer in zip(session.output_names, answers, strict=True):
                lowest = min(lowest, cosine(answer, arrays[name]))
                arrays[name] = answer
            np.savez_compressed(folder / entry.file, **arrays)
    with_manifest(folder, lambda manifest: manifest)
    return lowest


def margins(folder, studies):
    """Return margins ``[study, category]`` as the product computes them, and seconds a study."""
    bundle, categories = load_bundle(folder), read_categories()
    decoder = Decoder(bundle, threads=1)
    reader = StudyReader(bundle, decoder, threads=1)
    heads = Recogniser(bundle, decoder, read_tokenizer(bundle), "cpu", 1)
    anchors = heads.anchors(categories)
    started = time.process_time()
    found = [heads.margins(reader.prefix(one.features), categories, anchors) for one in studies]
    spent_s = time.process_time() - started
    keys = [one.key for one in categories]
    return np.array([[row[key] for key in keys] for row in found]), spent_s / len(studies)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--studies", type=Path, required=True)
    given = parser.parse_args()
    splits = read_splits()
    away = {*splits.validation, *splits.monitor}
    studies = [one for one in read_studies(given.studies) if one.id in away]
    keys = [one.key for one in read_categories()]
    truth = np.stack([finding_vector(one, keys) for one in studies])
    print(
        "| stored as | size | lowest golden cosine | largest, mean change of a margin | sign kept"
        " | mean area | change of the mean area | s a study |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        base = Path(work) / "float32"
        exported(given.run, given.bundle, base)
        first = None
        for number, precision in enumerate(PRECISIONS):
            folder = Path(work) / f"bundle-{number}"
            shutil.copytree(base, folder)
            lowest = stored_as(precision, folder)
            graphs = [folder / f"graphs/{role}.onnx" for role in RECOGNITION_ROLES]
            size_kb = sum(path.stat().st_size for path in graphs) / 1000
            found, seconds = margins(folder, studies)
            first = found if first is None else first
            change = np.abs(found - first)
            kept = ((found > 0) == (first > 0)).mean()
            areas, before = (mean_areas(one[None], truth) for one in (found, first))
            print(
                f"| {precision} | {size_kb:.0f} kB | {lowest:.5f} | {change.max():.4f}, "
                f"{change.mean():.4f} | {kept:.1%} | {interval(areas)} | "
                f"{interval(areas - before)} | {seconds:.3f} |"
            )


if __name__ == "__main__":
    main()
