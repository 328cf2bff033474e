"""What the demo shows and leaves behind: tables, the results of each patient."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plugin.demo.play import Visit
from plugin.demo.stage import DEMO_USER, Stage
from plugin.registry import Registry

_WIDTH = 120


def new_console() -> Console:
    """Return a console that is wide enough for the table when nobody sets a width."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def progress_table(visits: Sequence[Visit]) -> Table:
    """Show where every patient is."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for visit in visits:
        colour = "red" if visit.failure else "green" if visit.complete else "cyan"
        table.add_row(visit.patient.title, Text(visit.failure or visit.status, style=colour))
    return table


def result_table(visits: Sequence[Visit]) -> Table:
    """Show what was measured beside the truth of the generated hearts."""
    table = Table(title="AI, not verified by a physician, not for diagnosis", title_style="bold")
    table.add_column("patient")
    for name in ("LVEF %\n(true)", "LVEDV ml\n(true)", "LV mass g\n(true)"):
        table.add_column(name, justify="right")
    table.add_column("finding", overflow="fold")
    table.add_column("priority")
    table.add_column("seconds\nto archive", justify="right")
    for visit in visits:
        truth = visit.patient.truth
        table.add_row(
            visit.patient.title,
            _beside(visit.summary.get("lvef_percent"), truth.lv_ef_percent),
            _beside(visit.summary.get("lvedv_ml"), truth.lv_edv_ml),
            _beside(visit.summary.get("lv_mass_g"), truth.lv_mass_g),
            Text(visit.failure or finding_of(visit.summary)),
            str(visit.summary.get("priority", "-")),
            "-" if visit.seconds is None or not visit.complete else f"{visit.seconds:.1f}",
        )
    return table


def finding_of(summary: dict[str, Any]) -> str:
    """Return the leading finding without the numbers that the table shows beside it."""
    sentence = str(summary.get("finding", "did not arrive"))
    head, _, tail = sentence.partition(": ")
    if not tail:
        return sentence
    return tail if any(letter.isdigit() for letter in head) else f"{head}."


def _beside(measured: float | None, true: float) -> str:
    return f"{'-' if measured is None else f'{measured:.0f}'} ({true:.0f})"


def collect_results(stage: Stage, registry: Registry, visits: Sequence[Visit]) -> None:
    """Copy what came back in the archive, and the images for people, to ``results/<patient>``."""
    for visit in visits:
        study = registry.studies.get(visit.study_instance_uid)
        job = None if study is None else registry.jobs.last_reported(study.id)
        if job is None:
            continue
        visit.results = stage.results / visit.patient_id
        visit.results.mkdir(parents=True, exist_ok=True)
        back = {item.sop_instance_uid: item.path for item in visit.arrived}
        for item in registry.jobs.result_objects(job.id):
            written = Path(item.path)
            if item.sop_instance_uid in back:
                shutil.copy(back[item.sop_instance_uid], visit.results / f"{item.kind}.dcm")
            for extra in (written.with_suffix(".png"), written.parent / "result.json"):
                if extra.is_file():
                    shutil.copy(extra, visit.results / extra.name)


def say_where(
    console: Console, stage: Stage, visits: Sequence[Visit], password: str, *, keep: bool
) -> None:
    """Say where the results and the images are, and how to look at the pages."""
    for visit in visits:
        if visit.results is not None:
            names = ", ".join(sorted(path.name for path in visit.results.iterdir()))
            console.print(f"{visit.results}: {names}", highlight=False, soft_wrap=True)
    if keep:
        console.print(f"Worklist: {stage.page}", highlight=False)
        console.print(f"Log in as {DEMO_USER}, password {password}", highlight=False)
        console.print(
            f"Settings for other commands: --config {stage.config}", highlight=False, soft_wrap=True
        )
    else:
        console.print("demo --keep leaves the system running, with its worklist in a browser.")
