"""All stages by one command: the order, going on, and nothing thrown away by a changed file."""

import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError, Reason
from worker.training import whole
from worker.training.language.recipe import read_language_recipe
from worker.training.recipe import read_recipe
from worker.training.run import DataFolders
from worker.training.train import Trainer
from worker.training.whole import Setting, Step, carry_out, read_plan, steps_of

pytestmark = pytest.mark.train


def setting(tmp_path, **changes):
    given = {"folders": DataFolders(tmp_path), "studies": tmp_path, **changes}
    bundle = given.pop("bundle", tmp_path / "mine")
    return Setting(tmp_path / "work", bundle, "1.0.0", **given)


def names(plan, setting):
    return [step.name for step in steps_of(plan, setting)]


@pytest.fixture
def plans(pytestconfig):
    return pytestconfig.rootpath / "worker" / "training" / "plans"


EVERYTHING = [
    "pretrain", "tower", "export", "studies", "language", "language into bundle", "familiarity",
    "folds", "groups", "evaluate",
]  # fmt: skip


def test_plans_ask_for_the_stages_that_they_have(plans, tmp_path):
    gpu = read_plan(plans / "gpu.toml")
    assert names(gpu, setting(tmp_path)) == EVERYTHING[1:]
    pretrained = gpu.model_copy(update={"pretrain_minutes": 5})
    assert names(pretrained, setting(tmp_path)) == EVERYTHING
    assert names(pretrained, setting(tmp_path, studies=None)) == EVERYTHING[1:]
    without = [name for name in EVERYTHING[1:] if name not in ("folds", "groups")]
    assert names(read_plan(plans / "small.toml"), setting(tmp_path)) == without
    free = setting(tmp_path, folders=DataFolders(), studies=None)
    words = ["tower", "export", "language", "language into bundle", "familiarity"]
    assert names(read_plan(plans / "free.toml"), free) == words


def test_recipes_of_every_plan_can_be_read_and_the_free_one_learns_from_no_patient(plans, tmp_path):
    for path in sorted(plans.glob("*.toml")):
        plan = read_plan(path)
        tower = read_recipe(plan.tower)
        Trainer(tower, tmp_path / path.stem)
        cohorts = {name for stage in tower.stages for name in stage.mix}
        assert ("acdc" in cohorts) is (path.stem != "free")
        assert read_language_recipe(plan.language).stages
        if plan.folds is not None:
            assert read_recipe(plan.folds).channels == tower.channels


def test_table_of_groups_without_patients_is_refused_before_anything_is_trained(plans, tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        names(read_plan(plans / "gpu.toml"), setting(tmp_path, folders=DataFolders()))
    assert refused.value.reason is Reason.TRAINING_DATA_MISSING


class Steps:
    """Steps that note when they are done; one may fail."""

    def __init__(self, *made_of, fails=None):
        self.done, self.fails, self._made_of = [], fails, made_of

    def __iter__(self):
        for index, made_of in enumerate(self._made_of):
            yield Step(f"step {index}", made_of, lambda index=index: self._do(index))

    def _do(self, index):
        if index == self.fails:
            raise KeyboardInterrupt
        self.done.append(index)


def test_stopped_plan_goes_on_at_the_step_where_it_was_stopped(tmp_path):
    told = []
    stopped = Steps("a", "b", "c", fails=1)
    with pytest.raises(KeyboardInterrupt):
        carry_out(stopped, tmp_path, told.append)
    again = Steps("a", "b", "c")
    carry_out(again, tmp_path, told.append)
    assert (stopped.done, again.done) == ([0], [1, 2])
    assert "1 of 3: step 0, done before" in told
    last = Steps("a", "b", "c")
    carry_out(last, tmp_path, told.append)
    assert last.done == []


@pytest.mark.parametrize("changed", [("other", "b"), ("a", "other")])
def test_changed_plan_throws_nothing_away(tmp_path, changed):
    with pytest.raises(KeyboardInterrupt):
        carry_out(Steps("a", "b", fails=1), tmp_path, lambda _: None)
    steps = Steps(*changed)
    with pytest.raises(ConfigurationError, match="choose another --work"):
        carry_out(steps, tmp_path, lambda _: None)
    assert steps.done == []


def test_another_folder_for_the_bundle_is_another_run(plans, tmp_path):
    plan = read_plan(plans / "small.toml")
    made_of = [
        [step.made_of for step in steps_of(plan, setting(tmp_path, bundle=tmp_path / name))]
        for name in ("one", "two")
    ]
    assert made_of[0] != made_of[1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('name = "x"\ntower = "gone.toml"', r"tower: there is no gone\.toml"),
        ('name = "x"\ntowr = "a"', "plan.toml: tower"),
        ("name = ", "plan.toml"),
    ],
)
def test_plan_with_a_mistake_is_refused_with_its_place(tmp_path, text, named):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=named):
        read_plan(path)


def test_bundle_free_of_terms_is_never_given_patients(tmp_path, monkeypatch):
    class Free:
        manifest = type("M", (), {"licence": "Apache-2.0"})

    class Bound:
        manifest = type("M", (), {"licence": "CC-BY-NC-SA-4.0"})

    given = setting(tmp_path)
    assert whole._patients(Free, given) is None
    assert whole._patients(Bound, given) == tmp_path
