import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("nibabel", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from tests.worker.training.test_cohorts import write_patient  # noqa: E402
from worker.training.beginning import begin  # noqa: E402
from worker.training.cohorts import read_splits  # noqa: E402
from worker.training.folds import (  # noqa: E402
    begin_fold,
    fold_data,
    fold_folder,
    read_folds,
    split_recipe,
    train_folds,
)
from worker.training.recipe import Recipe  # noqa: E402
from worker.training.release import export_checkpoint  # noqa: E402
from worker.training.run import DataFolders  # noqa: E402
from worker.training.train import Trainer, load_average  # noqa: E402

pytestmark = pytest.mark.train


def recipe(*mixes):
    stages = tuple(
        {
            "name": f"s{index}",
            "minutes": 1,
            "crop": 32,
            "batch": 2,
            "learning_rate_start": 1e-3,
            "learning_rate_end": 1e-4,
            "mix": mix,
        }
        for index, mix in enumerate(mixes)
    )
    return Recipe.model_validate(
        {"name": "small", "seed": 1, "channels": (8, 16), "stages": stages}
    )


def test_folds_hold_every_patient_once_and_begin_with_the_validation_patients():
    folds = read_folds()
    assert [len(fold) for fold in folds] == [20] * 5
    assert len({patient for fold in folds for patient in fold}) == 100
    assert set(folds[0]) == set(read_splits().validation)


def test_the_stages_before_the_first_real_patient_are_the_common_start():
    start, own = split_recipe(recipe({"phantom": 1}, {"acdc": 0.5, "phantom": 0.5}, {"acdc": 1}))
    assert [stage.name for stage in start.stages] == ["s0"]
    assert [stage.name for stage in own.stages] == ["s1", "s2"]
    assert split_recipe(recipe({"acdc": 1}))[0] is None
    with pytest.raises(ValueError, match="acdc"):
        split_recipe(recipe({"phantom": 1}))


def test_a_fold_never_reads_its_own_patients(tmp_path):
    first, second = read_folds()[0][0], read_folds()[1][0]
    for patient in (first, second):
        write_patient(tmp_path / patient)
    data = fold_data(DataFolders(tmp_path), tmp_path, fold=2)
    for part in ("inner", "all"):
        assert {volume.patient for volume in data.volumes[part]["acdc"]} == {first}


def test_a_fold_begins_with_the_start_and_a_begun_one_goes_on(tmp_path):
    torch.manual_seed(0)
    begun = Trainer(recipe({"acdc": 1}), tmp_path / "start")
    with torch.no_grad():
        for weight in begun.average.parameters():
            weight.fill_(0.25)
    begun.save()
    folder = fold_folder(tmp_path, 3)
    begin_fold(tmp_path / "start" / "checkpoint.pt", recipe({"acdc": 1}), tmp_path, 3)
    weights = list(load_average(folder / "checkpoint.pt")[0].parameters())
    assert all(bool((weight == 0.25).all()) for weight in weights)
    before = (folder / "checkpoint.pt").read_bytes()
    begin_fold(tmp_path / "start" / "missing.pt", recipe({"acdc": 1}), tmp_path, 3)
    assert (folder / "checkpoint.pt").read_bytes() == before


def test_folds_do_not_begin_with_what_has_seen_patients(tmp_path):
    begun = Trainer(recipe({"phantom": 1}), tmp_path / "released")
    begun.seen = {"acdc", "phantom"}
    begun.save()
    with pytest.raises(ConfigurationError, match="has seen patients of ACDC") as refused:
        begin_fold(begun.path, recipe({"acdc": 1}), tmp_path, 3)
    assert refused.value.reason is Reason.SETTING_INVALID
    assert not fold_folder(tmp_path, 3).exists()


def test_a_fold_goes_on_from_its_own_earlier_tower_never_from_another_folds(tmp_path):
    for fold in (2, 3):
        earlier = Trainer(recipe({"acdc": 1}), fold_folder(tmp_path / "earlier", fold))
        with torch.no_grad():
            for weight in earlier.average.parameters():
                weight.fill_(0.1 * fold)
        earlier.save()
    begin_fold(tmp_path / "earlier", recipe({"acdc": 1}), tmp_path / "work", 3)
    weights = load_average(fold_folder(tmp_path / "work", 3) / "checkpoint.pt")[0].parameters()
    assert all(torch.allclose(weight, torch.tensor(0.3)) for weight in weights)


def test_folds_are_trained_one_after_the_other(tmp_path):
    for fold in read_folds()[:3]:
        write_patient(tmp_path / "acdc" / fold[0], shape=(40, 40, 3))
    quick = recipe({"acdc": 1})
    stages = tuple(stage.model_copy(update={"minutes": 0.01}) for stage in quick.stages)
    quick = quick.model_copy(update={"stages": stages})
    work = tmp_path / "work"
    train_folds(quick, DataFolders(tmp_path / "acdc"), work, folds=(2, 3), processes=1)
    for fold in (2, 3):
        network, state = load_average(fold_folder(work, fold) / "checkpoint.pt")
        assert state["stage"] == 1
        assert sum(parameter.numel() for parameter in network.parameters()) > 0
    assert not fold_folder(work, 1).exists()
    tower = fold_folder(work, 3) / "checkpoint.pt"
    with pytest.raises(ConfigurationError, match="cross-validation"):
        export_checkpoint(tower, tmp_path / "bundle", "1.0.0")
    begin(tower, quick, tmp_path / "on")
    with pytest.raises(ConfigurationError, match="cross-validation"):
        export_checkpoint(tmp_path / "on" / "checkpoint.pt", tmp_path / "bundle", "1.0.0")
    assert not (tmp_path / "bundle").exists()
