"""What is kept of a training run for people: what it was made of, its curves, its numbers as files.

``log.jsonl`` in the folder of a run is the truth: first what it was made of (recipe, seed, SHA-256
of the data, versions), then one line per report. From it come ``curves.png`` and ``mlruns/``, a
folder in the layout of MLflow's file store (one line ``time value step`` per number), which other
tools read too. Nothing here changes what is learnt.

References
----------
MLflow, "File store" (backend store of runs as plain files).
"""

import hashlib
import json
import platform
import shutil
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from time import strptime
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from worker.training.cohorts import LabelledVolume

LOG_NAME, CURVES_NAME, STORE_NAME = "log.jsonl", "curves.png", "mlruns"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_NO_CURVE = frozenset({"time", "stage", "step", "minutes"})
_SMOOTHED = 40
"""So many points are drawn of a curve; what lies between is averaged."""

_EXPERIMENT = "0"
_MIXED = 12
"""Letters of a digest that name a run."""


@dataclass(frozen=True, slots=True)
class Point:
    """One reported number."""

    time_ms: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Record:
    """A log as read: what the run was made of, its curves by name, where its stages began.

    Attributes
    ----------
    made_of
        Of the latest start of the run; empty in logs of older versions.
    stages
        Name and first step of each.
    """

    made_of: Mapping[str, Any]
    curves: Mapping[str, tuple[Point, ...]]
    stages: tuple[tuple[str, int], ...]


def made_of(recipe: Mapping[str, Any], data: Mapping[str, str], device: str) -> dict[str, Any]:
    """Return the first entry of a log.

    Parameters
    ----------
    recipe
        All of it, the seed among it.
    data
        SHA-256 of what is learnt from, by name.
    """
    packages = ("cmr-triage", "torch", "numpy")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    return {"recipe": dict(recipe), "data": dict(data), "versions": versions, "device": device}


def digest_of(volumes: Sequence[LabelledVolume]) -> str:
    """Return the SHA-256 of volumes: pixels, labels and spacing, in their order."""
    digest = hashlib.sha256()
    for one in volumes:
        digest.update(np.asarray(one.spacing_mm, dtype=np.float64).tobytes())
        for array in (one.images, one.labels, one.opposite):
            if array is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def read_record(work: Path) -> Record:
    """Read the log of a run; no curves where it has told no numbers yet."""
    path = work / LOG_NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    entries = [one for one in map(_entry, lines) if one]
    made = [one for one in entries if "recipe" in one]
    curves: dict[str, list[Point]] = {}
    stages: dict[str, int] = {}
    for entry in entries:
        if "step" not in entry:
            continue
        step = int(entry["step"])
        stages.setdefault(str(entry.get("stage", "")), step)
        for name, value in entry.items():
            if name not in _NO_CURVE and isinstance(value, int | float):
                point = Point(_milliseconds(entry.get("time", "")), step, float(value))
                curves.setdefault(name, []).append(point)
    by_step = {name: tuple(sorted(points, key=_step)) for name, points in curves.items()}
    return Record(made[-1] if made else {}, by_step, tuple(stages.items()))


def keep_record(work: Path) -> bool:
    """Write ``curves.png`` and ``mlruns/`` from the log of a run, in place of older ones.

    Returns
    -------
    bool
        False: the log has no numbers, nothing was written.
    """
    record = read_record(work)
    if not record.curves:
        return False
    (work / CURVES_NAME).write_bytes(curves_png(record))
    write_store(record, work)
    return True


def curves_png(record: Record) -> bytes:
    """Draw every curve over the steps, with the stages marked."""
    names = list(record.curves)
    n_columns = 2 if len(names) > 1 else 1
    n_rows = -(-len(names) // n_columns)
    figure = Figure(figsize=(6.0 * n_columns, 2.6 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        points = record.curves[name]
        faint = {"color": "#2a6fb0", "alpha": 0.25, "linewidth": 0.8}
        steps, values = [p.step for p in points], [p.value for p in points]
        plain = {"color": "#2a6fb0", "marker": "."}
        axes.plot(steps, values, **(faint if len(points) > _SMOOTHED else plain))
        if len(points) > _SMOOTHED:
            axes.plot(*zip(*_averaged(points), strict=True), color="#2a6fb0", linewidth=1.6)
        for stage, step in record.stages[1:]:
            axes.axvline(step, color="#999999", linewidth=0.6)
            axes.text(
                step, 1.0, f" {stage}", transform=axes.get_xaxis_transform(), fontsize=6,
                color="#666666", rotation=90, va="top", ha="left",
            )  # fmt: skip
        axes.set_title(name.replace("_", " "), fontsize=10, loc="left")
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, linewidth=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_axis_off()
    buffer = BytesIO()
    canvas = FigureCanvasAgg(figure)
    canvas.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def write_store(record: Record, work: Path) -> None:
    """Write the numbers of a run in the layout of MLflow's file store."""
    store = work / STORE_NAME
    shutil.rmtree(store, ignore_errors=True)
    described = json.dumps(record.made_of, sort_keys=True).encode()
    name = str(record.made_of.get("recipe", {}).get("name", work.name))
    run_id = hashlib.sha256(described + name.encode()).hexdigest()[:_MIXED]
    run = store / _EXPERIMENT / run_id
    times = [point.time_ms for points in record.curves.values() for point in points]
    begun = {"lifecycle_stage": "active", "experiment_id": f"'{_EXPERIMENT}'"}
    _write(store / _EXPERIMENT / "meta.yaml", _yaml({**begun, "name": "cmr-triage"}))
    about = {
        **begun,
        "run_id": run_id,
        "run_uuid": run_id,
        "run_name": name,
        "artifact_uri": f"./{_EXPERIMENT}/{run_id}/artifacts",
        "source_type": "4",
        "status": "3",
        "start_time": str(min(times)),
        "end_time": str(max(times)),
        "user_id": "cmr-triage",
    }
    _write(run / "meta.yaml", _yaml(about))
    for key, value in _flat("", record.made_of):
        _write(run / "params" / key, value)
    for key, points in record.curves.items():
        lines = [f"{point.time_ms} {point.value!r} {point.step}\n" for point in points]
        _write(run / "metrics" / key, "".join(lines))


def _entry(line: str) -> dict[str, Any]:
    """Read a line; a half-written one, of a run that was killed, is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return entry


def _step(point: Point) -> int:
    return point.step


def _milliseconds(written: str) -> int:
    try:
        return 1000 * timegm(strptime(written, TIME_FORMAT))
    except ValueError:  # older logs tell the time of the day only
        return 0


def _averaged(points: Sequence[Point]) -> Iterator[tuple[float, float]]:
    for part in np.array_split(np.array([(p.step, p.value) for p in points]), _SMOOTHED):
        step, value = part.mean(axis=0)
        yield float(step), float(value)


def _flat(before: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield nested settings as ``stages.0.minutes`` and the like."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{before}.{key}" if before else str(key), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from _flat(f"{before}.{index}", inner)
    else:
        yield before, str(value)


def _yaml(values: Mapping[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
