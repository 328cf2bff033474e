"""``user``: who may log in to the pages and use the API."""

from typing import Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.access import Role

app = new_group(
    "Accounts for the pages and the API. A reader reads studies and gives feedback, a technologist "
    "has studies analysed again and brings orders, an auditor sees who did what, an admin may "
    "everything."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As the person logs in.")]


@app.command()
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.READER,
    config: ConfigOption = None,
) -> None:
    """Add an account and print its one-time password, which the first log-in changes."""
    from plugin.accounts import Accounts

    with open_registry(config) as registry:
        user, password = Accounts(registry).add(name, role, "cli")
    typer.echo(f"User {user.name} ({user.role.value}) may log in.")
    typer.echo(f"One-time password: {password}")


@app.command("list")
def list_users(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all accounts."""
    with open_registry(config) as registry:
        users = registry.users.list()
    if as_json:
        print_json(users)
        return
    print_table(
        "Users",
        ("name", "role", "enabled", "password must be changed", "last log-in"),
        ((u.name, u.role.value, u.enabled, u.one_time, u.last_login_at) for u in users),
        caption="" if users else "Nobody may log in yet: cmr-triage user add NAME --role admin",
    )


@app.command()
def edit(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may do from now on.")],
    config: ConfigOption = None,
) -> None:
    """Change what somebody may do; it counts with the next click."""
    with open_registry(config) as registry:
        user = registry.users.edit(name, role=role, actor="cli")
    typer.echo(f"User {user.name} is {user.role.value}.")


@app.command()
def disable(name: NameArgument, config: ConfigOption = None) -> None:
    """Let somebody no longer log in, and end what is open; what they did stays."""
    with open_registry(config) as registry:
        registry.users.edit(name, enabled=False, actor="cli")
    typer.echo(f"User {name} may no longer log in.")


@app.command()
def enable(name: NameArgument, config: ConfigOption = None) -> None:
    """Let a disabled account log in again."""
    with open_registry(config) as registry:
        registry.users.edit(name, enabled=True, actor="cli")
    typer.echo(f"User {name} may log in.")


@app.command()
def password(name: NameArgument, config: ConfigOption = None) -> None:
    """Print a new one-time password for an account; the old one and all sessions end."""
    from plugin.accounts import Accounts

    with open_registry(config) as registry:
        given = Accounts(registry).reset_password(name, "cli")
    typer.echo(f"One-time password: {given}")


@app.command()
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "script",
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="How long it is good.")] = 90,
    config: ConfigOption = None,
) -> None:
    """Print a new key to the API for an account (header "Authorization: Bearer KEY")."""
    from plugin.accounts import Accounts
    from plugin.domain.errors import ConfigurationError, Reason

    with open_registry(config) as registry:
        user = registry.users.get(name)
        if user is None:
            raise ConfigurationError(Reason.NOT_FOUND, "user")
        key = Accounts(registry).add_token(user, label, days)
    typer.echo(key)
