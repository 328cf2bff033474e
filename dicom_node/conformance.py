"""The DICOM conformance statement, written from the contexts, statuses and limits in the code.

``python -m dicom_node.conformance`` prints it; ``docs/conformance.md`` is that text, which a test
checks.

References
----------
DICOM PS3.2 (Conformance), its template's order of subjects.
"""

import sys
from collections.abc import Iterator

from pydicom.uid import UID

from dicom_node.contexts import (
    PRIVATE_STORAGE_CLASSES,
    VERIFICATION,
    acceptor_contexts,
    transfer_syntaxes,
)
from dicom_node.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.statuses import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    REJECTIONS,
    STORE_ANSWERS,
    SUCCESS,
)
from plugin.domain.errors import SENTENCES
from plugin.domain.objects import SOP_CLASSES_OF_KIND

_RESULT_SYNTAXES = "Explicit VR Little Endian, else Implicit VR Little Endian"
_ANSWERS = {
    SUCCESS: "the bytes are on disk (file and folder synced)",
    OUT_OF_RESOURCES: "free space is below `spool.minimum_free_bytes`; keep the image and retry",
    PROCESSING_FAILURE: "a fault of the node; keep the image and retry",
    CANNOT_UNDERSTAND: "the request had no dataset",
}


def statement() -> str:
    """Return the conformance statement as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# DICOM conformance statement"
    yield ""
    yield "Generated from the code by `python -m dicom_node.conformance`; do not edit."
    yield ""
    yield "Every result of this system is AI, not verified by a physician, not for diagnosis."
    yield ""
    yield from _overview()
    yield from _acceptor()
    yield from _requestor()
    yield from _storage_classes()


def _overview() -> Iterator[str]:
    yield "## Implementation"
    yield ""
    yield "| what | value |"
    yield "|---|---|"
    yield f"| Implementation Class UID | {IMPLEMENTATION_CLASS_UID} |"
    yield f"| Implementation Version Name | {IMPLEMENTATION_VERSION_NAME} |"
    yield "| Application context | 1.2.840.10008.3.1.1.1 |"
    yield "| Maximum PDU length, receiving | unlimited |"
    yield "| Asynchronous operations | not supported |"
    yield "| Character sets | any; kept as received |"
    yield ""


def _acceptor() -> Iterator[str]:
    yield "## As an acceptor (the node)"
    yield ""
    yield "| service | role | SOP classes |"
    yield "|---|---|---|"
    yield f"| Verification | SCP | {VERIFICATION} |"
    yield "| Storage | SCP | all standard ones (listed below) and any private or unknown one |"
    yield ""
    yield (
        "Storage is accepted in any transfer syntax: of those proposed for a context the first, "
        "private ones included. Datasets are stored as received (level 2, full) and never changed, "
        "decoded or coerced while receiving."
    )
    yield ""
    yield "An association is rejected (A-ASSOCIATE-RJ) with:"
    yield ""
    yield "| result | source | reason | when |"
    yield "|---|---|---|---|"
    for rejection in REJECTIONS.values():
        kind = "permanent" if rejection.result == 1 else "transient"
        yield (
            f"| {rejection.result} ({kind}) | {rejection.source} | {rejection.diagnostic} | "
            f"{SENTENCES[rejection.reason]} |"
        )
    yield ""
    yield "AE titles are compared with their case. C-STORE is answered with:"
    yield ""
    yield "| status | meaning |"
    yield "|---|---|"
    for status, meaning in sorted(_ANSWERS.items()):
        yield f"| {status:04X} | {meaning} |"
    yield ""


def _requestor() -> Iterator[str]:
    yield "## As a requestor (delivery)"
    yield ""
    yield "| service | role | SOP class | result | transfer syntax |"
    yield "|---|---|---|---|---|"
    yield f"| Verification | SCU | {VERIFICATION} | | Implicit VR Little Endian |"
    for kind, uid in SOP_CLASSES_OF_KIND.items():
        yield f"| Storage | SCU | {uid} {UID(uid).name} | {kind} | {_RESULT_SYNTAXES} |"
    yield ""
    yield (
        "One association per destination. Each class is proposed in two presentation contexts, one "
        "per transfer syntax. Objects are sent as stored (Explicit VR Little Endian); where only "
        "Implicit VR Little Endian was accepted the same values are sent in it, under the same SOP "
        "Instance UID. What an answer to C-STORE means:"
    )
    yield ""
    yield "| status | meaning | delivery |"
    yield "|---|---|---|"
    for known in STORE_ANSWERS:
        span = f"{known.first:04X}"
        if known.last != known.first:
            span += f" to {known.last:04X}"
        yield f"| {span} | {known.meaning} | {known.outcome} |"
    yield "| other | failure | retry |"
    yield ""


def _storage_classes() -> Iterator[str]:
    yield "## Storage SOP classes accepted by name"
    yield ""
    for context in acceptor_contexts():
        uid = UID(str(context.abstract_syntax))
        if uid == VERIFICATION:
            continue
        yield f"* {uid} {PRIVATE_STORAGE_CLASSES.get(str(uid), uid.name)}"
    yield ""
    yield "## Transfer syntaxes accepted by name"
    yield ""
    for syntax in transfer_syntaxes():
        yield f"* {syntax} {UID(syntax).name}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(statement())
