"""``cmr-triage train pretrain``, ``adapt``, ``finetune``, ``reports``: on a hospital's data."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import load_bundle
from worker.model.language.categories import read_categories
from worker.training.pretrain import pretrain_on
from worker.training.recipe import read_recipe
from worker.training.site.adapt import adapt as run_adapt
from worker.training.site.finetune import finetune as run_finetune
from worker.training.site.report_tuning import tune
from worker.training.site.run import SiteOptions
from worker.training.site.studies import describe_left_out, read_studies

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

StudiesOption = Annotated[
    Path,
    typer.Option(
        "--studies", exists=True, file_okay=False, help="Folder of DICOM studies, in any layout."
    ),
]
BundleOption = Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")]
OutOption = Annotated[
    Path, typer.Option("--out", help="Folder of the site's bundle; its name is the bundle's.")
]
WorkOption = Annotated[Path, typer.Option("--work", help="Folder of the run: checkpoints, log.")]
VersionOption = Annotated[str, typer.Option(help="Version of the site's bundle, such as 1.0.0.")]
ThreadsOption = Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")]


def pretrain(
    recipe: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="Recipe (TOML) that will start from it."),
    ],
    studies: StudiesOption,
    work: WorkOption,
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of training.")] = 60,
) -> None:
    """Learn how images look from studies without contours; weights for ``train run --start``."""
    left_out: Counter[Reason] = Counter()
    n, trainer = pretrain_on(read_studies(studies, left_out), read_recipe(recipe), minutes, work)
    if not n:
        raise ConfigurationError(Reason.TOO_FEW_STUDIES, describe_left_out(left_out))
    typer.echo(f"{trainer.path}: {n} phases, {trainer.step} steps")


def adapt(
    studies: StudiesOption,
    out: OutOption,
    work: WorkOption,
    version: VersionOption,
    bundle: BundleOption = "",
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of training.")] = 20,
    threads: ThreadsOption = 0,
) -> None:
    """Adapt a bundle to a hospital's images without contours, and write a bundle of the site."""
    found = run_adapt(
        load_bundle(bundle or None),
        studies,
        out,
        work,
        SiteOptions(_bundle_name(out), version, minutes),
        threads=threads,
    )
    typer.echo(
        f"{out}: {found.manifest.name} {found.manifest.version}, {found.manifest.licence}; "
        f"sure of {found.n_confident} of {found.n_studies} studies"
        + (f"; left out: {found.left_out}" if found.left_out else "")
    )
    typer.echo(f"{(found.manifest.evaluation.data if found.manifest.evaluation else '')}.")


def finetune(
    studies: StudiesOption,
    out: OutOption,
    work: WorkOption,
    version: VersionOption,
    bundle: BundleOption = "",
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of training.")] = 30,
) -> None:
    """Train a bundle on studies with masks (mask_phase01.nii.gz beside the images)."""
    found = run_finetune(
        load_bundle(bundle or None),
        studies,
        out,
        work,
        SiteOptions(_bundle_name(out), version, minutes),
    )
    typer.echo(
        f"{out}: {found.manifest.name} {found.manifest.version}, {found.manifest.licence}; "
        f"{found.n_studies} studies" + (f"; left out: {found.left_out}" if found.left_out else "")
    )


def reports(
    studies: StudiesOption,
    out: OutOption,
    work: WorkOption,
    version: VersionOption,
    bundle: BundleOption = "",
    categories: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Categories of the site (TOML)."),
    ] = None,
    threads: ThreadsOption = 0,
) -> None:
    """Fit a bundle's recognition to studies with reports (report.txt beside the images)."""
    name = _bundle_name(out)
    found = tune(
        load_bundle(bundle or None),
        studies,
        read_categories(categories),
        out.with_name(name),
        work,
        version,
        threads=threads,
    )
    typer.echo(
        f"{out}: {found.manifest.name} {found.manifest.version}, {found.manifest.licence}; "
        f"{found.n_studies} studies" + (f"; left out: {found.left_out}" if found.left_out else "")
    )
    for one in found.judged:
        typer.echo(f"{one.key}: area {one.before} before, {one.after} after")


def _bundle_name(out: Path) -> str:
    """Return the name that a bundle in this folder has; the parent's own is not taken again."""
    if _NAME.fullmatch(out.name) is None:
        detail = f"--out: the folder's name must be lower-case letters, digits and '-': {out.name}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return out.name
