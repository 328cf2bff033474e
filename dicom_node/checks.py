"""Whether a peer or a destination answers, in sentences: what was found and what to do about it.

Commands and pages show the same sentences; asking is ``sender``'s and ``channels``'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dicom_node import sender
from dicom_node.association import Caller, address_of_peer
from dicom_node.channels import verify
from plugin.domain.errors import Reason, TransientError
from plugin.domain.objects import with_class
from plugin.registry import DestinationRecord, PeerRecord

_ADVICE = {
    Reason.DESTINATION_REJECTED_ASSOCIATION: (
        "The system is there and refuses us. Have it know our AE title {ours} with the address of "
        "this machine, and compare the AE title that we call with its own, letter by letter."
    ),
    Reason.DESTINATION_NO_CONTEXT: (
        "The system speaks DICOM with us, but does not offer what was asked for. It must accept "
        "the classes that docs/conformance.md names."
    ),
    Reason.DESTINATION_REFUSED_CREDENTIALS: (
        "The server is there. Put the right user and password, or a token that is still valid, "
        "into the credentials file."
    ),
    Reason.DESTINATION_CERTIFICATE: (
        "The server is there. Name the certificate of the authority that signed its certificate."
    ),
    Reason.DESTINATION_WITHOUT_TLS: (
        "DICOM over TLS has a port of its own, often 2762; ask which one it is there."
    ),
    Reason.DESTINATION_WANTS_CERTIFICATE: (
        "Send the administrator there the certificate of the authority that signed ours, and look "
        "whether ours is still valid: cmr-triage certificate show."
    ),
}
_ADVICE_OF_DETAIL = {
    "no connection": (
        "Nothing accepts a connection there. Compare host and port with the settings of the other "
        "system, see that it runs, and ask for firewalls between it and this machine."
    ),
    "connected, but no DICOM answer": (
        "Something listens there, but gives no DICOM answer: the port of another service, or one "
        "that expects TLS."
    ),
    "is not a known host name": (
        "The name cannot be resolved from this machine. Write the address, or have the name added "
        "to the DNS."
    ),
    "C-ECHO was not answered": (
        "The association was opened and then nothing came. The other system may be overloaded."
    ),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What asking gave: whether all is well, and the sentences that say so."""

    is_good: bool
    lines: tuple[str, ...]

    def to_dict(self) -> Mapping[str, Any]:
        """Return it as a request is answered."""
        return {"is_good": self.is_good, "lines": list(self.lines)}


def echo_peer(peer: PeerRecord, caller: Caller) -> str:
    """Send a C-ECHO to a peer; return the sentence that says how quickly it answered.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: where it listens is not known.
    TransientError
        It does not answer.
    """
    address = address_of_peer(peer)
    seconds = sender.verify(address, caller)
    by_tls = " by TLS" if address.tls else ""
    place = f"{address.host}:{address.port}"
    return f"{peer.ae_title} at {place} answers{by_tls} ({1000 * seconds:.0f} ms)."


def ask_destination(destination: DestinationRecord, caller: Caller) -> tuple[str, ...]:
    """Ask a destination whether it answers, takes our objects and confirms; say it in sentences.

    Raises
    ------
    TransientError
        It does not answer, or takes none of what it should get.
    """
    verified = verify(destination, caller)
    place = destination.url or f"{destination.ae_title} at {destination.host}:{destination.port}"
    taken = [verified.instead.get(kind, kind) for kind in destination.objects]
    takes = "" if destination.url else f" and takes {', '.join(dict.fromkeys(taken))}"
    milliseconds = 1000 * verified.seconds
    ways = " and ".join(verified.confirms_by) or "nothing"
    return (
        f"{destination.name} ({place}{' by TLS' if destination.tls else ''}) answers{takes} "
        f"({milliseconds:.0f} ms).",
        *(
            f"It does not take {with_class(kind)}; it gets {with_class(other)} instead."
            for kind, other in verified.instead.items()
        ),
        f"It offers to confirm by {ways}.",
    )


def failed(error: TransientError, caller: Caller) -> Checked:
    """Say why nobody answered, and what to do about it."""
    advice = next(
        (text for found, text in _ADVICE_OF_DETAIL.items() if found in error.detail),
        _ADVICE.get(error.reason, "").format(ours=caller.ae_title),
    )
    return Checked(is_good=False, lines=(error.sentence, *((advice,) if advice else ())))
