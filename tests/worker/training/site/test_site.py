"""Training at a hospital: what may teach the network, what is refused, and what a bundle says."""

from collections import Counter
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from tests.generated import write_small_study  # noqa: E402
from tests.worker.training.site.drawn_studies import (  # noqa: E402
    CHANNELS,
    DrawnTower,
    drawn_study,
    small_network,
    write_parent,
)
from worker.bundle import load_bundle  # noqa: E402
from worker.training.batches import ReadySlices  # noqa: E402
from worker.training.beginning import begin  # noqa: E402
from worker.training.export import deployable  # noqa: E402
from worker.training.parent import network_of  # noqa: E402
from worker.training.pretrain import (  # noqa: E402
    Pretrainer,
    PretrainOptions,
    hide_patches,
    unlabelled_volumes,
)
from worker.training.recipe import Recipe, Stage  # noqa: E402
from worker.training.site import adapt as adapting  # noqa: E402
from worker.training.site import finetune as finetuning  # noqa: E402
from worker.training.site import run as site_run  # noqa: E402
from worker.training.site.masks import MaskError, masked_volumes, read_mask  # noqa: E402
from worker.training.site.pseudo_labels import ConfidenceGate, pseudo_label  # noqa: E402
from worker.training.site.run import SiteOptions, dice_on_slices, require_no_worse  # noqa: E402
from worker.training.site.studies import read_studies, volume_of  # noqa: E402
from worker.training.site.style import in_style  # noqa: E402
from worker.training.train import Trainer  # noqa: E402

pytestmark = pytest.mark.train

OPTIONS = SiteOptions("site-a", "1.0.0", minutes=1.0, batch=2, n_phantoms=5, max_steps=1)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    folder = write_parent(tmp_path_factory.mktemp("bundles") / "parent", ("acdc", "sunnybrook"))
    return load_bundle(folder)


def test_folder_is_read_by_study_and_says_what_was_left_out(tmp_path):
    (path, *_) = write_small_study(tmp_path / "deep" / "er")
    (tmp_path / "lonely").mkdir()
    (tmp_path / "notes.txt").write_text("no DICOM")
    left_out = Counter()
    (study,) = read_studies(tmp_path, left_out)
    assert not left_out
    assert study.images.shape == study.stack.pixels.shape
    assert study.folders == (path.parent,)
    assert study.name.startswith("study-")
    only_one = tmp_path / "lonely" / path.name
    only_one.write_bytes(path.read_bytes())
    assert list(read_studies(tmp_path / "lonely", left_out)) == []
    assert sum(left_out.values()) == 1


def test_network_is_read_back_from_the_graph_of_its_bundle(parent):
    weights = deployable(small_network()).state_dict()
    again = network_of(parent).state_dict()
    assert weights.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


def test_network_that_answers_otherwise_is_not_trained_further(parent, monkeypatch):
    monkeypatch.setattr("worker.training.parent._CLOSEST", -1.0)
    with pytest.raises(ConfigurationError) as refused:
        network_of(parent)
    assert refused.value.reason is Reason.BUNDLE_NOT_TRAINABLE


def test_patches_are_hidden_in_every_image_of_a_view():
    images = torch.ones(4, 9, 64, 64)
    shown, hidden = hide_patches(images, 16, 0.5, torch.Generator().manual_seed(1))
    assert shown[:, :6].sum() == 6 * (~hidden).sum()
    assert shown[:, 6:].sum() == 0
    assert 0.2 < hidden.float().mean() < 0.8
    assert torch.equal(
        hidden[:, ::16, ::16].repeat_interleave(16, 1).repeat_interleave(16, 2), hidden
    )


def test_pretraining_goes_on_where_it_stopped_and_gives_a_recipe_its_start(tmp_path):
    study, _ = drawn_study()
    volumes = unlabelled_volumes(study)
    assert len(volumes) == 4
    options = PretrainOptions(0.01, CHANNELS, crop=48, batch=2, spacing_mm=1.5)
    told = []
    first = Pretrainer(options, tmp_path)
    first.run(volumes, told.append)
    assert first.step > 0
    assert told[-1]["loss"] > 0
    again = Pretrainer(options, tmp_path)
    assert (again.step, again.seconds) == (first.step, first.seconds)
    stage = Stage(
        name="one", minutes=1, crop=48, batch=2, learning_rate_start=1e-3,
        learning_rate_end=1e-4, mix={"phantom": 1.0},
    )  # fmt: skip
    recipe = Recipe(name="small", seed=3, channels=CHANNELS, stages=(stage,))
    begin(first.path, recipe, tmp_path / "run")
    trainer = Trainer(recipe, tmp_path / "run")
    learnt = first.model.network.state_dict()
    assert torch.equal(trainer.network.state_dict()["encoders.1.0.0.weight"],
                       learnt["encoders.1.0.0.weight"])  # fmt: skip
    assert trainer.network.head.weight.shape[0] == 4
    assert "site" in trainer.seen
    narrower = recipe.model_copy(update={"channels": (4, 4)})
    with pytest.raises(ConfigurationError, match="does not fit"):
        begin(first.path, narrower, tmp_path / "other")


def test_only_sure_and_steady_contours_may_teach():
    study, labels = drawn_study()
    gate = ConfidenceGate()
    (sure,) = pseudo_label(DrawnTower(labels), [study], Counter())
    assert sure.passes(gate)
    assert [volume.phase for volume in sure.volumes] == ["0", "2"]
    assert np.array_equal(sure.volumes[0].labels, labels[0])
    assert np.array_equal(sure.volumes[0].opposite, sure.volumes[1].images)
    (unsure,) = pseudo_label(DrawnTower(labels, confidence=0.7), [study], Counter())
    assert not unsure.passes(gate)
    (unsteady,) = pseudo_label(DrawnTower(labels, mistake=6), [study], Counter())
    assert unsteady.agreement < gate.agreement
    assert not unsteady.passes(gate)


def test_study_without_a_ventricle_is_counted_and_left_out():
    study, labels = drawn_study()
    left_out = Counter()
    assert list(pseudo_label(DrawnTower(labels * 0), [study], left_out)) == []
    assert left_out["heart_not_found"] == 1


def test_generated_slices_get_the_grey_values_of_the_site():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 1, (3, 3, 32, 32)).astype(np.float16)
    labels = np.ones((3, 32, 32), np.uint8)
    darker = np.linspace(0.0, 0.4, 33, dtype=np.float32)
    styled = in_style(ReadySlices(images, labels), [darker], 1.5, seed=0)
    assert float(styled.images.max()) == pytest.approx(0.4, abs=0.01)
    assert np.array_equal(styled.labels, labels)
    order = np.argsort(images[0, 0], axis=None)
    assert (np.diff(styled.images[0, 0].ravel()[order].astype(np.float32)) >= 0).all()


class Reader(torch.nn.Module):
    """Reads the label from the grey value, or sees nothing."""

    def __init__(self, *, blind):
        super().__init__()
        self.blind = blind

    def forward(self, images):
        label = torch.zeros_like(images[:, 1]) if self.blind else images[:, 1] * 3
        return -(label[:, None] - torch.arange(4.0)[None, :, None, None]).abs()


def test_network_that_got_worse_where_the_truth_is_known_is_refused():
    labels = np.arange(4, dtype=np.uint8).repeat(256).reshape(1, 32, 32)
    ready = ReadySlices((labels / 3.0)[:, None].repeat(3, axis=1).astype(np.float16), labels)
    seeing, blind = Reader(blind=False), Reader(blind=True)
    assert set(dice_on_slices(seeing, ready).values()) == {1.0}
    assert len(require_no_worse(blind, seeing, ready)) == 6
    with pytest.raises(ConfigurationError) as refused:
        require_no_worse(seeing, blind, ready)
    assert refused.value.reason is Reason.TRAINING_MADE_WORSE


def as_folder(monkeypatch, module, studies):
    monkeypatch.setattr(module, "read_studies", lambda _folder, _left_out: iter(studies))


@pytest.fixture
def worse_is_fine(monkeypatch):
    """One step of random weights proves nothing about Dice."""
    monkeypatch.setattr(site_run, "MAY_FALL", 1.0)


def test_adapted_bundle_inherits_the_terms_and_says_what_was_not_measured(
    parent, tmp_path, monkeypatch, worse_is_fine
):
    drawn = [drawn_study(seed) for seed in range(3)]
    as_folder(monkeypatch, adapting, [study for study, _ in drawn])
    monkeypatch.setattr(
        adapting, "SegmentationTower", lambda _bundle, threads: DrawnTower(drawn[0][1])
    )
    required = adapting.Requirements(3, 3, ConfidenceGate(0.5, 0.5, 0.0))
    found = adapting.adapt(
        parent, tmp_path, tmp_path / "site-a", tmp_path / "run", OPTIONS, required
    )
    written = load_bundle(tmp_path / "site-a")
    assert (written.name, written.version) == ("site-a", "1.0.0")
    assert written.manifest.licence == "CC-BY-NC-SA-4.0 AND LicenseRef-site-data"
    assert written.manifest.citations == parent.manifest.citations
    assert "2 studies" in written.manifest.training_data
    assert "parent 1.0.0" in written.manifest.training_data
    assert "NOT MEASURED" in written.manifest.evaluation.data
    assert (found.n_studies, found.n_confident) == (3, 3)
    measures = [row.measure for row in written.manifest.evaluation.rows]
    assert len(measures) == len(set(measures)) == 16
    assert network_of(written).state_dict().keys() == network_of(parent).state_dict().keys()
    assert "NOT MEASURED" in (tmp_path / "site-a" / "MODEL_CARD.md").read_text()


def test_adaptation_that_loses_hearts_is_refused(parent, tmp_path, monkeypatch, worse_is_fine):
    drawn = [drawn_study(seed) for seed in range(3)]
    as_folder(monkeypatch, adapting, [study for study, _ in drawn])
    nothing = DrawnTower(np.zeros_like(drawn[0][1]))
    towers = iter([DrawnTower(drawn[0][1]), nothing])
    monkeypatch.setattr(adapting, "SegmentationTower", lambda _bundle, threads: next(towers))
    required = adapting.Requirements(3, 3, ConfidenceGate(0.5, 0.5, 0.0))
    with pytest.raises(ConfigurationError, match="lost the heart in 1 of 1") as refused:
        adapting.adapt(parent, tmp_path, tmp_path / "out", tmp_path / "run", OPTIONS, required)
    assert refused.value.reason is Reason.TRAINING_MADE_WORSE
    assert [path.name for path in tmp_path.glob("out*")] == []


@pytest.mark.parametrize(
    ("n_studies", "confidence", "reason"),
    [(2, 0.95, Reason.TOO_FEW_STUDIES), (3, 0.5, Reason.NOTHING_CONFIDENT)],
)
def test_adaptation_refuses_and_writes_nothing(
    parent, tmp_path, monkeypatch, n_studies, confidence, reason
):
    drawn = [drawn_study(seed) for seed in range(n_studies)]
    as_folder(monkeypatch, adapting, [study for study, _ in drawn])
    tower = DrawnTower(drawn[0][1], confidence)
    monkeypatch.setattr(adapting, "SegmentationTower", lambda _bundle, threads: tower)
    with pytest.raises(ConfigurationError) as refused:
        adapting.adapt(
            parent, tmp_path, tmp_path / "out", tmp_path, OPTIONS, adapting.Requirements(3, 3)
        )
    assert refused.value.reason is reason
    assert "3 are needed" in refused.value.detail
    assert not (tmp_path / "out").exists()


def write_mask(path, labels, stack, shift_mm=0.0):
    """Write labels ``[slice, row, column]`` as another program would: other axes, RAS."""
    to_voxel = np.zeros((4, 4))
    to_voxel[:3, 0] = -stack.affine[:3, 0]  # columns run the other way
    to_voxel[:3, 1] = stack.affine[:3, 1]
    to_voxel[:3, 2] = stack.slice_origins_mm[1] - stack.slice_origins_mm[0]
    last = stack.affine[:3, 0] * (labels.shape[2] - 1)
    to_voxel[:3, 3] = stack.slice_origins_mm[0] + last + [shift_mm, 0, 0]
    to_voxel[3, 3] = 1
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ to_voxel
    values = labels.transpose(2, 1, 0)[::-1].astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.nifti1.Nifti1Image(values, ras), path)


def test_mask_is_found_at_the_pixels_whatever_its_grid(tmp_path):
    study, labels = drawn_study(folders=(tmp_path / "series",))
    write_mask(tmp_path / "mask_phase01.nii.gz", labels[0], study.stack)
    write_mask(tmp_path / "series" / "mask_phase03.nii.gz", labels[2], study.stack)
    ed, es = sorted(masked_volumes(study), key=lambda volume: volume.phase)
    assert np.array_equal(ed.labels, labels[0])
    assert np.array_equal(es.labels, labels[2])
    assert np.array_equal(ed.opposite, es.images)


@pytest.mark.parametrize("wrong", ["elsewhere", "labels", "phase", "damaged"])
def test_mask_that_does_not_fit_is_refused(tmp_path, wrong):
    study, labels = drawn_study()
    path, phase = tmp_path / "mask_phase01.nii.gz", 9 if wrong == "phase" else 0
    drawn = labels[0] + (4 if wrong == "labels" else 0)
    write_mask(path, drawn, study.stack, shift_mm=90.0 if wrong == "elsewhere" else 0.0)
    if wrong == "damaged":
        path.write_bytes(b"no NIfTI")
    with pytest.raises(MaskError):
        read_mask(path, study.stack, phase)


def test_finetuned_bundle_is_measured_on_studies_kept_apart(
    parent, tmp_path, monkeypatch, worse_is_fine
):
    studies = []
    for seed in range(3):
        study, labels = drawn_study(seed, folders=(tmp_path / f"s{seed}",))
        write_mask(tmp_path / f"s{seed}" / "mask_phase01.nii.gz", labels[0], study.stack)
        studies.append(study)
    as_folder(monkeypatch, finetuning, studies)
    learnt, seen = [], []
    train, measure = finetuning.train_on, finetuning.dice_in_views
    monkeypatch.setattr(
        finetuning,
        "train_on",
        lambda parent, v, *rest: (learnt.extend(v), train(parent, v, *rest))[1],
    )
    monkeypatch.setattr(
        finetuning, "dice_in_views", lambda n, v, **how: (seen.extend(v), measure(n, v, **how))[1]
    )
    finetuning.finetune(
        parent, tmp_path, tmp_path / "site-a", tmp_path / "run", OPTIONS, minimum_studies=3
    )
    names = [{volume.patient for volume in volumes} for volumes in (learnt, seen)]
    assert [len(one) for one in names] == [2, 1]
    assert names[0].isdisjoint(names[1])
    manifest = load_bundle(tmp_path / "site-a").manifest
    assert manifest.evaluation.n_patients == 1
    assert "2 studies" in manifest.training_data
    assert {"dice_lv, site, before", "dice_lv, site, after"} <= {
        row.measure for row in manifest.evaluation.rows
    }


def test_run_of_other_studies_or_another_bundle_is_not_gone_on_with(parent, tmp_path):
    volumes = [volume_of(drawn_study(seed)[0], 0, 2) for seed in range(2)]

    def train(bundle, volumes, **changes):
        options = replace(OPTIONS, **changes)
        return site_run.train_on(bundle, volumes, {}, {"site": 1.0}, tmp_path / "run", options)

    train(parent, volumes[:1])
    train(parent, volumes[:1], name="site-b", version="1.1.0")
    other = load_bundle(write_parent(tmp_path / "other"))
    for wrong in (
        lambda: train(parent, volumes),
        lambda: train(other, volumes[:1]),
        lambda: train(parent, volumes[:1], minutes=60.0),
    ):
        with pytest.raises(ConfigurationError, match="choose an empty folder") as refused:
            wrong()
        assert refused.value.reason is Reason.SETTING_INVALID


def test_finetuning_without_usable_masks_says_what_is_wrong(parent, tmp_path, monkeypatch):
    as_folder(monkeypatch, finetuning, [drawn_study(seed)[0] for seed in range(3)])
    with pytest.raises(ConfigurationError) as refused:
        finetuning.finetune(
            parent, tmp_path, tmp_path / "out", tmp_path, OPTIONS, minimum_studies=3
        )
    assert refused.value.reason is Reason.MASKS_UNUSABLE
    assert "3 without a mask" in refused.value.detail


def test_one_mask_for_several_studies_teaches_none_of_them(tmp_path):
    for name, seed in (("a", 3), ("b", 4), ("c/images", 5)):
        write_small_study(tmp_path / name, seed=seed)
    for study in read_studies(tmp_path, Counter()):
        drawn = np.zeros(study.stack.pixels.shape[1:], np.uint8)
        drawn[:, 40:60, 40:60] = 3
        own = study.folders[0].parent  # of "a" and "b" the folder of all
        write_mask(own / "mask_phase01.nii.gz", drawn, study.stack)
    found, left_out = finetuning.read_masked(tmp_path, 1)
    assert len(found) == 1
    assert left_out == "2 with one mask for several studies"
