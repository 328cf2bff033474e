"""What is kept of a training run: what it was made of, curves, numbers as files."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from PIL import Image

from plugin.domain.errors import ConfigurationError
from tests.worker.training.hearts import drawn_volume
from worker.training.run_record import (
    curves_png,
    digest_of,
    keep_record,
    made_of,
    read_record,
)
from worker.training.train import log_to

pytestmark = pytest.mark.train
RECIPE = {"name": "small", "seed": 3, "stages": [{"minutes": 1.5}, {"minutes": 2}]}


@pytest.fixture
def work(tmp_path):
    log = log_to(tmp_path / "log.jsonl")
    log(made_of(RECIPE, {"acdc": "ab" * 32}, "cpu"))
    for step in range(1, 60):
        stage = "first" if step < 30 else "second"
        log({"stage": stage, "minutes": step / 10, "step": step, "loss": 1 / step})
    log({"stage": "second", "step": 60, "dice_lv": 0.9})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"time": "2026-01-01T0')
    return tmp_path


def test_log_tells_what_the_run_was_made_of(work):
    first = json.loads((work / "log.jsonl").read_text().splitlines()[0])
    assert first["recipe"]["seed"] == 3
    assert first["data"] == {"acdc": "ab" * 32}
    assert {"torch", "numpy", "python", "cmr-triage"} == set(first["versions"])
    assert first["time"].startswith("20")
    assert len(first["time"]) == len("2026-11-22T19:29:20Z")


def test_record_has_curves_stages_and_no_half_written_line(work):
    record = read_record(work)
    assert record.stages == (("first", 1), ("second", 30))
    assert [len(record.curves[name]) for name in ("loss", "dice_lv")] == [59, 1]
    assert record.curves["dice_lv"][0].value == 0.9
    assert record.curves["loss"][0].time_ms > 1.7e12


def test_curves_are_a_picture_and_numbers_are_files_of_the_store(work):
    keep_record(work)
    keep_record(work)
    picture = Image.open(BytesIO((work / "curves.png").read_bytes()))
    assert picture.size[0] > picture.size[1] > 100
    (run,) = [path.parent for path in work.glob("mlruns/0/*/meta.yaml")]
    assert "run_name: small" in (run / "meta.yaml").read_text()
    lines = (run / "metrics" / "loss").read_text().splitlines()
    time_ms, value, step = lines[1].split()
    assert (float(value), int(step)) == (0.5, 2)
    assert int(time_ms) > 1.7e12
    assert (run / "params" / "recipe.stages.1.minutes").read_text() == "2"
    assert (run / "params" / "data.acdc").read_text() == "ab" * 32


def test_picture_is_the_same_for_the_same_log(work):
    assert curves_png(read_record(work)) == curves_png(read_record(work))


def test_logs_of_older_versions_are_drawn_too(tmp_path):
    old = {"time": "09:46:33", "stage": "everyone", "minutes": 0.5, "step": 5, "loss": 0.1}
    (tmp_path / "log.jsonl").write_text(json.dumps(old) + "\n")
    keep_record(tmp_path)
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_run_that_told_no_numbers_yet_is_no_error_but_the_command_says_so(tmp_path):
    commands = pytest.importorskip("worker.training.commands", reason="needs the extra train")
    log_to(tmp_path / "log.jsonl")(made_of(RECIPE, {}, "cpu"))
    assert not keep_record(tmp_path)
    assert not (tmp_path / "curves.png").exists()
    with pytest.raises(ConfigurationError, match=r"log\.jsonl"):
        commands.draw_curves(tmp_path)


def test_digest_follows_pixels_labels_and_spacing():
    volume = drawn_volume(1)
    other = replace(volume, labels=np.where(volume.labels == 3, 2, volume.labels))
    wider = replace(volume, spacing_mm=(1.6, 1.5))
    assert digest_of([volume]) == digest_of([drawn_volume(1)])
    assert len({digest_of([one]) for one in (volume, other, wider)}) == 3
