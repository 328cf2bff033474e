import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.hearts import drawn_volume  # noqa: E402
from worker.training.monitor import dice_in_views  # noqa: E402
from worker.training.recipe import Recipe, Stage  # noqa: E402
from worker.training.replicas import Replica, train_together  # noqa: E402
from worker.training.train import (  # noqa: E402
    RunOptions,
    Trainer,
    TrainingData,
    load_average,
)

pytestmark = pytest.mark.train


def recipe(minutes=60.0, rate=3e-3, **stage):
    return Recipe(
        name="small",
        seed=3,
        channels=(8, 16, 16),
        warmup_steps=5,
        stages=(
            Stage(
                name="only",
                minutes=minutes,
                crop=64,
                batch=4,
                learning_rate_start=rate,
                learning_rate_end=rate,
                mix={"acdc": 1.0},
                ema_decay=0.9,
                **stage,
            ),
        ),
    )


def data(n=2):
    volumes = {"acdc": [drawn_volume(seed) for seed in range(n)]}
    return TrainingData({"inner": volumes, "all": volumes})


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_train_learns_a_drawn_heart(tmp_path):
    trainer = Trainer(recipe(), tmp_path)
    untrained = dice_in_views(trainer.average.eval(), [drawn_volume(7)], spacing_mm=1.5, size=64)
    trainer.run(data(), RunOptions(max_steps=110))
    trained = dice_in_views(trainer.average.eval(), [drawn_volume(7)], spacing_mm=1.5, size=64)
    assert untrained["dice_lv"] < 0.5
    assert trained["dice_lv"] > 0.7
    assert trained["dice_myocardium"] > 0.5


def test_train_goes_on_where_it_stopped(tmp_path):
    Trainer(recipe(), tmp_path).run(data(), RunOptions(max_steps=3))
    resumed = Trainer(recipe(), tmp_path)
    assert resumed.progress.step == 3
    assert resumed.progress.stage_seconds > 0
    assert resumed.optimiser.state_dict()["state"]
    weights = [p.clone() for p in resumed.network.parameters()]
    resumed.run(data(), RunOptions(max_steps=5))
    assert resumed.progress.step == 5
    pairs = zip(weights, resumed.network.parameters(), strict=True)
    assert any(not torch.equal(before, after) for before, after in pairs)


def test_train_does_not_repeat_a_finished_stage(tmp_path):
    Trainer(recipe(minutes=0.001), tmp_path).run(data(), RunOptions())
    finished = Trainer(recipe(minutes=0.001), tmp_path)
    steps = finished.progress.step
    finished.run(data(), RunOptions())
    assert steps > 0
    assert finished.progress.step == steps


def test_train_reads_ready_slices_when_a_stage_starts(tmp_path):
    asked = []
    volumes = {"inner": {"acdc": [drawn_volume()]}}
    Trainer(recipe(), tmp_path).run(
        TrainingData(volumes, lambda: asked.append(1) or {}), RunOptions(max_steps=1)
    )
    assert asked == [1]


def test_average_of_a_checkpoint_is_the_network_that_was_watched(tmp_path):
    trainer = Trainer(recipe(), tmp_path)
    trainer.run(data(), RunOptions(max_steps=2))
    loaded, state = load_average(tmp_path / "checkpoint.pt")
    images = torch.rand(1, 9, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(images), trainer.average.eval()(images))
    assert state["step"] == 2


def test_replica_alone_leaves_gradients_as_they_are():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.arange(3.0)
    assert Replica().average_gradients([parameter], 4.0) == 4.0
    assert torch.equal(parameter.grad, torch.arange(3.0))


def _write_mean(folder, replica):
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.full((3,), float(replica.rank))
    extra = replica.average_gradients([parameter], 10.0 * replica.rank)
    (folder / f"{replica.rank}").write_text(f"{parameter.grad.tolist()} {extra}")


def test_replicas_share_the_mean_gradient(tmp_path):
    from functools import partial

    train_together(2, partial(_write_mean, tmp_path))
    assert {p.read_text() for p in tmp_path.iterdir()} == {"[0.5, 0.5, 0.5] 5.0"}
