"""``config check`` and ``config show``: what the settings are, and whether they can work."""

import dataclasses

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    new_group,
    print_json,
    print_table,
)

app = new_group("Check and show the settings (file < environment < secrets folder).")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Say whether the settings can be used; exit code 2 and a sentence when they cannot.

    Also checks the model bundle, opens the registry and asks Redis, unless that is embedded.
    """
    from plugin.queue import make_app, ping
    from plugin.registry import Registry
    from worker.bundle import load_bundle

    settings = load(config)
    load_bundle(settings.worker.bundle or None)
    settings.spool.folder.mkdir(parents=True, exist_ok=True)
    registry = Registry(settings.registry_url)
    try:
        registry.migrate()
    finally:
        registry.close()
    if not settings.embedded_queue:
        ping(make_app(settings))
    typer.echo("The settings can be used.")


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print every setting with its value, its default and what it means; passwords are hidden."""
    from plugin.settings import setting_rows

    rows = setting_rows(load(config))
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    print_table(
        "Settings",
        ("setting", "value", "default", "meaning"),
        (
            (row.key, row.value, "" if row.value == row.default else row.default, row.description)
            for row in rows
        ),
    )
