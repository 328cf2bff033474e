import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
onnx = pytest.importorskip("onnx", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from worker.bundle import load_bundle  # noqa: E402
from worker.bundle.manifest import Evaluation, EvaluationRow  # noqa: E402
from worker.model.golden import open_verified  # noqa: E402
from worker.training.export import (  # noqa: E402
    BundleText,
    deployable,
    with_evaluation,
    write_bundle,
)
from worker.training.network import SegmentationNetwork  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return SegmentationNetwork((8, 16, 16, 16, 16)).eval()


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "small-unet"
    folder.mkdir()
    (folder / "leftover").write_text("of an older bundle")
    write_bundle(
        network,
        folder,
        BundleText("small-unet", "0.1.0", "none", "none", spacing_mm=1.5, view_mm=96.0),
    )
    return folder


@pytest.mark.parametrize("shape", [(1, 9, 16, 16), (2, 9, 64, 48), (5, 9, 80, 96)])
def test_export_graph_gives_what_the_network_gives(network, folder, shape):
    session = open_verified(load_bundle(folder), "segmentation", "cpu", 1)
    images = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    with torch.inference_mode():
        expected = deployable(network)(torch.from_numpy(images)).numpy()
    assert np.abs(session.run({"images": images})[0] - expected).max() < 1e-3


def test_weights_are_stored_in_half_of_what_they_take(network, folder):
    n_weights = sum(one.numel() for one in network.parameters() if one.numel() >= 1024)
    model = onnx.load(folder / "graphs" / "segmentation.onnx")
    halves = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
    assert sum(len(one.raw_data) for one in halves) == 2 * n_weights


def test_export_graph_names_no_path_of_this_machine(folder):
    data = (folder / "graphs" / "segmentation.onnx").read_bytes()
    assert b".py" not in data
    assert b"/home" not in data
    assert str(folder.parent).encode() not in data


def test_export_replaces_an_older_bundle_whole(folder):
    assert not (folder / "leftover").exists()


def test_evaluation_is_written_into_manifest_and_card(folder):
    row = EvaluationRow(measure="Dice lv", value=0.951, low=0.94, high=0.96)
    rows = Evaluation(data="drawn hearts", n_patients=2, command="none", rows=(row,))
    with_evaluation(folder, rows)
    assert load_bundle(folder).manifest.evaluation == rows
    assert "0.951" in (folder / "MODEL_CARD.md").read_text()
