import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from tests.worker.training.language.networks import (  # noqa: E402
    IMAGE_MARKS,
    N_PHASES,
    N_SLICES,
    tiny_studies,
)
from worker.bundle import load_bundle  # noqa: E402
from worker.model.language.decoder import Decoder  # noqa: E402
from worker.model.language.vision import StudyFeatures, StudyReader  # noqa: E402

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
