"""``bundle``: the trained models on disk, and which one the workers take."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin.commands.analysis import Device
from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import ConfigurationError, ModelError, Reason
from plugin.domain.licences import permitted_use

if TYPE_CHECKING:
    from plugin.registry import Registry
    from plugin.registry.bundles import BundleRecord

_SHOWN_DIGITS = 12
_PURPOSES = {
    "segmentation": "contours, from which everything is measured",
    "embed_tokens": "language model: words to vectors",
    "decoder": "language model: words the report, answers questions",
    "study_encoder": "recognition: reads the images",
    "connector": "recognition: images to tokens of the decoder",
    "image_heads": "recognition: what a study is like",
    "text_heads": "recognition: what a description is like",
}

app = new_group("Model bundles: look at one, install another one, say which one the workers take.")

FolderArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[BUNDLE]",
        envvar="CMR_TRIAGE_WORKER__BUNDLE",
        help="Name of a bundle that came with the software, or a folder; without it acdc-unet.",
    ),
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
    graphs, golden = described.pop("graphs"), described.pop("golden")
    sizes = {file["path"]: file["n_bytes"] for file in files}
    rows = [
        ("may be used for", permitted_use(bundle.manifest.licence)),
        *((key, _flat(value)) for key, value in described.items()),
    ]
    print_table(
        f"Bundle {bundle.name} {bundle.version}",
        ("property", "value"),
        [*rows, ("digest", bundle.digest), ("folder", str(bundle.folder))],
    )
    print_table(
        "Graphs",
        ("role", "what it is for", "size (bytes)", "stored in", "golden runs"),
        (
            (
                graph["role"],
                _PURPOSES[graph["role"]],
                sizes.get(graph["file"], 0),
                graph["precision"],
                sum(one["role"] == graph["role"] for one in golden),
            )
            for graph in graphs
        ),
        caption="Inputs and outputs of each graph: --json.",
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
def verify(
    folder: FolderArgument = None,
    device: Annotated[
        Device, typer.Option(help="Where its golden runs are repeated.")
    ] = Device.CPU,
) -> None:
    """Check every file of a bundle, and whether it answers here as where it was made.

    Hashes, contents and contract of every graph, then every golden run on the device: what a worker
    does before it takes a bundle. Exit code 2 or 4 when something is not as it must be.
    """
    from worker.bundle import load_bundle
    from worker.model.golden import open_verified
    from worker.model.language.writer import read_tokenizer

    bundle = load_bundle(folder)
    for graph in bundle.manifest.graphs:
        open_verified(bundle, graph.role, device.value)
    if bundle.manifest.graph("decoder") is not None:
        read_tokenizer(bundle)
    typer.echo(
        f"Bundle {bundle.name} {bundle.version} is intact (sha256 {bundle.digest[:16]}…); "
        f"{len(bundle.manifest.golden)} golden runs agree on {device.value}."
    )


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


@app.command()
def install(
    archive: Annotated[Path, typer.Argument(metavar="ZIP", help="Archive of a bundle's folder.")],
    config: ConfigOption = None,
) -> None:
    """Unpack a bundle beside the spool, verify it and hold it to its golden run.

    Run it where a worker runs: what it gives there is what counts. It is used when activated.
    """
    from plugin.spool import Spool
    from worker.bundle.install import install_bundle
    from worker.models import open_models
    from worker.requests import note_bundle

    if not archive.is_file():
        raise ConfigurationError(Reason.NOT_FOUND, str(archive))
    settings = load(config)
    with open_registry(config) as registry:
        bundles = Spool(settings.spool.folder).bundles
        bundle = install_bundle(
            archive, bundles, lambda folder: open_models(settings.worker, str(folder))
        )
        note_bundle(registry, bundle, "cli")
    typer.echo(f"{bundle.name} {bundle.version} is intact and can be activated.")


@app.command("list")
def list_bundles(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the bundles of this installation, their terms, and which one the next analysis takes."""
    settings = load(config)
    with open_registry(config) as registry:
        known, in_force = registry.bundles.list(), registry.bundles.in_force()
    taken, problem = _taken(in_force, settings.worker.bundle)
    shipped = _shipped(known)
    if as_json:
        listed = [{**one, "in_force": one.get("digest") == taken} for one in shipped]
        print_json({"bundles": known, "in_force": in_force and in_force.id, "shipped": listed})
        return
    rows = (*(_described(one) for one in known), *shipped)
    print_table(
        "Bundles",
        ("id", "name", "version", "licence", "permits", "digest", "verified", "state", "in force"),
        (_row(one, taken) for one in sorted(rows, key=lambda one: str(one["name"]))),
        caption=problem
        or ("" if in_force else "In force: the one that the settings name (worker.bundle)."),
    )


def _taken(in_force: "BundleRecord | None", of_settings: str) -> tuple[str, str]:
    """Return the digest of the bundle that the next analysis takes, and what is wrong with it."""
    from worker.bundle import load_bundle

    if in_force is not None:
        return in_force.digest, ""
    try:
        return load_bundle(of_settings or None).digest, ""
    except (ConfigurationError, ModelError) as error:
        return "", error.sentence


def _described(one: "BundleRecord") -> dict[str, Any]:
    """Return a bundle that a worker opened here in the form of ``_shipped``."""
    licence = str(one.facts.get("licence"))
    return {
        "id": one.id,
        "name": one.name,
        "version": one.version,
        "licence": licence,
        "permits": permitted_use(licence),
        "digest": one.digest,
        "verified": one.verified_at,
        "state": "intact" if one.is_intact else one.problem,
    }


def _shipped(known: "Sequence[BundleRecord]") -> list[dict[str, Any]]:
    """Return the bundles that came with the software and that no worker has opened yet."""
    from worker.bundle import load_bundle, shipped_bundles

    opened = {one.digest for one in known}
    found: list[dict[str, Any]] = []
    for folder in shipped_bundles():
        row: dict[str, Any] = {"name": folder.name, "folder": str(folder)}
        try:
            bundle = load_bundle(folder)
        except ModelError as error:
            found.append({**row, "state": error.sentence})
            continue
        licence = bundle.manifest.licence
        row |= {"version": bundle.version, "licence": licence, "digest": bundle.digest}
        row |= {"permits": permitted_use(licence), "state": "came with the software"}
        if bundle.digest not in opened:
            found.append(row)
    return found


def _row(one: Mapping[str, Any], taken: str) -> tuple[object, ...]:
    cells = (one.get(key) for key in ("id", "name", "version", "licence", "permits"))
    digest = one.get("digest", "")
    return (*cells, digest[:_SHOWN_DIGITS], one.get("verified"), one["state"], digest == taken)


@app.command()
def activate(
    bundle_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="As bundle list shows it.")
    ] = None,
    of_settings: Annotated[
        bool, typer.Option("--of-settings", help="Let the settings name the bundle again.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Have the workers take a bundle with their next job; nothing is restarted."""
    if (bundle_id is None) is not of_settings:
        raise ConfigurationError(Reason.SETTING_INVALID, "name an id, or --of-settings")
    with open_registry(config) as registry:
        registry.bundles.activate(bundle_id, "cli")
        typer.echo(f"The next analysis takes {_in_force(registry)}.")


@app.command()
def rollback(config: ConfigOption = None) -> None:
    """Have the workers take the bundle that was in force before."""
    with open_registry(config) as registry:
        registry.bundles.rollback("cli")
        typer.echo(f"The next analysis takes {_in_force(registry)} again.")


@app.command()
def remove(
    bundle_id: Annotated[int, typer.Argument(metavar="ID", help="As bundle list shows it.")],
    config: ConfigOption = None,
) -> None:
    """Delete a bundle that was installed here and is no longer needed.

    Refused for the one in force, the one to roll back to, and the one that the settings name.
    """
    from plugin.spool import Spool
    from worker.requests import remove_bundle

    settings = load(config)
    with open_registry(config) as registry:
        spool = Spool(settings.spool.folder)
        removed = remove_bundle(settings, registry, spool, bundle_id, "cli")
    typer.echo(f"{removed.name} {removed.version} is removed.")


def _in_force(registry: "Registry") -> str:
    found = registry.bundles.in_force()
    return f"{found.name} {found.version}" if found else "the bundle that the settings name"


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value)
    return str(value)
