import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nibabel", reason="needs the extra train")

import nibabel as nib
from PIL import Image

from worker.training.cohorts import (
    acdc_patients,
    choose_splits,
    read_acdc,
    read_acdc_info,
    read_splits,
    read_sunnybrook,
)

pytestmark = pytest.mark.train


def write_patient(folder, spacing_mm=(1.5, 1.2, 8.0), shape=(20, 30, 3)):
    folder.mkdir(parents=True)
    (folder / "Info.cfg").write_text(
        "ED: 1\nES: 9\nGroup: DCM\nHeight: 170.0\nNbFrame: 30\nWeight: 70.0"
    )
    rng = np.random.default_rng(0)
    for frame in (1, 9):
        labels = np.zeros(shape, np.uint8)
        labels[4:10, 6:16, 1] = 3
        for suffix, values in (("", rng.integers(0, 300, shape)), ("_gt", labels)):
            image = nib.nifti1.Nifti1Image(values.astype(np.int16), np.diag([*spacing_mm, 1]))
            nib.save(image, folder / f"{folder.name}_frame{frame:02d}{suffix}.nii.gz")


def test_acdc_slices_are_transposed_and_scaled(tmp_path):
    write_patient(tmp_path / "patient001")
    ed, es = read_acdc(tmp_path, ["patient001"])
    assert (ed.phase, es.phase) == ("ED", "ES")
    assert ed.images.shape == (3, 30, 20)
    assert ed.spacing_mm == pytest.approx((1.2, 1.5))
    assert (ed.labels[1, 6:16, 4:10] == 3).all()
    assert int((ed.labels == 3).sum()) == 60
    assert 0 <= ed.images.min() <= ed.images.max() <= 1.5


def test_acdc_fine_pixels_are_thinned_to_one_millimetre(tmp_path):
    write_patient(tmp_path / "patient001", spacing_mm=(0.5, 0.5, 8.0))
    volume = read_acdc(tmp_path, ["patient001"])[0]
    assert volume.spacing_mm == (1.0, 1.0)
    assert volume.images.shape == (3, 15, 10)
    assert int((volume.labels == 3).sum()) == 15


def test_sunnybrook_runs_hold_neighbouring_slices_of_one_phase(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for number in (48, 59, 68, 79, 88):
            value = number if kind == "images" else 255 * (number > 60)
            picture = np.full((8, 8, 3), value, np.uint8)
            Image.fromarray(picture).save(tmp_path / kind / f"SC-N-1-IM-0001-{number:04d}.dcm.png")
    volumes = read_sunnybrook(tmp_path)
    assert [v.images.shape[0] for v in volumes] == [3, 2]
    assert all(v.lv_only for v in volumes)
    assert set(np.unique(volumes[0].labels)) == {0, 3}


def test_splits_are_disjoint_and_hold_the_true_cine_patient():
    splits = read_splits()
    assert len(splits.validation) == len(set(splits.validation)) == 20
    assert len(splits.monitor) == 10
    assert not set(splits.validation) & set(splits.monitor)
    assert "patient090" in splits.validation


def test_splits_are_those_that_the_seed_draws():
    directory = os.environ.get("CMR_TRIAGE_ACDC_DIR")
    if not directory:
        pytest.skip("CMR_TRIAGE_ACDC_DIR is not set: no ACDC data here")
    groups = {p.name: read_acdc_info(p).group for p in acdc_patients(Path(directory))}
    assert choose_splits(groups, 20261122, ["patient090"]) == read_splits()
    counts = [sum(groups[p] == g for p in read_splits().validation) for g in set(groups.values())]
    assert counts == [4] * 5
