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

from dicom_node.conformance_frame import annexes, model, network
from dicom_node.contexts import (
    PRIVATE_STORAGE_CLASSES,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    VERIFICATION,
    acceptor_contexts,
    transfer_syntaxes,
)
from dicom_node.extent import MAXIMUM_INFLATED_BYTES
from dicom_node.listeners import MAXIMUM_PDU_BYTES
from dicom_node.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.statuses import (
    CANNOT_UNDERSTAND,
    COMMITMENT_FAILURES,
    INVALID_ARGUMENT,
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    REJECTIONS,
    STORE_ANSWERS,
    SUCCESS,
)
from dicom_node.tls import PROFILE, offered_ciphers
from plugin.domain.errors import SENTENCES
from plugin.domain.job import MAXIMUM_LOSSES, Remedy
from plugin.domain.objects import FALLBACKS, REJECTION, SOP_CLASSES_OF_KIND, SYNTAXES_OF_KIND
from plugin.settings import TlsSettings

_DEFAULT_SYNTAXES = "Implicit or Explicit VR Little Endian"
_ANSWERS = {
    SUCCESS: "the bytes are on disk (file and folder synced)",
    OUT_OF_RESOURCES: "free space is below `spool.minimum_free_bytes`; keep the image and retry",
    PROCESSING_FAILURE: "a fault of the node; keep the image and retry",
    CANNOT_UNDERSTAND: "the request had no dataset",
    NOT_AUTHORISED: "the sender is known as a destination only; it may report, not store",
}
_REMEDIES = {
    Remedy.SEND_AGAIN: f"sent again; given up after {MAXIMUM_LOSSES} losses",
    Remedy.ASK_AGAIN: "asked again with a new Transaction UID",
    Remedy.GIVE_UP: "given up, with the reason",
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
    yield from model()
    yield from _acceptor()
    yield from _requestor()
    yield from _confirmation()
    yield from _web()
    yield from network()
    yield from _security()
    yield from annexes()
    yield from _storage_classes()


def _overview() -> Iterator[str]:
    yield "## Implementation"
    yield ""
    yield "| what | value |"
    yield "|---|---|"
    yield f"| Implementation Class UID | {IMPLEMENTATION_CLASS_UID} |"
    yield f"| Implementation Version Name | {IMPLEMENTATION_VERSION_NAME} |"
    yield "| Application context | 1.2.840.10008.3.1.1.1 |"
    yield f"| Maximum PDU length, receiving as an acceptor | {MAXIMUM_PDU_BYTES} |"
    yield "| Maximum PDU length, receiving as a requestor | unlimited |"
    yield "| Asynchronous operations | not supported |"
    yield ""


def _acceptor() -> Iterator[str]:
    yield "## As an acceptor (the node)"
    yield ""
    yield "| service | role | SOP classes |"
    yield "|---|---|---|"
    yield f"| Verification | SCP | {VERIFICATION} |"
    yield "| Storage | SCP | all standard ones (listed below) and any private or unknown one |"
    yield f"| Storage Commitment Push Model | SCU | {STORAGE_COMMITMENT}, N-EVENT-REPORT only |"
    yield ""
    yield (
        "Storage is accepted in any transfer syntax: of those proposed for a context the first, "
        "private ones included. Datasets are stored as received (level 2, full) and never changed, "
        "decoded or coerced while receiving. What cannot be read afterwards is set aside, a "
        f"deflated dataset of more than {MAXIMUM_INFLATED_BYTES >> 20} MiB too."
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
    yield f"| Storage Commitment | SCU | {STORAGE_COMMITMENT} | | {_DEFAULT_SYNTAXES} |"
    yield f"| Query (Study Root, FIND) | SCU | {STUDY_ROOT_FIND} | | {_DEFAULT_SYNTAXES} |"
    for kind, uid in SOP_CLASSES_OF_KIND.items():
        own = UID(SYNTAXES_OF_KIND[kind])
        other = "" if own.is_encapsulated else ", else Implicit VR Little Endian"
        syntaxes = f"{own.name}{other}"
        yield f"| Storage | SCU | {uid} {UID(uid).name} | {kind} | {syntaxes} |"
        if kind == "key_objects":
            yield f"| Storage | SCU | {uid} {UID(uid).name} | {REJECTION} | {syntaxes} |"
    yield ""
    yield (
        "One association per destination. Each class is proposed in two presentation contexts, one "
        "per transfer syntax. Objects are sent as stored; where of an uncompressed one only "
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
    yield (
        "Where a SOP class is not accepted (in negotiation, by status 0122 or A9xx) another object "
        "of the same result is sent instead, the first of these that there is:"
    )
    yield ""
    yield "| not taken | instead |"
    yield "|---|---|"
    for kind, others in FALLBACKS.items():
        if kind in SOP_CLASSES_OF_KIND:
            yield f"| {kind} | {', '.join(o for o in others if o in SOP_CLASSES_OF_KIND)} |"
    yield ""


def _confirmation() -> Iterator[str]:
    yield "## Confirmation of what was sent"
    yield ""
    yield (
        "**Storage Commitment Push Model, SCU.** After the objects of a result were sent, one "
        "N-ACTION (type 1) names them. The N-EVENT-REPORT is taken on the association of the "
        "request, which stays open for `delivery.commitment_wait_seconds`, or on one that the "
        "archive opens to the node, where it proposes itself as SCP by role selection. The "
        "association is accepted from a known peer, and from the AE title and address of a "
        "destination. The report is answered after it was written down: 0000; "
        f"{PROCESSING_FAILURE:04X} when that failed; {INVALID_ARGUMENT:04X} when its transaction "
        "is not known or it cannot be read. A report may come at any time within 90 days, also "
        "after a later request, and more than once. Failure reasons (0008,1197):"
    )
    yield ""
    yield "| reason | meaning | what is done |"
    yield "|---|---|---|"
    for failure in COMMITMENT_FAILURES.values():
        remedy = _REMEDIES[failure.remedy]
        yield f"| {failure.status:04X} | {failure.meaning} | {remedy} |"
    yield f"| other | | {_REMEDIES[Remedy.ASK_AGAIN]} |"
    yield ""
    yield "The node commits to nothing itself: N-ACTION is answered with 0122."
    yield ""
    yield (
        "**Query, SCU.** Where commitment is not negotiated (or not wanted), one C-FIND at level "
        "IMAGE for each series, with Study and Series Instance UID as unique keys, universal "
        "matching of SOP Instance UID. An object that is in no answer is looked for again, then "
        "sent again."
    )
    yield ""


def _web() -> Iterator[str]:
    yield "## DICOMweb (destinations with a URL)"
    yield ""
    yield "| service | role | resource |"
    yield "|---|---|---|"
    yield "| STOW-RS | user agent | `POST {url}/studies/{study}`, one object in each request |"
    yield (
        "| QIDO-RS | user agent | "
        "`GET {url}/studies/{study}/series/{series}/instances?SOPInstanceUID={instance}` |"
    )
    yield ""
    yield (
        '`multipart/related; type="application/dicom"`, the bytes as stored (in the syntaxes '
        "above); answers as `application/dicom+json`. The Warning Reason (0008,1196) and Failure "
        "Reason (0008,1197) of the object decide like statuses of C-STORE; without them 200 and "
        "202 are a success, 400, 409, 413 and 415 a refusal, 429 and others are tried again; 401, "
        "403, 404, 405, redirects, 502 and 503 pause the destination. TLS 1.2 or later with the "
        "certificates of the system or of a file; Basic or Bearer credentials; no redirect is "
        "followed and no proxy is used."
    )
    yield ""


def _security() -> Iterator[str]:
    ciphers = [one["name"] for one in offered_ciphers() if one["protocol"] == "TLSv1.2"]
    port = TlsSettings.model_fields["port"].default
    yield "## Security"
    yield ""
    yield "| what | value |"
    yield "|---|---|"
    yield f"| Profile | {PROFILE} |"
    yield f"| Port | `tls.port`, {port} unless set otherwise, never that of `node.port` |"
    yield "| Versions | TLS 1.3, else 1.2; earlier ones are refused |"
    yield f"| Cipher suites of TLS 1.2 | {', '.join(ciphers)} |"
    yield "| Cipher suites of TLS 1.3 | those of OpenSSL's default (RFC 8446 9.1) |"
    yield (
        "| Certificates | X.509 in PEM files; the other side's is checked as both client and "
        "server, its validity and, as a client, its name (subjectAltName, else common name) |"
    )
    yield (
        "| Client authentication | required of callers (`tls.require_client_certificate`); our own "
        "certificate is shown to destinations that ask |"
    )
    yield (
        "| AE titles | may be bound to a certificate (its name or SHA-256), by configuration "
        "outside the profile |"
    )
    yield "| Resumption, renegotiation, compression, early data | not used |"
    yield ""
    yield (
        "TLS is strict: nothing is upgraded on the port without it, and neither side falls back. A "
        "failed handshake or integrity check ends the TCP connection; the upper layer then sees "
        "A-P-ABORT, with provider reason 0 (not specified). Deviations and limits: certificate "
        "revocation (RFC 9325 7.5) is not checked, neither lists nor OCSP; the strength of another "
        "system's key is left to OpenSSL's security level."
    )
    yield ""


def _storage_classes() -> Iterator[str]:
    yield "## Storage SOP classes accepted by name"
    yield ""
    for context in acceptor_contexts():
        uid = UID(str(context.abstract_syntax))
        if uid in (VERIFICATION, STORAGE_COMMITMENT):
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
