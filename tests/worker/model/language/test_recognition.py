import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.model.language.test_vision import drawn_study  # noqa: E402
from worker.bundle import load_bundle  # noqa: E402
from worker.model.language.categories import Category, categories_digest  # noqa: E402
from worker.model.language.decoder import Decoder  # noqa: E402
from worker.model.language.recognition import Recogniser, StudyRecogniser  # noqa: E402
from worker.model.language.vision import StudyReader  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]
TEXT = "large"
THICK = Category(key="thick", name="thick", present=("thick", "broad"), absent=("thin",))
LARGE = Category(key="large", name="large", present=(TEXT,), absent=("small",))


class Letters:
    """A vocabulary of letters that fits the tiny decoder."""

    def encode_untrusted(self, text):
        return [5 + ord(letter) % 40 for letter in text]


@pytest.fixture(scope="module")
def machine(language_folder):
    bundle = load_bundle(language_folder)
    decoder = Decoder(bundle, threads=1)
    return StudyReader(bundle, decoder, threads=1), Recogniser(bundle, decoder, Letters(), "cpu", 1)


def test_features_are_those_of_the_network(machine, language_network):
    reader, recogniser = machine
    studies, study = drawn_study()
    studies.text_mask[:] = 0
    ids = torch.tensor([Letters().encode_untrusted(TEXT)])
    with torch.inference_mode():
        image = language_network.image_features(studies).whole[0].numpy()
        text = language_network.text_features(ids, torch.ones_like(ids)).whole[0].numpy()
    assert np.abs(recogniser.image_feature(reader.prefix(study)) - image).max() < 1e-4
    assert np.abs(recogniser.text_feature(TEXT) - text).max() < 1e-4


def test_margin_is_similarity_to_presence_less_that_to_absence(machine):
    reader, recogniser = machine
    prefix = reader.prefix(drawn_study()[1])
    image = recogniser.image_feature(prefix)
    anchors = recogniser.anchors((LARGE, THICK))
    assert anchors.shape == (2, 2, len(image))
    assert np.allclose(np.linalg.norm(anchors, axis=2), 1, atol=1e-5)
    margins = recogniser.margins(prefix, (LARGE, THICK), anchors)
    expected = image @ recogniser.text_feature(TEXT) - image @ recogniser.text_feature("small")
    assert margins["large"] == pytest.approx(float(expected), abs=1e-5)
    both = recogniser.text_feature("thick") + recogniser.text_feature("broad")
    expected = image @ (both / np.linalg.norm(both)) - image @ recogniser.text_feature("thin")
    assert margins["thick"] == pytest.approx(float(expected), abs=1e-5)


def test_empty_description_is_a_feature_all_the_same(machine):
    assert np.isfinite(machine[1].text_feature("")).all()


def test_study_is_held_to_the_descriptions_of_every_category_and_to_no_request(machine):
    reader, recogniser = machine
    _, study = drawn_study()
    measured = LARGE.model_copy(update={"key": "lv_dilation", "measured": True})
    told = (LARGE, measured, THICK)
    whole = StudyRecogniser(reader, recogniser, told, ("lv_ejection_fraction",))
    found = whole.recognise(study)
    prefix = reader.prefix(study)
    margins = recogniser.margins(prefix, (LARGE, THICK), recogniser.anchors((LARGE, THICK)))
    assert [one.key for one in found.resemblances] == sorted(margins, key=lambda k: -margins[k])
    for one in found.resemblances:
        assert one.margin == pytest.approx(margins[one.key], abs=1e-3)
    assert found.categories_sha256 == categories_digest((LARGE, THICK))
    assert found.categories_sha256 != categories_digest((THICK, LARGE))
    with pytest.raises(ConfigurationError, match="measures all"):
        StudyRecogniser(reader, recogniser, (measured,), ())
