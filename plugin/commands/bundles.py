"""``bundle show``, ``verify`` and ``anchors``: the trained model on disk."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from plugin.commands.terminal import JsonOption, new_group, print_json, print_table

app = new_group("Look at the model bundle.")

FolderArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="Folder of a bundle; without it the shipped one."),
]


@app.command()
def show(folder: FolderArgument = None, as_json: JsonOption = False) -> None:
    """Print what a bundle is: name, version, licence, files, how it was measured."""
    from worker.bundle import load_bundle

    bundle = load_bundle(folder)
    described = bundle.manifest.model_dump(mode="json")
    if as_json:
        print_json({**described, "digest": bundle.digest, "folder": str(bundle.folder)})
        return
    evaluation, files = described.pop("evaluation"), described.pop("files")
    rows = [(key, _flat(value)) for key, value in described.items()]
    print_table(
        f"Bundle {bundle.name} {bundle.version}",
        ("property", "value"),
        [*rows, ("digest", bundle.digest), ("folder", str(bundle.folder))],
    )
    print_table(
        "Files",
        ("file", "size (bytes)", "sha256"),
        ((file["path"], file["n_bytes"], file["sha256"]) for file in files),
    )
    if evaluation:
        print_table(
            f"Measured on {evaluation['n_patients']} patients: {evaluation['data']}",
            ("measure", "value", "95 % interval", "unit"),
            (
                (row["measure"], f"{row['value']:g}", _interval(row), row["unit"])
                for row in evaluation["rows"]
            ),
            caption=evaluation["command"],
        )


def _interval(row: dict[str, Any]) -> str:
    return "" if row["low"] is None else f"{row['low']:g} to {row['high']:g}"


@app.command()
def verify(folder: FolderArgument = None) -> None:
    """Check every file of a bundle against its manifest; exit code 2 or 4 when it is not intact."""
    from worker.bundle import load_bundle

    bundle = load_bundle(folder)
    typer.echo(f"Bundle {bundle.name} {bundle.version} is intact (sha256 {bundle.digest[:16]}…).")


@app.command()
def anchors(
    folder: FolderArgument = None,
    categories: Annotated[
        Path | None,
        typer.Option(help="File of categories (TOML); without it the one that ships."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how well the categories of a file separate, as the bundle's language model reads them.

    A category that reads like its own absence, or like another, cannot be recognised: the table
    says which, and what to change. Only hearts can show how well it is recognised.
    """
    from worker.bundle import load_bundle
    from worker.model.language.categories import read_categories
    from worker.model.language.separation import read_anchors, separation

    wanted = read_categories(categories)
    bundle = load_bundle(folder)
    found = separation(wanted, read_anchors(bundle, wanted))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        f"Categories as {bundle.name} {bundle.version} reads them",
        ("category", "to its absence", "nearest other", "cosine", "warning"),
        (
            (
                one.key,
                f"{one.own:.2f}",
                one.nearest or "",
                "" if one.nearest_cosine is None else f"{one.nearest_cosine:.2f}",
                " ".join(one.warnings),
            )
            for one in found
        ),
        caption="Cosines: 1 is the same, 0 unrelated. AI, not verified by a physician.",
    )


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value)
    return str(value)
