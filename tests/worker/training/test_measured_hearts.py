"""Who is measured again when the tower changes, and who fails in the section of a card."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("nibabel", reason="needs the extra train")

from tests.benchmarks.failures import folds_table
from tests.worker.training.test_cohorts import write_patient
from worker.training import measured_hearts
from worker.training.hearts import HEARTS_FILE, read_hearts
from worker.training.measured_hearts import measure_folds
from worker.training.rows import add_row

pytestmark = pytest.mark.train


class DrawingTower:
    """Draws the same in every patient; a cavity of another size for another bundle."""

    def __init__(self, bundle, threads):
        self.bundle = bundle

    def segment(self, stack):
        labels = np.zeros(stack.pixels.shape, np.uint8)
        labels[:, 1, 5:10, 5:10] = 3
        labels[1, 1, 5 : 5 + len(self.bundle.digest), 5:10] = 0
        return SimpleNamespace(labels=labels)


@pytest.fixture
def acdc(tmp_path, monkeypatch):
    """Return a data set of a patient of the first fold and one of the second."""
    bundle = {"name": "made-up", "version": "1.0.0"}
    monkeypatch.setattr(measured_hearts, "SegmentationTower", DrawingTower)
    monkeypatch.setattr(
        measured_hearts, "load_bundle", lambda path: SimpleNamespace(**bundle, digest=path.name)
    )
    folds = [("patient001",), ("patient002",), (), (), ()]
    monkeypatch.setattr(measured_hearts, "read_folds", lambda: folds)
    for (name,) in folds[:2]:
        write_patient(tmp_path / "acdc" / name)
    return tmp_path / "acdc"


def test_only_what_the_same_tower_measured_is_not_measured_again(acdc, tmp_path):
    def measured_with(digest):
        found = measure_folds(acdc, tmp_path, Path(digest))
        return [(one.patient, one.digest) for one in found]

    assert measured_with("a") == [("patient001", "a"), ("patient002", "")]
    assert measured_with("a") == []
    before = read_hearts(tmp_path / HEARTS_FILE)
    assert measured_with("bb") == [("patient001", "bb")]
    after = read_hearts(tmp_path / HEARTS_FILE)
    assert [one.digest for one in after] == ["bb", ""]
    assert after[0].lvef != before[0].lvef
    # a row of an older version names no digest: which tower it was is not known
    add_row(tmp_path / HEARTS_FILE, asdict(replace(after[0], digest="")))
    assert measured_with("bb") == [("patient001", "bb")]


def test_a_patient_whose_row_was_cut_short_is_measured_again(acdc, tmp_path):
    list(measure_folds(acdc, tmp_path, Path("a")))
    path = tmp_path / HEARTS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert [one.patient for one in measure_folds(acdc, tmp_path, Path("a"))] == ["patient002"]
    assert path.read_bytes() == whole


def test_card_shows_each_patient_once_as_measured_last(acdc, tmp_path):
    list(measure_folds(acdc, tmp_path, Path("a")))
    path = tmp_path / HEARTS_FILE
    first, without_tower = read_hearts(path)
    assert not without_tower.tower
    old = replace(first, lvef=99.0, true_lvef=1.0)
    for one in (old, first, replace(first, patient="patient003", lvef=None)):
        add_row(path, asdict(one))
    said = "\n".join(folds_table(path, 1))
    assert said.startswith("The 1 of 2 patients")
    assert "; 1 without LVEF" in said
    assert said.count("| patient001 |") == 1
    assert "99 %" not in said
