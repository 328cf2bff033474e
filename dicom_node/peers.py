"""Who may open an association with us: a pure decision, and how addresses are compared.

The peers themselves live in the registry; the rejection codes are in ``statuses``.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from plugin.domain.errors import Reason


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """What the decision needs of a configured peer.

    Attributes
    ----------
    host
        None means any address.
    needs_tls
        Whether it may not come without TLS.
    certificate_name, certificate_fingerprint
        What its certificate must carry or be; None: any that is trusted.
    """

    host: str | None
    enabled: bool
    needs_tls: bool = False
    certificate_name: str | None = None
    certificate_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a TLS connection shows of who called, after its certificate was found to be trusted.

    Attributes
    ----------
    names
        Common name and host names in its certificate.
    fingerprint
        SHA-256 of its certificate; None where none was shown.
    """

    names: tuple[str, ...]
    fingerprint: str | None


Resolver = Callable[[str], Iterable[str]]


def resolve(host: str) -> list[str]:
    """Return the addresses of a host name; empty when it cannot be resolved."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


def same_address(host: str, address: str, resolver: Resolver = resolve) -> bool:
    """Tell whether a connection from ``address`` comes from the configured ``host``.

    IPv4 addresses that arrive mapped into IPv6 (``::ffff:10.0.0.5``) count as IPv4.
    """
    wanted = _address(host)
    candidates = [wanted] if wanted is not None else [_address(a) for a in resolver(host)]
    return _address(address) in [candidate for candidate in candidates if candidate is not None]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def reason_to_reject(
    *,
    called_ae_title: str,
    our_ae_title: str,
    address: str,
    peer: KnownPeer | None,
    proof: Proof | None,
    accept_unknown_peers: bool,
    resolver: Resolver = resolve,
) -> Reason | None:
    """Decide about an association request; None admits it.

    Parameters
    ----------
    proof
        None where the connection is without TLS.

    AE titles are compared with their case, without insignificant spaces at the ends
    (PS3.8 9.3.2, PS3.5 6.2).
    """
    if called_ae_title.strip(" ") != our_ae_title:
        return Reason.WRONG_CALLED_AE_TITLE
    if peer is None:
        return None if accept_unknown_peers else Reason.UNKNOWN_CALLING_AE_TITLE
    if not peer.enabled:
        return Reason.PEER_DISABLED
    if peer.host is not None and not same_address(peer.host, address, resolver):
        return Reason.CALLING_ADDRESS_MISMATCH
    return _reason_of_proof(peer, proof)


def _reason_of_proof(peer: KnownPeer, proof: Proof | None) -> Reason | None:
    if not peer.needs_tls:
        return None
    if proof is None:
        return Reason.TLS_REQUIRED
    if peer.certificate_fingerprint not in (None, proof.fingerprint):
        return Reason.CERTIFICATE_NOT_OF_PEER
    name = peer.certificate_name
    if name is not None and name.lower() not in {known.lower() for known in proof.names}:
        return Reason.CERTIFICATE_NOT_OF_PEER
    return None
