"""A bundle made by hand, without torch or onnx: a graph that knows classes by their brightness.

Each class has a grey; the score is ``gain * (2 * grey * x - grey ** 2)``, so the class whose grey
is nearest to the middle slice's pixel wins. Enough to try everything around a network.
"""

import json
import struct

import numpy as np

from worker.bundle.verify import sha256_of

GREYS = (0.0, 0.65, 0.35, 1.0)
GAIN = 40.0
GRAPH, GOLDEN = "graphs/segmentation.onnx", "golden/segmentation.npz"


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, values, extra=b""):
    dims = b"".join(field(1, n) for n in values.shape)
    raw = struct.pack(f"<{values.size}f", *values.reshape(-1))
    return dims + field(2, 1) + field(8, name) + field(9, raw) + extra


def value_info(name, dims):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def external_data(location):
    entry = field(1, "location") + field(2, location)
    return field(13, entry) + field(14, 1)


def graph_bytes(domain="", extra_tensor=b"", opset=17, n_inputs=3, looks_at=1):
    weight = np.zeros((4, n_inputs, 1, 1))
    weight[:, looks_at, 0, 0] = [2 * GAIN * grey for grey in GREYS]
    bias = np.array([-GAIN * grey**2 for grey in GREYS])
    node = b"".join(field(1, name) for name in ("images", "weight", "bias"))
    node += field(2, "scores") + field(4, "Conv") + (field(7, domain) if domain else b"")
    graph = field(1, node) + field(2, "graph")
    graph += field(5, tensor("weight", weight, extra_tensor)) + field(5, tensor("bias", bias))
    graph += field(11, value_info("images", ("n", n_inputs, "row", "column")))
    graph += field(12, value_info("scores", ("n", 4, "row", "column")))
    opsets = field(8, field(1, "") + field(2, opset))
    if domain:
        opsets += field(8, field(1, domain) + field(2, 1))
    return field(1, 8) + field(7, graph) + opsets


def expected_scores(images, looks_at=1):
    middle = images[:, looks_at : looks_at + 1]
    greys = np.array(GREYS, np.float32).reshape(1, 4, 1, 1)
    return (GAIN * (2 * greys * middle - greys**2)).astype(np.float32)


def write_small_bundle(folder, graph=None, golden_scores=None, **changes):
    """Write the bundle; ``changes`` replace entries of the manifest."""
    (folder / "graphs").mkdir(parents=True)
    (folder / "golden").mkdir()
    (folder / GRAPH).write_bytes(graph_bytes() if graph is None else graph)
    images = np.random.default_rng(0).uniform(0, 1, (1, 3, 16, 16)).astype(np.float32)
    scores = expected_scores(images) if golden_scores is None else golden_scores
    np.savez(folder / GOLDEN, images=images, scores=scores)
    (folder / "MODEL_CARD.md").write_text("A test.\n")
    write_manifest(folder, **changes)
    return folder


def write_wide_bundle(folder, looks_at):
    """Write a bundle that sees both ends of the beat and a guide, and answers for one channel."""
    images = np.random.default_rng(0).uniform(0, 1, (1, 9, 16, 16)).astype(np.float32)
    (folder / "graphs").mkdir(parents=True)
    (folder / "golden").mkdir()
    (folder / GRAPH).write_bytes(graph_bytes(n_inputs=9, looks_at=looks_at))
    np.savez(folder / GOLDEN, images=images, scores=expected_scores(images, looks_at))
    write_manifest(folder)
    described = json.loads((folder / "manifest.json").read_text())
    described["image"].update(phases=2, propagates=True)
    described["graphs"][0]["inputs"][0]["shape"][1] = 9
    (folder / "manifest.json").write_text(json.dumps(described))
    return folder


def write_manifest(folder, **changes):
    """Describe the files as they are now."""
    files = [
        {
            "path": p.relative_to(folder).as_posix(),
            "sha256": sha256_of(p),
            "n_bytes": p.stat().st_size,
        }
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "manifest.json"
    ]
    described = {
        "schema_version": 1,
        "name": "small",
        "version": "1.0.0",
        "licence": "CC0-1.0",
        "clinical_use": "not_for_diagnosis",
        "intended_use": "tests",
        "training_data": "none",
        "training_command": "none",
        "citations": [],
        "papillary_muscles": "in_cavity",
        "classes": ["background", "rv_cavity", "lv_myocardium", "lv_cavity"],
        "image": {
            "kind": "short_axis_cine",
            "spacing_mm": 1.5,
            "neighbouring_slices": 3,
            "view_mm": 160.0,
            "multiple_of": 16,
            "intensity": "percentile_1_99_clip_1.5",
        },
        "graphs": [
            {
                "role": "segmentation",
                "file": GRAPH,
                "opset": 17,
                "precision": "float32",
                "inputs": [
                    {"name": "images", "dtype": "float32", "shape": ["n", 3, "row", "column"]}
                ],
                "outputs": [
                    {"name": "scores", "dtype": "float32", "shape": ["n", 4, "row", "column"]}
                ],
            }
        ],
        "golden": [{"role": "segmentation", "file": GOLDEN, "minimum_cosine": 0.999}],
        "files": files,
    }
    described.update(changes)
    (folder / "manifest.json").write_text(json.dumps(described))
