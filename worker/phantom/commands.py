"""``cmr-triage phantom``: write generated studies and contact sheets from a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from worker.phantom.broken import BROKEN
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.impostors import IMPOSTORS
from worker.phantom.slices import slice_batch
from worker.phantom.study import Layout, build_study, demo_patients, generate, write_study
from worker.phantom.truth import HeartTruth
from worker.phantom.vendors import Vendor

phantom_app = typer.Typer(
    help="Generated hearts with known truth: for tests, training and demonstrations.",
    no_args_is_help=True,
)


def _sentence(truth: HeartTruth) -> str:
    """Tell the truth of a heart in one line."""
    return (
        f"LV {truth.lv_edv_ml:.0f}/{truth.lv_esv_ml:.0f} ml, EF {truth.lv_ef_percent:.1f} %, "
        f"mass {truth.lv_mass_g:.0f} g; RV {truth.rv_edv_ml:.0f}/{truth.rv_esv_ml:.0f} ml, "
        f"EF {truth.rv_ef_percent:.1f} %; thickest wall {truth.max_wall_thickness_ed_mm:.1f} mm"
    )


@phantom_app.command()
def write(
    out: Annotated[Path, typer.Argument(help="Folder for the DICOM files; made when missing.")],
    *,
    kind: Annotated[
        HeartKind, typer.Option(help=f"What is wrong with the heart: {', '.join(HeartKind)}.")
    ] = (HeartKind.HEALTHY),
    vendor: Annotated[
        Vendor, typer.Option(help="Whose header conventions: SIEMENS, GE or PHILIPS.")
    ] = Vendor.SIEMENS,
    layout: Annotated[
        Layout,
        typer.Option(
            help="How the short-axis cine is divided: one-series, series-per-slice or enhanced."
        ),
    ] = Layout.ONE_SERIES,
    seed: Annotated[int, typer.Option(help="The same seed gives the same study.")] = 0,
    phases: Annotated[int, typer.Option(min=1, help="Cardiac phases.")] = 25,
    companions: Annotated[
        bool, typer.Option("--companions", help="Add localiser, long axes, flow, T1 map and LGE.")
    ] = False,
    broken: Annotated[
        str, typer.Option(help=f"Spoil the study: {', '.join(BROKEN)}.", show_default=False)
    ] = "",
    impostor: Annotated[
        str,
        typer.Option(
            help=f"Show something else under the headers of the heart: {', '.join(IMPOSTORS)}.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Write one generated study as DICOM and print its true values."""
    if broken and broken not in BROKEN:
        raise typer.BadParameter(", ".join(BROKEN), param_hint="--broken")
    if impostor and impostor not in IMPOSTORS:
        raise typer.BadParameter(", ".join(IMPOSTORS), param_hint="--impostor")
    patient = generate(
        kind,
        seed,
        vendor=vendor,
        layout=layout,
        with_companions=companions,
        protocol=Protocol(n_phases=phases),
    )
    cine = patient.cine()
    if impostor:
        cine = IMPOSTORS[impostor](cine, np.random.default_rng([seed, 2]))
    instances = build_study(cine, patient.study, layout, with_companions=companions)
    if broken:
        instances = BROKEN[broken](instances)
    paths = write_study(instances, out)
    typer.echo(f"{len(paths)} instances in {out}")
    typer.echo(_sentence(patient.truth))


@phantom_app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="Folder; one folder for each patient in it.")],
) -> None:
    """Write the four patients of the demonstration."""
    for number, patient in enumerate(demo_patients(), start=1):
        folder = out / f"{number}-{patient.heart.kind}"
        paths = write_study(patient.instances(), folder)
        typer.echo(f"{patient.title}: {len(paths)} instances in {folder}")
        typer.echo(f"  {_sentence(patient.truth)}")


@phantom_app.command()
def sheet(
    out: Annotated[Path, typer.Argument(help="PNG file to write.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same sheet.")] = 0,
    columns: Annotated[int, typer.Option(min=1, max=16, help="Pictures across.")] = 8,
    rows: Annotated[int, typer.Option(min=1, max=16, help="Pairs of rows down.")] = 4,
) -> None:
    """Draw training slices with their labels below as one picture to look at."""
    images, labels = slice_batch(np.random.default_rng(seed), columns * rows)
    colours = np.array([[0, 0, 0], [60, 90, 220], [60, 180, 60], [220, 60, 60]], np.float32)
    lines = []
    for start in range(0, columns * rows, columns):
        chosen = slice(start, start + columns)
        grey = np.repeat(np.clip(images[chosen, 1], 0, 1)[..., None] * 255.0, 3, axis=-1)
        shown = np.where(labels[chosen][..., None] > 0, 0.6 * grey, grey)
        shown = shown + 0.4 * colours[labels[chosen]]
        lines += [np.hstack(list(grey)), np.hstack(list(shown))]
    Image.fromarray(np.clip(np.vstack(lines), 0, 255).astype(np.uint8)).save(out)
    typer.echo(f"{columns * rows} slices in {out}")
