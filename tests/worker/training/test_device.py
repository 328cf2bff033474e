"""Where training runs: never another device than was asked for, and the same checkpoints."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from tests.worker.training.test_train import data, recipe  # noqa: E402
from worker.training.device import Choice, Compute, compute_of, feed  # noqa: E402
from worker.training.monitor import dice_in_views  # noqa: E402
from worker.training.train import RunOptions, Trainer, load_average  # noqa: E402

pytestmark = pytest.mark.train
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
WITH_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@WITHOUT_GPU
def test_gpu_that_was_asked_for_and_is_not_there_is_an_error():
    with pytest.raises(ConfigurationError) as refused:
        compute_of(Choice.CUDA)
    assert refused.value.reason is Reason.DEVICE_UNAVAILABLE
    assert compute_of(Choice.AUTO) == compute_of(Choice.CPU) == Compute("cpu", bfloat16=False)


def test_gpu_is_taken_where_it_is_there_and_knows_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert compute_of(Choice.AUTO) == Compute("cuda", bfloat16=True)
    assert compute_of(Choice.CPU) == Compute()


class Counting:
    """Draws its own number and how often it was asked."""

    def __init__(self, process):
        self._process, self._n = process, 0

    def __call__(self):
        self._n += 1
        return np.array([self._process, self._n])


@pytest.mark.parametrize("processes", [0, 2])
def test_feed_draws_without_end_and_from_every_process(processes):
    drawn = feed(Counting, processes)
    found = [tuple(int(v) for v in next(drawn)) for _ in range(6)]
    assert len(set(found)) == 6
    assert {process for process, _ in found} == set(range(max(processes, 1)))


def test_training_in_bfloat16_keeps_weights_in_float32(tmp_path):
    trainer = Trainer(recipe(), tmp_path, compute=Compute("cpu", bfloat16=True))
    told = []
    trainer.run(data(), RunOptions(max_steps=3, report_s=1e-9, report=told.append))
    assert all(np.isfinite(one["loss"]) for one in told)
    assert {p.dtype for p in trainer.network.parameters()} == {torch.float32}
    assert {p.dtype for p in load_average(trainer.path)[0].parameters()} == {torch.float32}


def test_copies_of_a_maker_draw_other_batches(tmp_path):
    trainer = Trainer(recipe(), tmp_path)
    (stage,) = trainer.recipe.stages
    drawer = partial(trainer._drawer, stage=stage)
    first, second, again = (
        drawer(trainer._maker(stage, data()), feeder=feeder)().images for feeder in (0, 1, 1)
    )
    assert not torch.equal(first, second)
    assert torch.equal(second, again)


@WITH_GPU
def test_run_on_a_gpu_is_fed_watched_and_read_back_on_the_processor(tmp_path):
    trainer = Trainer(recipe(), tmp_path, compute=compute_of(Choice.CUDA), feeders=2)
    watched = []

    def watch(network):
        watched.append(
            dice_in_views(network, data().volumes["all"]["acdc"], spacing_mm=1.5, size=64)
        )
        return watched[-1]

    trainer.run(data(), RunOptions(max_steps=20, monitor=watch, monitor_s=0))
    assert trainer.progress.step == 20
    assert watched
    network, _ = load_average(trainer.path)
    assert {p.device.type for p in network.parameters()} == {"cpu"}
    resumed = Trainer(recipe(), tmp_path, compute=compute_of(Choice.CUDA))
    resumed.run(data(), RunOptions(max_steps=21))
    assert resumed.progress.step == 21
