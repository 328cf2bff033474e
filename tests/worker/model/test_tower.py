import json

import numpy as np
import pytest

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from tests.worker.bundle.small_bundle import GREYS, write_small_bundle, write_wide_bundle
from worker.bundle import load_bundle
from worker.model import sessions
from worker.model.golden import open_verified
from worker.model.grid import Window
from worker.model.tower import SegmentationTower
from worker.model.turned import turned
from worker.volume.types import CineStack

pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    folder = write_small_bundle(tmp_path_factory.mktemp("bundles") / "small")
    return SegmentationTower(load_bundle(folder), threads=1)


def drawn_labels(n_phases=2, n_slices=3, shape=(96, 128), heart_mm=(60.0, 90.0), spacing_mm=1.5):
    row, column = (v / spacing_mm for v in heart_mm)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    distance_mm = np.hypot(rows - row, columns - column) * spacing_mm
    labels = np.zeros((n_phases, n_slices, *shape), np.uint8)
    labels[..., np.hypot(rows - row, columns - column + 24 / spacing_mm) * spacing_mm < 20] = 1
    labels[..., distance_mm < 26] = 2
    labels[..., distance_mm < 19] = 3
    return labels


def stack_of(labels, spacing_mm=1.5, scale=400.0, offset=10.0):
    pixels = np.asarray(GREYS, np.float32)[labels] * np.float32(scale) + np.float32(offset)
    n_phases, n_slices = labels.shape[:2]
    origins = np.zeros((n_slices, 3))
    origins[:, 2] = np.arange(n_slices) * 8.0
    return CineStack(
        pixels=pixels,
        affine=np.diag([spacing_mm, spacing_mm, 8.0, 1.0]),
        slice_origins_mm=origins,
        trigger_times_ms=np.arange(n_phases) * 40.0,
        frames=(),
        frame_of_reference_uid="",
    )


def dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("spacing_mm", [0.9, 1.5, 1.9])
@pytest.mark.parametrize("heart_mm", [(45.0, 60.0), (60.0, 110.0)])
def test_tower_finds_the_heart_wherever_it_lies(tower, spacing_mm, heart_mm):
    shape = (round(110 / spacing_mm), round(150 / spacing_mm))
    labels = drawn_labels(shape=shape, heart_mm=heart_mm, spacing_mm=spacing_mm)
    found = tower.segment(stack_of(labels, spacing_mm)).labels
    assert found.shape == labels.shape
    assert found.dtype == np.uint8
    assert all(dice(found == k, labels == k) > 0.93 for k in (1, 3))
    assert dice(found == 2, labels == 2) > 0.85


def test_tower_moves_nothing_by_resampling(tower):
    labels = drawn_labels(shape=(140, 150), spacing_mm=1.1)
    found = tower.segment(stack_of(labels, 1.1)).labels
    for axis in (2, 3):
        where = [np.nonzero(v == 3)[axis].mean() for v in (found, labels)]
        assert where[0] == pytest.approx(where[1], abs=0.15)


def test_tower_takes_one_phase_and_one_slice(tower):
    labels = drawn_labels(n_phases=1, n_slices=1)
    segmentation = tower.segment(stack_of(labels))
    assert segmentation.labels.shape == labels.shape
    assert segmentation.confidence.shape == (1, 1)
    assert segmentation.confidence.dtype == np.float32


def test_tower_answer_does_not_depend_on_receiver_gain(tower):
    labels = drawn_labels()
    one, other = (
        tower.segment(stack_of(labels, scale=s, offset=o)).labels for s, o in ((1, 0), (900, 77))
    )
    assert np.array_equal(one, other)


def test_tower_leaves_one_heart_and_no_islands(tower):
    labels = drawn_labels()
    noisy = labels.copy()
    noisy[:, :, 4:9, 4:9] = 3
    found = tower.segment(stack_of(noisy)).labels
    assert not found[:, :, :12, :12].any()


def test_tower_says_so_when_there_is_no_heart(tower):
    with pytest.raises(ModelError) as caught:
        tower.segment(stack_of(np.zeros((2, 3, 64, 64), np.uint8)))
    assert caught.value.reason is Reason.HEART_NOT_FOUND


def test_tower_shows_each_phase_the_other_end_of_the_beat(tmp_path):
    folder = write_wide_bundle(tmp_path / "b", looks_at=4)
    tower = SegmentationTower(load_bundle(folder), threads=1)
    full, empty = drawn_labels(n_phases=1), drawn_labels(n_phases=1)
    empty[(empty == 3) & (np.arange(128) % 2 == 0)] = 2
    labels = np.concatenate((full, full, empty, full))
    found = tower.segment(stack_of(labels)).labels
    cavity = (found == 3).sum(axis=(1, 2, 3))
    assert cavity[2] > cavity[0] == cavity[1] == cavity[3]


def test_tower_shows_each_slice_what_it_found_nearer_to_the_middle(tmp_path):
    # the graph answers LV cavity wherever the guide has it; the middle slice is given by hand
    folder = write_wide_bundle(tmp_path / "b", looks_at=8)
    tower = SegmentationTower(load_bundle(folder), threads=1)
    found = []
    look = tower._look

    def marking(views, opposite=None, guided=None):
        p, features = look(views, opposite, guided)
        if guided is not None and not guided.any():
            p[:, :, 20:40, 20:40] = np.array([0, 0, 0, 1.0])[None, :, None, None]
        if opposite is not None:
            found.append(int((p.argmax(axis=1) == 3).sum()))
        return p, features

    tower._look = marking
    tower._find_heart = lambda images: Window(0, images.shape[-2], 0, images.shape[-1])
    with pytest.raises(ModelError):  # a cavity without a wall is no heart
        tower.segment(stack_of(drawn_labels(n_slices=5)))
    assert found == [2 * 400] * 5


def test_tower_looks_again_at_turned_views_near_both_ends_of_the_beat(tmp_path, monkeypatch):
    folder = write_wide_bundle(tmp_path / "b", looks_at=1)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["image"]["turns_degrees"] = [20.0, -20.0]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    tower = SegmentationTower(load_bundle(folder), threads=1)
    labels = drawn_labels(n_phases=9, n_slices=1)
    labels[4][(labels[4] == 3) & (np.arange(128) % 2 == 0)] = 2  # the emptiest
    turns = []
    monkeypatch.setattr(
        "worker.model.tower.turned",
        lambda images, degrees: turns.append((len(images), degrees)) or turned(images, degrees),
    )
    once = SegmentationTower(load_bundle(write_wide_bundle(tmp_path / "c", looks_at=1)), threads=1)
    stack = stack_of(labels)
    again, first = tower.segment(stack), once.segment(stack)
    assert {n for n, _ in turns} == {6}  # fullest and emptiest, and those beside them
    assert [degrees for _, degrees in turns] == [20.0] * 3 + [-20.0] * 4 + [20.0]
    assert np.array_equal(again.labels[2], first.labels[2])
    assert dice(again.labels[0] == 3, first.labels[0] == 3) > 0.97


def test_tower_reports_progress_up_to_the_end(tower):
    told = []
    tower.segment(stack_of(drawn_labels(n_phases=3)), told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_confidence_falls_where_the_picture_is_ambiguous(tower):
    clear = drawn_labels()
    stack = stack_of(clear)
    blurred = stack_of(clear)
    blurred.pixels[:, 1] = 0.5 * blurred.pixels[:, 1] + 90
    sure, unsure = tower.segment(stack).confidence, tower.segment(blurred).confidence
    assert (unsure[:, 1] < sure[:, 1]).all()
    assert ((sure >= 0) & (sure <= 1)).all()


def test_golden_run_with_another_answer_is_refused(tmp_path):
    other = np.random.default_rng(5).normal(size=(1, 4, 16, 16)).astype(np.float32)
    bundle = load_bundle(write_small_bundle(tmp_path / "b", golden_scores=other))
    with pytest.raises(ModelError) as caught:
        open_verified(bundle, "segmentation", "cpu", 1)
    assert caught.value.reason is Reason.BUNDLE_INVALID


def test_graph_with_other_inputs_than_the_manifest_says_is_refused(tmp_path):
    graphs = [
        {
            "role": "segmentation",
            "file": "graphs/segmentation.onnx",
            "opset": 17,
            "precision": "float32",
            "inputs": [{"name": "pictures", "dtype": "float32", "shape": ["n", 3, "r", "c"]}],
            "outputs": [{"name": "scores", "dtype": "float32", "shape": ["n", 4, "r", "c"]}],
        }
    ]
    bundle = load_bundle(write_small_bundle(tmp_path / "b", graphs=graphs))
    with pytest.raises(ModelError) as caught:
        open_verified(bundle, "segmentation", "cpu", 1)
    assert caught.value.reason is Reason.BUNDLE_INVALID


def test_cuda_asked_for_but_absent_is_an_error_not_the_cpu(tower):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime-gpu is installed here")
    with pytest.raises(ConfigurationError) as caught:
        SegmentationTower(tower.bundle, device="cuda")
    assert caught.value.reason is Reason.DEVICE_UNAVAILABLE


def test_runtime_not_installed_says_what_to_install(tower, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(sessions.importlib, "import_module", missing)
    with pytest.raises(ConfigurationError) as caught:
        SegmentationTower(tower.bundle)
    assert caught.value.reason is Reason.RUNTIME_MISSING
    assert "cmr-triage[cpu]" in caught.value.sentence


class Listening:
    """Stands before a session and remembers the sizes of what it is shown."""

    def __init__(self, session):
        self.session = session
        self.shapes = []

    def run(self, inputs):
        self.shapes += [array.shape[2:] for array in inputs.values()]
        return self.session.run(inputs)


@pytest.mark.parametrize("shape", [(260, 200), (70, 90)])
def test_tower_measures_in_windows_of_the_size_that_the_network_learnt_from(
    tower, monkeypatch, shape
):
    listening = Listening(tower._session)
    monkeypatch.setattr(tower, "_session", listening)
    tower.segment(stack_of(drawn_labels(n_phases=1, shape=shape, heart_mm=(60.0, 70.0))))
    assert listening.shapes[-1] == (112, 112)  # 160 mm of 1.5 mm pixels, a multiple of 16


def test_tower_widens_the_window_for_a_heart_larger_than_the_views(tower, monkeypatch):
    listening = Listening(tower._session)
    labels = np.zeros((1, 3, 300, 300), np.uint8)
    rows, columns = np.mgrid[:300, :300]
    distance_mm = np.hypot(rows - 150, columns - 160) * 1.5
    labels[..., distance_mm < 95] = 2
    labels[..., distance_mm < 80] = 3
    monkeypatch.setattr(tower, "_session", listening)
    found = tower.segment(stack_of(labels)).labels
    assert dice(found == 3, labels == 3) > 0.93
    assert listening.shapes[-1] == (144, 144)  # 190 mm and 8 mm on either side
