"""What only opening a bundle can find: its golden files, its contract and its vocabulary."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ModelError, Reason
from tests.worker.bundle.small_bundle import GOLDEN, write_manifest, write_small_bundle
from tests.worker.words import definition
from worker.bundle import load_bundle
from worker.model.golden import open_verified
from worker.model.language.tokenizer import BUNDLE_FILE
from worker.model.language.writer import read_tokenizer


class Payload:
    """Runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def refused(folder):
    with pytest.raises(ModelError) as caught:
        open_verified(load_bundle(folder), "segmentation", "cpu", 1)
    assert caught.value.reason is Reason.BUNDLE_INVALID
    return caught.value.sentence


def test_pickle_in_a_golden_file_is_refused_and_never_run(tmp_path):
    folder, proof = write_small_bundle(tmp_path / "b"), tmp_path / "ran"
    images = np.empty(1, dtype=object)
    images[0] = Payload(proof)
    np.savez(folder / GOLDEN, allow_pickle=True, images=images, scores=np.zeros(1))
    write_manifest(folder)
    assert "cannot be read" in refused(folder)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("side", "shape"), [("inputs", ["n", 4, "r", "c"]), ("outputs", ["n", 5, "r", "c"])]
)
def test_graph_with_other_fixed_sizes_than_the_manifest_says_is_refused(tmp_path, side, shape):
    spec = {
        "role": "segmentation",
        "file": "graphs/segmentation.onnx",
        "opset": 17,
        "precision": "float32",
        "inputs": [{"name": "images", "dtype": "float32", "shape": ["n", 3, "r", "c"]}],
        "outputs": [{"name": "scores", "dtype": "float32", "shape": ["n", 4, "r", "c"]}],
    }
    spec[side][0]["shape"] = shape
    assert "another shape" in refused(write_small_bundle(tmp_path / "b", graphs=[spec]))


@pytest.mark.parametrize("text", [None, "no vocabulary", ""])
def test_vocabulary_that_is_missing_or_of_another_size_is_refused(tmp_path, text):
    if text is None:
        pytest.importorskip("tokenizers", reason="needs the extra train")
        text = definition()
    (tmp_path / BUNDLE_FILE).parent.mkdir(parents=True)
    if text:
        (tmp_path / BUNDLE_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_tokenizer(replace(load_bundle(None), folder=tmp_path))
    assert caught.value.reason is Reason.BUNDLE_INVALID
    assert ("vocabulary" if len(text) > 100 else "missing or unusable") in caught.value.sentence
