"""``config check`` and ``config show``: what the settings are, and whether they can work."""

import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    new_group,
    open_registry,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from plugin.settings import SettingRow

app = new_group("Check and show the settings (file < environment < secrets folder).")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Say whether the settings can be used; exit code 2 and a sentence when they cannot.

    Tries the model and says on which terms it may be used, tries the certificates, opens spool and
    registry, and asks Redis (or looks for its program).
    Run it as the user that runs the system: it makes the folders that are missing.
    """
    from plugin.broker import embedded_broker_command
    from plugin.certificates import check_certificates
    from plugin.queue import make_app, ping
    from plugin.spool import Spool
    from worker.models import open_models

    settings, now = load(config), datetime.now(UTC)
    certificates = check_certificates(settings, now)
    bundle = open_models(settings.worker).tower.bundle
    with open_registry(config) as registry:
        in_force = registry.bundles.in_force()
    if settings.embedded_queue:
        embedded_broker_command(Spool(settings.spool.folder))
    else:
        ping(make_app(settings))
    typer.echo("The settings can be used.")
    typer.echo(f"The model bundle is {bundle.manifest.terms}.")
    if in_force is not None:
        taken = f"{in_force.name} {in_force.version} ({in_force.facts.get('licence')})"
        typer.echo(f"It is overruled: {taken} was activated, see cmr-triage bundle list.")
    for setting, certificate in certificates:
        typer.echo(f"The certificate {setting} ends in {certificate.days_left(now):.0f} days.")


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print every setting: value, where it comes from, default, meaning; passwords are hidden."""
    from plugin.settings import setting_rows

    rows = setting_rows(load(config))
    if as_json:
        print_json(
            [
                {
                    "key": row.key,
                    "value": _plain(row.value),
                    "source": row.source,
                    "default": _plain(row.default),
                    "description": row.description,
                }
                for row in rows
            ]
        )
        return
    print_table(
        "Settings",
        ("setting", "value", "from", "default", "meaning"),
        ((row.key, row.value, row.source, _default(row), row.description) for row in rows),
    )


def _default(row: "SettingRow") -> str:
    return "" if row.value == row.default else row.default


def _plain(written: str) -> object:
    """Return a value that is written as TOML."""
    return tomllib.loads(f"value = {written}")["value"]
