"""``peer``: the systems that may send images here."""

from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    named,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.certificates import PeerTls
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.study import PeerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugin.registry import PeerRecord, RejectedAssociation

app = new_group(
    "Systems that may send images here (PACS, scanners), known by their AE title. Changes count "
    "at once, without a restart."
)

AeTitleArgument = Annotated[
    str, typer.Argument(metavar="AE_TITLE", help="As the peer calls itself.")
]
HostOption = Annotated[
    str | None,
    typer.Option(help='Address that the peer must call from; "" or none: any address.'),
]
PortOption = Annotated[
    int | None, typer.Option(help="Where the peer listens itself; needed for echo only.")
]
KindOption = Annotated[
    PeerKind | None,
    typer.Option(help="archive: sends finished studies; modality: sends series while scanning."),
]
QuietOption = Annotated[
    float | None,
    typer.Option(
        min=0, help="Seconds of silence after which its study is complete; 0: as in the settings."
    ),
]
CapOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Seconds after which its study is analysed without silence; 0: as in the settings.",
    ),
]
EnabledOption = Annotated[bool | None, typer.Option("--enabled/--disabled", help="May it send?")]
TlsOption = Annotated[
    PeerTls | None,
    typer.Option(help="required: refused without TLS; allowed: on either port."),
]
CertificateNameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Common name or host name that its certificate must carry, because an AE title "
        'proves nothing; makes TLS required. "": any trusted certificate.',
    ),
]
FingerprintOption = Annotated[
    str | None,
    typer.Option(
        "--certificate-fingerprint",
        metavar="SHA256",
        help="The very certificate that it must show, as certificate show prints it; makes TLS "
        'required. "": any trusted certificate.',
    ),
]


@app.command()
def add(
    ae_title: AeTitleArgument,
    host: HostOption = None,
    port: PortOption = None,
    kind: KindOption = None,
    quiet_seconds: QuietOption = None,
    cap_seconds: CapOption = None,
    enabled: EnabledOption = None,
    tls: TlsOption = None,
    certificate_name: CertificateNameOption = None,
    certificate_fingerprint: FingerprintOption = None,
    destination: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Send results there too, as this destination (needs host, port)."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Let a system send images here."""
    if destination is not None and (not host or port is None):
        raise ConfigurationError(
            Reason.SETTING_INVALID, "--destination needs --host and --port of the peer"
        )
    with open_registry(config) as registry:
        peer = registry.peers.add(
            ae_title,
            host=host,
            port=port,
            kind=kind or PeerKind.ARCHIVE,
            quiet_seconds=quiet_seconds or None,
            cap_seconds=cap_seconds or None,
            enabled=enabled is not False,
            tls=_implied(tls, certificate_name, certificate_fingerprint) or PeerTls.ALLOWED,
            certificate_name=certificate_name,
            certificate_fingerprint=certificate_fingerprint,
        )
        by_tls = " by TLS" if peer.tls is PeerTls.REQUIRED else ""
        typer.echo(f"Peer {peer.ae_title} may send{by_tls} now.")
        _warn_without_certificate(config, peer)
        if destination is not None and host and port is not None:
            registry.destinations.add(destination, ae_title=peer.ae_title, host=host, port=port)
            typer.echo(f"Results go to it as destination {destination}.")


def _implied(tls: PeerTls | None, *certificate: str | None) -> PeerTls | None:
    """Return what was said of TLS; who names a certificate and says nothing wants it required."""
    return PeerTls.REQUIRED if tls is None and any(certificate) else tls


def _warn_without_certificate(config: ConfigOption, peer: "PeerRecord") -> None:
    if peer.tls is PeerTls.REQUIRED and not load(config).tls.certificate:
        typer.echo(
            "The node speaks no TLS yet: nobody can come by it until tls.certificate is set."
        )


@app.command("list")
def list_peers(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show who may send, and who was refused lately with the AE titles they used."""
    with open_registry(config) as registry:
        peers = registry.peers.list()
        rejected = registry.associations.list_rejected()
    if as_json:
        print_json({"peers": peers, "rejected": rejected})
        return
    print_table(
        "Peers",
        (
            "AE title",
            "from address",
            "port",
            "kind",
            "quiet (s)",
            "cap (s)",
            "enabled",
            "TLS",
            "certificate",
            "last seen",
        ),
        (
            (
                peer.ae_title,
                peer.host or "any",
                peer.port,
                peer.kind.value,
                peer.quiet_seconds,
                peer.cap_seconds,
                peer.enabled,
                peer.tls.value,
                peer.certificate_name or _shortened(peer.certificate_fingerprint),
                peer.last_seen_at,
            )
            for peer in peers
        ),
        caption="" if peers else "Nobody may send yet: cmr-triage peer add AE_TITLE",
    )
    print_rejected(rejected)


def _shortened(fingerprint: str | None) -> str | None:
    return f"{fingerprint[:16]}..." if fingerprint else None


def print_rejected(rejected: "Sequence[RejectedAssociation]") -> None:
    """Show refused associations, if there were any."""
    from plugin.domain.errors import SENTENCES

    if rejected:
        print_table(
            "Refused associations",
            ("calling AE title", "called AE title", "address", "n times", "last", "why"),
            (
                (
                    item.calling_ae_title,
                    item.called_ae_title,
                    item.address,
                    item.n_times,
                    item.last_at,
                    SENTENCES[item.reason],
                )
                for item in rejected
            ),
        )


@app.command()
def edit(
    ae_title: AeTitleArgument,
    host: HostOption = None,
    port: PortOption = None,
    kind: KindOption = None,
    quiet_seconds: QuietOption = None,
    cap_seconds: CapOption = None,
    enabled: EnabledOption = None,
    tls: TlsOption = None,
    certificate_name: CertificateNameOption = None,
    certificate_fingerprint: FingerprintOption = None,
    rename: Annotated[str | None, typer.Option(metavar="AE_TITLE", help="New AE title.")] = None,
    config: ConfigOption = None,
) -> None:
    """Change what is known of a peer; what is not named stays."""
    changes = named(
        ae_title=rename,
        host=host,
        port=port,
        kind=kind,
        quiet_seconds=quiet_seconds,
        cap_seconds=cap_seconds,
        enabled=enabled,
        tls=_implied(tls, certificate_name, certificate_fingerprint),
        certificate_name=certificate_name,
        certificate_fingerprint=certificate_fingerprint,
    )
    for name in ("quiet_seconds", "cap_seconds"):
        if changes.get(name) == 0:
            changes[name] = None
    with open_registry(config) as registry:
        peer = registry.peers.edit(ae_title, **changes)
    typer.echo(f"Peer {peer.ae_title} changed.")
    _warn_without_certificate(config, peer)


@app.command()
def remove(ae_title: AeTitleArgument, config: ConfigOption = None) -> None:
    """Refuse images of a peer from now on; what it sent stays."""
    with open_registry(config) as registry:
        registry.peers.remove(ae_title)
    typer.echo(f"Peer {ae_title} removed.")


@app.command()
def echo(ae_title: AeTitleArgument, config: ConfigOption = None) -> None:
    """Ask whether a peer answers (C-ECHO); exit code 5 and a sentence when it does not."""
    from dicom_node.channels import caller_of
    from dicom_node.checks import echo_peer

    settings = load(config)
    with open_registry(config) as registry:
        peer = registry.peers.get(ae_title)
    if peer is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"peer {ae_title}")
    typer.echo(echo_peer(peer, caller_of(settings)))
