import copy

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
onnx = pytest.importorskip("onnx", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.training.language.networks import (  # noqa: E402
    IMAGE_MARKS,
    TEXT_MARKS,
    tiny_decoder,
    tiny_network,
)
from worker.bundle import find_bundle, load_bundle  # noqa: E402
from worker.model.golden import open_verified  # noqa: E402
from worker.training.language.export import add_recognition  # noqa: E402
from worker.training.language.graphs import plans  # noqa: E402
from worker.training.language.parts import TextNetwork  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]
ROLES = (
    "embed_tokens",
    "decoder",
    "study_encoder",
    "connector",
    "image_heads",
    "text_heads",
)


@pytest.fixture(scope="module")
def bundle(language_folder):
    return load_bundle(language_folder)


@pytest.mark.parametrize("role", ROLES)
def test_graph_gives_what_the_network_gave(bundle, role):
    assert open_verified(bundle, role, "cpu", 1).output_names


def test_bundle_keeps_its_tower(bundle):
    before = load_bundle(find_bundle(None)).manifest
    assert bundle.manifest.graph("segmentation") == before.graph("segmentation")
    kept, own = (
        [g for g in one.golden if g.role == "segmentation"] for one in (bundle.manifest, before)
    )
    assert kept == own != []


def test_manifest_says_how_the_decoder_is_called(bundle):
    language = bundle.manifest.language
    assert (language.image_marks, language.text_marks) == (IMAGE_MARKS, TEXT_MARKS)
    assert language.context_length == 40
    assert language.measurements == ("lv_ejection_fraction", "lv_end_diastolic_volume")
    inputs = {t.name: t.shape for t in bundle.manifest.graph("decoder").inputs}
    assert inputs["past_key_values.1.value"] == ("batch", 2, "past", 8)
    assert inputs["attention_mask"] == ("batch", "total")


def test_recognition_leaves_the_words_as_they_were(bundle):
    before = load_bundle(bundle.folder.with_name("words"))
    for role in ("embed_tokens", "decoder"):
        assert bundle.manifest.graph(role) == before.manifest.graph(role)
        file = before.manifest.graph(role).file
        assert (bundle.folder / file).read_bytes() == (before.folder / file).read_bytes()
    assert not bundle.manifest.language.words_from_images


def test_recognition_of_another_decoder_or_vocabulary_is_not_added(bundle, language_network):
    words = bundle.folder.with_name("words")
    digest = load_bundle(words).digest
    with pytest.raises(ConfigurationError, match="vocabulary"):
        add_recognition(language_network, words, tokenizer="{ }")
    changed = copy.deepcopy(language_network)
    for parameter in changed.decoder.layers[-1].parameters():
        parameter.data.mul_(1.1)
    for other in (changed, tiny_network(seed=3)):
        with pytest.raises(ConfigurationError, match="decoder"):
            add_recognition(other, words, tokenizer="{}")
    assert load_bundle(words).digest == digest


def test_one_decoder_graph_begins_continues_and_steps(bundle):
    golden = [g.file for g in bundle.manifest.golden if g.role == "decoder"]
    assert len(golden) == 3


def test_weights_are_stored_in_half_the_bytes(bundle):
    path = bundle.folder / "graphs" / "decoder.onnx"
    weights = [w for w in onnx.load(path).graph.initializer if len(w.dims) == 2]
    assert weights
    assert all(w.data_type == onnx.TensorProto.FLOAT16 for w in weights if w.dims[0] > 8)


@pytest.mark.parametrize("role", ROLES)
def test_graph_names_no_path_of_this_machine(bundle, role):
    data = (bundle.folder / "graphs" / f"{role}.onnx").read_bytes()
    assert b".py" not in data
    assert b"/home" not in data


@pytest.mark.parametrize("hidden", ["middle", "last"])
def test_decoder_with_another_hidden_state_is_no_bundle_s(hidden):
    with pytest.raises(ConfigurationError, match="hidden"):
        plans(TextNetwork(tiny_decoder(hidden=hidden)))
    assert plans(TextNetwork(tiny_decoder()))
