"""``certificate show``: what a certificate says, ours or another system's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    new_group,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from plugin.certificates import Certificate

app = new_group("Look at the certificates of TLS: our own, or one that another system sent.")


@app.command()
def show(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A certificate (PEM), such as that of a PACS; without it our own of the settings.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print names, validity and SHA-256 fingerprint (for peer --certificate-fingerprint)."""
    from plugin.certificates import own_certificates, read_certificate

    paths = {str(file): str(file)} if file is not None else {}
    if file is None:
        paths = {setting: path for setting, path, _ in own_certificates(load(config))}
    read = {title: read_certificate(path) for title, path in paths.items()}
    if as_json:
        print_json(read)
        return
    for title, certificate in read.items():
        print_table(title, ("property", "value"), _rows(certificate))
    if not read:
        typer.echo("No certificate is set: tls.certificate for DICOM, web.certificate for pages.")


def _rows(certificate: "Certificate") -> list[tuple[str, object]]:
    now = datetime.now(UTC)
    days = certificate.days_left(now)
    left = f"{days:.0f} days left" if certificate.is_valid(now) else "NOT VALID NOW"
    return [
        ("names", certificate.names),
        ("issued by", certificate.issuer),
        ("valid from", certificate.not_before),
        ("valid to", certificate.not_after),
        ("", left),
        ("SHA-256", certificate.fingerprint),
    ]
