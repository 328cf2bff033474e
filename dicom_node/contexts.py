"""What the node accepts on the wire: Verification, Storage in every encoding, commitment reports.

Knows presentation contexts only; who may send is ``peers``, what happens with the bytes is
``handlers``. Nothing is refused for its class or compression: an image that the node does not
take is an image that the analysis cannot miss, and the sender would report an error to a person.

References
----------
DICOM PS3.4 A (Verification), B (Storage), J (Storage Commitment),
PS3.8 9.3.2.2 (presentation contexts).
"""

from typing import Any

from pynetdicom import (
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    build_context,
)

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
# Named for the conformance statement; the acceptor takes any other private class too (see
# ``switches``).
PRIVATE_STORAGE_CLASSES: dict[str, str] = {
    "1.3.46.670589.5.0.8": "Philips Private MR Cardio",
    "1.3.46.670589.5.0.7": "Philips Private MR Cardio Profile",
    "1.3.46.670589.5.0.11": "Philips Private MR Cardio Analysis",
    "1.3.46.670589.5.0.10": "Philips Private MR Synthetic Image",
    "1.3.46.670589.11.0.0.12.1": "Philips Private MR Spectrum",
    "1.3.46.670589.11.0.0.12.2": "Philips Private MR Series Data",
    "1.3.46.670589.11.0.0.12.3": "Philips Private MR Color Image",
    "1.3.46.670589.11.0.0.12.4": "Philips Private MR Examcard",
    "1.2.840.113619.4.2": "GE Private MR Image",
    "1.3.12.2.1107.5.9.1": "Siemens Private CSA Non-Image",
}


def acceptor_contexts() -> list[Any]:
    """Return the contexts of the node as an acceptor: Verification, Storage, commitment reports."""
    storage = [
        build_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        for context in AllStoragePresentationContexts
    ]
    private = [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in PRIVATE_STORAGE_CLASSES]
    verification = build_context(VERIFICATION, ALL_TRANSFER_SYNTAXES[:3])
    return [verification, _reports_of_commitment(), *storage, *private]


def _reports_of_commitment() -> Any:
    """Storage Commitment as an archive proposes it that reports on an association of its own.

    It is the SCP there although it opened the association (role selection, PS3.7 D.3.3.4).
    """
    context = build_context(STORAGE_COMMITMENT, ALL_TRANSFER_SYNTAXES[:3])
    context.scu_role = context.scp_role = True
    return context


def transfer_syntaxes() -> list[str]:
    """Return the UIDs of all transfer syntaxes that are accepted by name."""
    return [str(uid) for uid in ALL_TRANSFER_SYNTAXES]
