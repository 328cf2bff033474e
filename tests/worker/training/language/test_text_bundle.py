"""A bundle that only reads and writes words, exported from a run."""

import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnx", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.words import definition, tokenizer  # noqa: E402
from worker.bundle import find_bundle, load_bundle  # noqa: E402
from worker.model.language.tokenizer import BUNDLE_FILE  # noqa: E402
from worker.training.language.decoder import DecoderSettings, LlamaDecoder  # noqa: E402
from worker.training.language.export import add_language, add_run  # noqa: E402
from worker.training.language.parts import TextNetwork  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(1)
    sizes = {"width": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "feed_forward": 16}
    decoder = LlamaDecoder(DecoderSettings(vocabulary=len(tokenizer()), **sizes))
    folder = tmp_path_factory.mktemp("bundles") / "words"
    shutil.copytree(find_bundle(None), folder)
    add_language(TextNetwork(decoder), folder, tokenizer=definition())
    return load_bundle(folder)


def test_bundle_of_words_has_no_part_that_sees(bundle):
    assert bundle.manifest.graph("segmentation") is not None
    assert bundle.manifest.graph("decoder") is not None
    assert bundle.manifest.graph("embed_tokens") is not None
    assert bundle.manifest.graph("study_encoder") is None
    assert bundle.manifest.graph("connector") is None
    assert bundle.manifest.language.measurements == ()
    assert (bundle.folder / BUNDLE_FILE).read_text(encoding="utf-8") == definition()


def test_run_without_a_checkpoint_changes_no_bundle(tmp_path, bundle):
    with pytest.raises(ConfigurationError):
        add_run(tmp_path, bundle.folder)
    assert load_bundle(bundle.folder).digest == bundle.digest
