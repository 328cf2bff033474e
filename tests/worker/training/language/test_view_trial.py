"""Studies with further views on disk, and the table of what the views add."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError
from tests.worker.training.language.test_study_data import ExactTower
from worker.bundle import find_bundle, load_bundle
from worker.model.language.vision import ViewFeatures
from worker.series import Role
from worker.training.language import view_trial
from worker.training.language.alignment_data import finding_vector
from worker.training.language.recognition_trial import MARGINS_NAME
from worker.training.language.study_batch import study_tensors
from worker.training.language.study_data import phantom_study, read_studies, write_study
from worker.training.language.view_data import Making
from worker.volume.views import FURTHER_ROLES

pytestmark = pytest.mark.train
N_MAPS = 2


class SeeingTower(ExactTower):
    """Gives maps of further images too: how bright they are."""

    def __init__(self, monkeypatch, bundle):
        super().__init__(monkeypatch)
        self.bundle = bundle

    def feature_maps(self, images):
        n, rows, columns = images.shape
        half = images.reshape(n, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))
        return np.stack((half, half**2), axis=1)


@pytest.fixture(scope="module")
def tower():
    with pytest.MonkeyPatch.context() as patched:
        yield SeeingTower(patched, load_bundle(find_bundle(None)))


@pytest.fixture(scope="module")
def study(tower):
    return phantom_study(tower, seed=5, index=5, making=Making(views=True))


def test_study_with_views_is_kept_whole_and_the_short_axis_is_as_without(tower, study, tmp_path):
    plain = phantom_study(tower, seed=5, index=5)
    np.testing.assert_array_equal(plain.features.regions, study.features.regions)
    assert (plain.features.views, plain.enhanced) == (None, None)
    write_study(study, tmp_path)
    (again,) = read_studies(tmp_path)
    assert again.enhanced is study.enhanced
    for one in ("regions", "kind", "phase_share", "position"):
        ours, theirs = getattr(study.features.views, one), getattr(again.features.views, one)
        np.testing.assert_array_equal(ours, theirs)
    assert study.features.views.regions.shape[1:] == study.features.regions.shape[2:]


def test_batch_holds_the_views_of_each_study_and_masks_those_it_lacks(study):
    views = study.features.views
    fewer = ViewFeatures(
        views.regions[:2], views.kind[:2], views.phase_share[:2], views.position[:2]
    )
    studies = [
        study.features,
        replace(study.features, views=fewer),
        replace(study.features, views=None),
    ]
    batch = study_tensors(studies, [(), (), ()])
    there = batch.views.region_mask.bool().any(dim=2).sum(dim=1)
    assert there.tolist() == [len(views.kind), 2, 0]
    assert study_tensors(studies[2:], [()]).views is None


def test_label_of_late_enhancement_is_known_where_it_was_acquired(study):
    for enhanced, label in ((True, 1), (False, 0), (None, -1)):
        one = replace(study, enhanced=enhanced)
        assert finding_vector(one, ["late_enhancement"]).tolist() == [label]


def test_linear_reading_finds_what_is_in_the_wall_of_late_images_only(study):
    draw = np.random.default_rng(3)
    late = study.features.views.kind == FURTHER_ROLES.index(Role.LGE)
    assert late.any()
    studies = []
    for index in range(24):
        regions = study.features.views.regions + draw.normal(
            0, 0.1, study.features.views.regions.shape
        )
        enhanced = bool(draw.integers(2))
        regions[late, 1, 0] += enhanced
        views = replace(study.features.views, regions=regions.astype(np.float32))
        features = replace(study.features, views=views)
        studies.append(replace(study, id=str(index), features=features, enhanced=enhanced))
    scores = view_trial.linear_scores(studies, 3)
    means = [np.mean([scores[o.id] for o in studies if o.enhanced is e]) for e in (True, False)]
    assert means[0] - means[1] > 0.5


def test_table_tells_what_the_views_gain(study):
    studies = [
        replace(study, id=f"phantom-{index:04d}", enhanced=index % 2 == 0) for index in range(8)
    ]
    keys = [one.key for one in view_trial.view_categories()]
    assert keys[-1] == "late_enhancement"

    def margins(sees):
        return {
            one.id: {key: float(sees and one.enhanced and key == keys[-1]) for key in keys}
            for one in studies
        }

    given = {
        name: margins(sees=FURTHER_ROLES[3] in views) for name, views in view_trial.GIVEN.items()
    }
    row = view_trial.table(given, studies).splitlines()[-1]
    assert row.startswith("| late_enhancement | 0.50")
    assert row.count("1.00 (1.00-1.00; 4/4)") == 2
    assert row.endswith("| 0.500 (0.500 to 0.500) |")


def test_command_goes_on_where_it_was_killed_and_refuses_other_settings(
    study, tmp_path, monkeypatch, capsys
):
    studies = [
        replace(study, id=f"phantom-{index:04d}", enhanced=index % 2 == 0) for index in range(8)
    ]
    asked = []

    def made(given, learnt, unseen, tokenizer, *, seed, steps, rate):
        asked.append(given)
        keys = [one.key for one in view_trial.view_categories()]
        return {one.id: dict.fromkeys(keys, float(len(asked))) for one in unseen}

    def run(*more):
        words = ["x", "--studies", str(tmp_path / "studies"), "--tokenizer", str(vocabulary)]
        monkeypatch.setattr("sys.argv", [*words, "--out", str(out), "--folds", "2", *more])
        view_trial._main()
        return capsys.readouterr().out

    (tmp_path / "studies").mkdir()
    out, vocabulary = tmp_path / "out", tmp_path / "tokenizer.json"
    vocabulary.write_text("{}")
    monkeypatch.setattr(view_trial, "run_fold", made)
    monkeypatch.setattr(view_trial, "read_studies", lambda _: studies)
    monkeypatch.setattr(view_trial.Tokenizer, "from_file", lambda _: None)
    said = run()
    assert asked == [*view_trial.GIVEN] * 2
    path = out / MARGINS_NAME
    path.write_text(path.read_text()[:-20])  # as a kill leaves it
    run()
    assert asked[8:] == [[*view_trial.GIVEN][-1]]
    assert run().splitlines()[0] == said.splitlines()[0]
    for other in (["--seed", "1"], ["--steps", "150"], ["--folds", "3"], ["--rate", "1"]):
        with pytest.raises(ConfigurationError, match=other[0].strip("-")):
            run(*other)
    assert len(asked) == 9
