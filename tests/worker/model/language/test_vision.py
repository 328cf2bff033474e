from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ModelError  # noqa: E402
from tests.worker.training.language.networks import (  # noqa: E402
    IMAGE_MARKS,
    N_PHASES,
    N_SLICES,
    tiny_studies,
    tiny_views,
)
from worker.bundle import load_bundle  # noqa: E402
from worker.model.language.decoder import Decoder  # noqa: E402
from worker.model.language.vision import StudyFeatures, StudyReader, ViewFeatures  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]
WORDS = [11, 12, 13]


@pytest.fixture(scope="module")
def reader(language_folder):
    bundle = load_bundle(language_folder)
    return StudyReader(bundle, Decoder(bundle, threads=1), threads=1)


def drawn_study():
    """One study with a region and a measurement missing, as torch and as numpy."""
    studies = tiny_studies(n=1)
    studies.region_mask[0, 1, 2, 0] = 0
    studies.measurement_mask[0, 0] = 0
    regions = studies.features[0].numpy().copy()
    regions[1, 2, 0] = np.nan
    measurements = studies.measurement_values[0].numpy().copy()
    measurements[0] = np.nan
    ours = StudyFeatures(
        regions,
        studies.phase_share[0].numpy(),
        studies.slice_position[0].numpy(),
        studies.level[0].numpy(),
        measurements,
    )
    return studies, ours


@pytest.mark.parametrize("words", [[], WORDS])
def test_prefix_is_that_of_the_network_without_what_is_missing(reader, language_network, words):
    studies, study = drawn_study()
    studies.text_ids[0, : len(words)] = torch.tensor(words)
    studies.text_mask[0, len(words) :] = 0
    with torch.inference_mode():
        expected = language_network.prefix(studies)
    found = reader.prefix(study, words)
    assert found.n_marks == len(IMAGE_MARKS)
    assert np.abs(found.embeds - expected.embeds[expected.mask.bool()].numpy()).max() < 1e-4


def test_attention_is_given_by_phase_and_slice_and_none_to_what_is_not_there(reader):
    _, study = drawn_study()
    study.regions[:, 3] = np.nan
    attention = reader.prefix(study, WORDS).attention
    assert attention.shape == (6, N_PHASES, N_SLICES)
    assert np.allclose(attention.sum(axis=(1, 2)), 1, atol=1e-5)
    assert not attention[:, :, 3].any()


def test_text_beyond_what_the_connector_reads_is_left_out(reader):
    _, study = drawn_study()
    longest = [11, 12, 13, 14, 15, 16]
    within, beyond = reader.prefix(study, longest), reader.prefix(study, [*longest, 17, 18])
    assert np.array_equal(within.embeds, beyond.embeds)


def test_study_without_any_region_gives_a_prefix(reader):
    _, study = drawn_study()
    study.regions[:] = np.nan
    found = reader.prefix(study, WORDS)
    assert np.isfinite(found.embeds).all()
    assert not found.attention.any()


@pytest.fixture(scope="module")
def viewed_reader(viewed_folder):
    bundle = load_bundle(viewed_folder)
    return StudyReader(bundle, Decoder(bundle, threads=1), threads=1)


def test_further_views_are_read_as_by_the_network(viewed_reader, viewed_network):
    studies, study = drawn_study()
    studies.text_mask[:] = 0
    views = tiny_views(n=1)
    views.region_mask[0, 1, 0] = 0
    regions = views.features[0].numpy().copy()
    regions[1, 0] = np.nan
    further = ViewFeatures(
        regions, views.kind[0].numpy(), views.phase_share[0].numpy(), views.position[0].numpy()
    )
    with torch.inference_mode():
        expected = viewed_network.prefix(replace(studies, views=views))
    found = viewed_reader.prefix(replace(study, views=further))
    assert np.abs(found.embeds - expected.embeds[expected.mask.bool()].numpy()).max() < 1e-4
    assert found.attention.shape == (6, N_PHASES, N_SLICES)
    assert (found.attention.sum(axis=(1, 2)) < 1).all()


def test_study_without_further_views_reads_the_same_by_both_bundles(reader, viewed_reader):
    _, study = drawn_study()
    plain, viewed = reader.prefix(study, WORDS), viewed_reader.prefix(study, WORDS)
    assert np.abs(plain.embeds - viewed.embeds).max() < 1e-4
    assert np.allclose(viewed.attention.sum(axis=(1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("folder", "views"), [("language_folder", ("lge",)), ("viewed_folder", ())]
)
def test_bundle_whose_manifest_and_graph_differ_in_views_is_refused(request, folder, views):
    bundle = load_bundle(request.getfixturevalue(folder))
    language = bundle.manifest.language.model_copy(update={"views": views})
    told = replace(bundle, manifest=bundle.manifest.model_copy(update={"language": language}))
    with pytest.raises(ModelError, match="views"):
        StudyReader(told, Decoder(bundle, threads=1), threads=1)


def test_manifest_without_further_views_does_not_speak_of_them(language_folder, viewed_folder):
    without, with_views = (
        (folder / "manifest.json").read_text() for folder in (language_folder, viewed_folder)
    )
    assert '"views"' not in without
    assert '"views"' in with_views
