import json
import shutil

import pytest

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from tests.worker.bundle.small_bundle import (
    GRAPH,
    external_data,
    graph_bytes,
    write_manifest,
    write_small_bundle,
)
from worker.bundle import load_bundle, shipped_bundles
from worker.bundle.onnx_wire import WireError, read_facts


@pytest.fixture
def folder(tmp_path):
    return write_small_bundle(tmp_path / "small")


def refused(folder, reason):
    with pytest.raises(ModelError) as caught:
        load_bundle(folder)
    assert caught.value.reason is reason
    return caught.value.sentence


def test_bundle_intact_is_loaded_and_named(folder):
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version, len(bundle.digest)) == ("small", "1.0.0", 64)


def test_bundle_digest_changes_with_any_file(folder):
    before = load_bundle(folder).digest
    (folder / "MODEL_CARD.md").write_text("Another.\n")
    write_manifest(folder)
    assert load_bundle(folder).digest != before


def test_bundle_absent_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load_bundle(tmp_path / "nowhere")
    assert caught.value.reason is Reason.BUNDLE_MISSING


def test_bundle_one_flipped_bit_is_refused(folder):
    data = bytearray((folder / GRAPH).read_bytes())
    data[-20] ^= 1
    (folder / GRAPH).write_bytes(bytes(data))
    assert GRAPH in refused(folder, Reason.BUNDLE_TAMPERED)


def test_bundle_missing_file_is_refused(folder):
    (folder / GRAPH).unlink()
    refused(folder, Reason.BUNDLE_TAMPERED)


def test_bundle_unlisted_file_is_refused(folder):
    (folder / "graphs" / "extra.bin").write_bytes(b"x")
    assert "extra.bin" in refused(folder, Reason.BUNDLE_TAMPERED)


def test_bundle_link_in_place_of_a_file_is_refused(folder, tmp_path):
    shutil.move(folder / GRAPH, tmp_path / "elsewhere.onnx")
    (folder / GRAPH).symlink_to(tmp_path / "elsewhere.onnx")
    refused(folder, Reason.BUNDLE_TAMPERED)


def test_bundle_linked_folder_is_refused(folder, tmp_path):
    shutil.move(folder / "graphs", tmp_path / "graphs")
    (folder / "graphs").symlink_to(tmp_path / "graphs")
    refused(folder, Reason.BUNDLE_TAMPERED)


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "a/../../b", "graphs\\x", "./a"])
def test_bundle_path_that_leaves_the_folder_is_refused(folder, path):
    entry = {"path": path, "sha256": "0" * 64, "n_bytes": 0}
    described = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, files=[*described["files"], entry])
    refused(folder, Reason.BUNDLE_INVALID)


def test_bundle_file_listed_twice_is_refused(folder):
    described = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, files=[*described["files"], described["files"][0]])
    refused(folder, Reason.BUNDLE_INVALID)


def test_bundle_graph_without_entry_is_refused(folder):
    described = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, files=[e for e in described["files"] if e["path"] != GRAPH])
    refused(folder, Reason.BUNDLE_INVALID)


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"schema_version": 2},
        {"clinical_use": "diagnosis"},
        {"version": "new"},
        {"graphs": []},
    ],
)
def test_bundle_manifest_of_another_form_is_refused(folder, changes):
    write_manifest(folder, **changes)
    refused(folder, Reason.BUNDLE_INVALID)


def test_bundle_for_another_kind_of_images_is_refused_with_what_is_read(folder):
    path = folder / "manifest.json"
    image = json.loads(path.read_text())["image"]
    write_manifest(folder, image={**image, "kind": "chest_radiograph"})
    said = refused(folder, Reason.BUNDLE_INVALID)
    assert "image.kind: Input should be 'short_axis_cine'" in said


def test_bundle_manifest_that_is_no_json_is_refused(folder):
    (folder / "manifest.json").write_text("{")
    assert "Invalid JSON" in refused(folder, Reason.BUNDLE_INVALID)


def test_bundle_operator_of_a_foreign_domain_is_refused(tmp_path):
    folder = write_small_bundle(tmp_path / "b", graph=graph_bytes(domain="com.evil"))
    assert "com.evil" in refused(folder, Reason.BUNDLE_INVALID)


@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "other.bin"])
def test_bundle_tensor_data_outside_listed_files_is_refused(tmp_path, location):
    graph = graph_bytes(extra_tensor=external_data(location))
    refused(write_small_bundle(tmp_path / "b", graph=graph), Reason.BUNDLE_INVALID)


def test_bundle_graph_that_is_no_onnx_is_refused(tmp_path):
    folder = write_small_bundle(tmp_path / "b", graph=b"\xff\xff\xff not a graph")
    refused(folder, Reason.BUNDLE_INVALID)


def test_bundle_other_opset_than_the_manifest_says_is_refused(tmp_path):
    folder = write_small_bundle(tmp_path / "b", graph=graph_bytes(opset=16))
    refused(folder, Reason.BUNDLE_INVALID)


@pytest.mark.parametrize("folder", shipped_bundles(), ids=lambda p: p.name)
def test_shipped_bundle_is_intact_small_and_labelled(folder):
    bundle = load_bundle(folder)
    assert bundle.manifest.name == folder.name
    sizes = {entry.path: entry.n_bytes for entry in bundle.manifest.files}
    tower = sizes[bundle.manifest.graph("segmentation").file]
    assert tower <= 10_000_000
    assert sum(sizes.values()) - tower <= 12_000_000
    card = (folder / "MODEL_CARD.md").read_text()
    licence = (folder / "LICENSE").read_text()
    assert "not verified by a physician" in card
    assert bundle.manifest.licence in card
    saw_patients = "ACDC training set" in bundle.manifest.training_data
    assert saw_patients is (folder.name == "acdc-unet")
    assert (bundle.manifest.licence == "CC-BY-NC-SA-4.0") is saw_patients
    assert ("CC BY-NC-SA 4.0" in licence) is saw_patients
    assert ("10.1109/TMI.2018.2837502" in card) is saw_patients
    assert ("No data with non-commercial terms" in licence) is not saw_patients


def test_facts_find_what_a_graph_uses():
    facts = read_facts(graph_bytes(extra_tensor=external_data("weights.bin")))
    assert facts.operators == {"Conv"}
    assert facts.external_locations == {"weights.bin"}
    assert facts.opset == 17


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_facts_refuse_a_truncated_graph(cut):
    with pytest.raises(WireError):
        read_facts(graph_bytes()[:-cut])
