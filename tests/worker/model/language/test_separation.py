"""Anchors that are apart, alike, or say nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.domain.errors import ModelError, Reason
from worker.bundle import load_bundle
from worker.model.language import categories as categories_module
from worker.model.language import separation as module
from worker.model.language.categories import Category
from worker.model.language.recognition import open_recogniser
from worker.model.language.separation import direction_cosines, read_anchors, separation


def category(key):
    return Category(key=key, name=key, present=(f"{key}.",), absent=(f"no {key}.",))


def unit(*values):
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


NOTHING = unit(0, 0, 0, 1)
APART = (category("thick"), category("wide"), category("weak"))
ANCHORS = np.stack(
    [np.stack([unit(*axis, 0.2), NOTHING]) for axis in ((1, 0, 0), (0, 1, 0), (0, 0.1, 1))]
)


def test_categories_that_are_apart_have_no_warning():
    found = separation(APART, ANCHORS)
    assert [one.key for one in found] == ["thick", "wide", "weak"]
    assert all(one.warnings == () for one in found)
    assert found[1].nearest == "weak"
    assert found[0].own == pytest.approx(0.2 / np.sqrt(1.04), abs=1e-6)


def test_category_that_reads_as_its_absence_is_named():
    anchors = ANCHORS.copy()
    anchors[0, 0] = unit(0.1, 0, 0, 1)
    (warning,) = separation(APART, anchors)[0].warnings
    assert "absence read the same" in warning


def test_two_categories_that_read_the_same_are_named_both_ways():
    anchors = ANCHORS.copy()
    anchors[2] = anchors[1]
    found = separation(APART, anchors)
    assert found[0].warnings == ()
    assert "the same as weak" in found[1].warnings[0]
    assert "the same as wide" in found[2].warnings[0]
    assert found[1].nearest_cosine == pytest.approx(1.0)


def test_a_single_category_has_no_neighbour():
    (only,) = separation(APART[:1], ANCHORS[:1])
    assert (only.nearest, only.nearest_cosine) == (None, None)


def test_cosines_are_symmetric_with_ones_on_the_diagonal():
    cosines = direction_cosines(ANCHORS)
    np.testing.assert_allclose(cosines, cosines.T)
    np.testing.assert_allclose(np.diag(cosines), 1.0)


def test_bundle_without_recognition_is_refused_with_a_sentence():
    shipped = load_bundle()
    kept = tuple(one for one in shipped.manifest.graphs if one.role != "text_heads")
    bundle = replace(shipped, manifest=shipped.manifest.model_copy(update={"graphs": kept}))
    assert open_recogniser(bundle, APART) is None
    with pytest.raises(ModelError) as failure:
        read_anchors(bundle, APART)
    assert failure.value.reason is Reason.NO_RECOGNITION
    assert "train language" in failure.value.sentence


def test_command_prints_the_table_and_the_warnings(monkeypatch):
    anchors = ANCHORS.copy()
    anchors[2] = anchors[1]
    monkeypatch.setattr(categories_module, "read_categories", lambda _path=None: APART)
    monkeypatch.setattr(module, "read_anchors", lambda _bundle, _categories: anchors)
    shown = json.loads(CliRunner().invoke(app, ["bundle", "anchors", "--json"]).stdout)
    assert [one["key"] for one in shown] == ["thick", "wide", "weak"]
    assert shown[1]["nearest"] == "weak"
    printed = CliRunner().invoke(app, ["bundle", "anchors"])
    assert printed.exit_code == 0
    assert "sets the two apart" in " ".join(printed.stdout.split())


def test_mistake_in_the_file_ends_the_command_with_exit_code_2(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('[[category]]\nkey = "a"\nnam = "typo"\n', encoding="utf-8")
    answer = CliRunner().invoke(app, ["bundle", "anchors", "--categories", str(path)])
    assert answer.exit_code == 2
