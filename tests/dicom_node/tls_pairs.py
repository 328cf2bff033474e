"""Certificates for the tests of TLS, made once, and clients that say nothing or the wrong thing."""

from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Authority, Pair


@dataclass(frozen=True)
class Trust:
    """What a hospital would have: an authority, a node, a PACS; and what goes wrong."""

    ca_file: str
    node: Pair
    pacs: Pair
    renewed: Pair
    expired: Pair
    misnamed: Pair
    stranger_ca_file: str
    stranger: Pair


def make_trust(folder: Path) -> Trust:
    """Make all certificates of the tests."""
    ours, others = Authority(folder / "ours"), Authority(folder / "others", "Another authority")
    return Trust(
        ours.certificate,
        ours.sign("triage.hospital"),
        ours.sign("pacs.hospital"),
        ours.sign("triage renewed"),
        ours.sign_expired("old.hospital"),
        ours.sign("elsewhere", "DNS:elsewhere.hospital"),
        others.certificate,
        others.sign("pacs.hospital"),
    )
