"""Each bundle that ships opens here as it did where it was made, and holds what its terms allow."""

import pytest

pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.settings import WorkerSettings
from worker.bundle import load_bundle, shipped_bundles
from worker.findings.pattern import load_pattern_table
from worker.gate.familiarity import TABLE_FILE as FAMILIARITY
from worker.models import open_models

FREE = [one for one in shipped_bundles() if "-NC-" not in load_bundle(one).manifest.licence]


@pytest.mark.parametrize("folder", shipped_bundles(), ids=lambda path: path.name)
def test_shipped_bundle_gives_its_golden_answers(folder):
    models = open_models(WorkerSettings(bundle=folder.name, threads=1))
    assert models.tower.bundle.folder == folder
    assert models.writer is not None


def test_one_shipped_bundle_is_free_of_non_commercial_terms():
    assert [folder.name for folder in FREE] == ["phantom-unet"]


@pytest.mark.parametrize("folder", FREE, ids=lambda path: path.name)
def test_free_bundle_holds_nothing_that_was_made_of_patients_under_other_terms(folder):
    bundle = load_bundle(folder)
    assert load_pattern_table(bundle) is None
    tables = {e.path for e in bundle.manifest.files if e.path.startswith("tables/")}
    assert tables == {FAMILIARITY}  # made of generated hearts
    assert "ACDC" not in bundle.manifest.training_data
    assert "generated text only" in " ".join((folder / "LANGUAGE_CARD.md").read_text().split())
