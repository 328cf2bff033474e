from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.findings import Certainty  # noqa: E402
from tests.worker.training.language.networks import (  # noqa: E402
    N_FEATURES,
    N_REGIONS,
    tiny_choice,
    tiny_network,
)
from worker.model.language.categories import Category, read_categories  # noqa: E402
from worker.model.language.vision import StudyFeatures  # noqa: E402
from worker.model.language.vocabulary import SPECIAL_TOKENS  # noqa: E402
from worker.model.regions import SHAPE_FEATURES  # noqa: E402
from worker.training.language.alignment_data import (  # noqa: E402
    finding_vector,
    history_text,
    report_text,
)
from worker.training.language.alignment_stage import (  # noqa: E402
    AlignmentOptions,
    AlignmentStage,
    fit_scale,
    read_anchors,
    tensors_of,
)
from worker.training.language.parts import PartRegistry  # noqa: E402
from worker.training.language.requests import AskedStudy, Row  # noqa: E402
from worker.training.language.studies import sample_study  # noqa: E402
from worker.training.language.study_batch import padded_ids, study_tensors  # noqa: E402
from worker.training.language.study_data import LabelledStudy  # noqa: E402

pytestmark = pytest.mark.train
CATEGORIES = (
    Category(key="DCM", name="dilated", present=("large",), absent=("small", "thin")),
    Category(key="NOR", name="normal", present=("well",), absent=("ill",)),
)
ALIGN_ONLY = AlignmentOptions(batch=8, answered=0, withheld=0.0)


def study(index, group, n_phases=2, n_slices=3):
    """Make a study whose features tell its group, around a drawn assessment."""
    rng = np.random.default_rng(index)
    sampled = sample_study(rng)
    regions = rng.normal(size=(n_phases, n_slices, N_REGIONS, N_FEATURES)).astype(np.float32)
    regions[..., 0] += 3.0 if group == "DCM" else -3.0
    features = StudyFeatures(
        regions,
        np.linspace(0, 0.5, n_phases, dtype=np.float32),
        np.zeros((n_slices, 2), np.float32),
        np.ones(n_slices, np.int64),
        np.array([60.0, np.nan], np.float32),
    )
    return LabelledStudy(
        f"s{index}", "phantom", group, group, features, sampled.assessment, sampled.assessment
    )


@pytest.fixture(scope="module")
def studies():
    return [study(index, ("DCM", "NOR")[index % 2]) for index in range(12)]


class Letters:
    """Words of the tiny vocabulary: reports name the group, requests are one token."""

    def __init__(self, studies):
        self.studies = studies

    def report(self, index, rng):
        return [20 if self.studies[index].group == "DCM" else 30, int(rng.integers(40, 45))]

    def history(self, index, rng):
        return [index + 5]

    def asked(self, index):
        return AskedStudy((8, 9), (Row((10, 11, 12), 1), Row((13, 14), 1)))

    def description(self, text):
        return [5 + ord(letter) % 40 for letter in text]


def test_findings_are_those_of_the_rules_and_what_was_not_judged_is_unknown():
    found = [study(index, "NOR") for index in range(60)]
    keys = [one.key for one in read_categories()]
    seen = set()
    for one in found:
        vector = dict(zip(keys, finding_vector(one, keys), strict=True))
        stated = {finding.key: finding.certainty for finding in one.truth.findings}
        for key in keys[:6]:
            if key in stated:
                assert vector[key] == (1 if stated[key] is Certainty.PRESENT else -1)
            else:
                assert vector[key] in (0, -1)
            seen.add(vector[key])
        assert [vector[key] for key in ("NOR", "DCM")] == [1, 0]
        if one.truth.measurement("lv_mass_index") is None:
            assert vector["lv_hypertrophy"] == -1
    assert seen == {0, 1, -1}


def test_report_rests_on_the_true_contours_and_a_history_is_drawn(studies):
    rng = np.random.default_rng(1)
    text = report_text(studies[0], rng)
    assert "[E" not in text
    other = replace(studies[0], measured=studies[1].measured)
    assert report_text(other, np.random.default_rng(1)) == report_text(
        studies[0], np.random.default_rng(1)
    )
    assert len({history_text(studies[0], rng) for _ in range(20)}) > 3


def test_padding_of_a_batch_changes_no_study(studies):
    network = tiny_network()
    small, large = studies[0], study(50, "DCM", n_phases=3, n_slices=5)
    texts = [(5, 6, 7), ()]
    with torch.inference_mode():
        alone = network.image_features(study_tensors([small.features], texts[:1]))
        among = network.image_features(study_tensors([small.features, large.features], texts))
    assert torch.allclose(alone.whole[0], among.whole[0], atol=1e-5)


def test_options_withhold_images_measurements_and_text(studies):
    texts = [[5, 6]] * 2
    full = tensors_of(studies[:2], texts, AlignmentOptions(text="own"))
    assert full.region_mask.any()
    assert full.measurement_mask.tolist() == [[1, 0], [1, 0]]
    assert full.text_mask.all()
    bare = AlignmentOptions(images=False, measurements=False, text="none")
    nothing = tensors_of(studies[:2], texts, bare)
    for mask in (nothing.region_mask, nothing.measurement_mask, nothing.text_mask):
        assert not mask.any()


def test_regions_are_told_by_their_maps_or_by_their_shapes_alone(studies):
    n_maps, n_shapes = 3, len(SHAPE_FEATURES)
    regions = np.ones((2, 3, N_REGIONS, n_maps + n_shapes), np.float32)
    one = replace(studies[0], features=replace(studies[0].features, regions=regions))
    told = {
        kind: tensors_of([one], [()], AlignmentOptions(regions=kind)).features[0, 0, 0, 0].tolist()
        for kind in ("all", "maps", "shapes")
    }
    assert told == {
        "all": [1] * (n_maps + n_shapes),
        "maps": [1] * n_maps + [0] * n_shapes,
        "shapes": [0] * n_maps + [1] * n_shapes,
    }


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.5, 0.3, 0.7), (1.0, 1, 1)])
def test_images_of_some_studies_are_withheld_and_their_measurements_are_not(
    studies, share, low, high
):
    options = AlignmentOptions(batch=8, answered=0, withheld=share)
    stage = AlignmentStage(studies, Letters(studies), CATEGORIES, options)
    rng = np.random.default_rng(0)
    batches = [stage._tensors(range(len(studies)), 4, rng) for _ in range(10)]
    blind = [~one.region_mask.any(dim=(1, 2, 3)) for one in batches]
    assert low <= torch.cat(blind).float().mean() <= high
    assert all(one.measurement_mask[:, 0].all() for one in batches)


def test_training_brings_studies_to_their_category(studies):
    network = tiny_network(seed=1).train()
    fit_scale(network, studies)
    stage = AlignmentStage(studies, Letters(studies), CATEGORIES, ALIGN_ONLY)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(60):
        loss, _ = stage.loss(network, rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    unseen = [study(100 + index, ("DCM", "NOR")[index % 2]) for index in range(10)]
    batch = tensors_of(unseen, [()] * len(unseen), ALIGN_ONLY)
    with torch.inference_mode():
        bank = read_anchors(network, CATEGORIES, Letters(studies))
        margins = bank.margins(network.image_features(batch).whole)[:, 0].numpy()
    assert margins[::2].min() > margins[1::2].max()


@pytest.mark.parametrize(("n_patients", "expected"), [(0, 0), (2, 2), (9, 4), (12, 4)])
def test_batch_holds_its_share_of_patients_and_no_study_twice(studies, n_patients, expected):
    mixed = [
        replace(one, cohort="acdc" if index < n_patients else "phantom")
        for index, one in enumerate(studies)
    ]
    options = AlignmentOptions(batch=8, patients=0.5, answered=0)
    drawn = AlignmentStage(mixed, Letters(mixed), CATEGORIES, options)._drawn
    chosen = drawn(np.random.default_rng(0))
    assert len(set(chosen)) == len(chosen) == 8
    of_patients = sum(index < n_patients for index in chosen)
    assert of_patients == (8 if n_patients == 12 else max(expected, 8 - (12 - n_patients)))


def test_connector_stage_learns_from_answers_alone(studies):
    sizes = tiny_choice().decoder.settings
    # a vocabulary that has all slots
    words = {"settings": {**sizes, "vocabulary": len(SPECIAL_TOKENS)}}
    network = PartRegistry().build(tiny_choice(decoder=words))
    options = AlignmentOptions(batch=2, answered=2, rows=1, whole=0, local=0, category=0)
    stage = AlignmentStage(studies, Letters(studies), CATEGORIES, options)
    loss, scored = stage.loss(network, np.random.default_rng(0))
    loss.backward()
    assert scored.n_tokens > 0
    assert network.connector.queries.grad.abs().sum() > 0
    assert network.image_heads.whole.weight.grad is None


@pytest.mark.parametrize("switch", ["whole", "category"])
def test_a_weight_of_zero_switches_its_term_off(studies, switch):
    def loss(**weights):
        options = AlignmentOptions(
            batch=4, answered=0, **{"whole": 0, "local": 0, "category": 0, **weights}
        )
        stage = AlignmentStage(studies, Letters(studies), CATEGORIES, options)
        return stage.loss(tiny_network(), np.random.default_rng(0))[0].item()

    assert loss(**{switch: 1.0}) > 0
    assert loss(**{switch: 2.0}) == pytest.approx(2 * loss(**{switch: 1.0}), rel=1e-4)
    assert loss() == 0


def test_padded_ids_hold_even_empty_texts():
    ids, mask = padded_ids([[], [4, 5]])
    assert ids.tolist() == [[0, 0], [4, 5]]
    assert mask.tolist() == [[0, 0], [1, 1]]
    assert padded_ids([[]])[0].shape == (1, 1)
