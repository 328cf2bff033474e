"""The parts of the conformance statement around its services: model, network, settings, objects.

``dicom_node.conformance`` puts them in their places.

References
----------
DICOM PS3.2 A.4.1 (implementation model), A.4.3 and A.4.4 (network interfaces, configuration), A.5
to A.8 (media, character sets, security, annexes).
"""

from collections.abc import Iterator

from pydicom.uid import UID

from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME
from plugin.domain.objects import KINDS
from plugin.settings import DeliverySettings, NodeSettings


def model() -> Iterator[str]:
    """Yield the application entities and how data flow between them."""
    yield "## Implementation model"
    yield ""
    yield "| application entity | real-world activity | order |"
    yield "|---|---|---|"
    yield (
        "| node (acceptor) | a modality, archive or router stores images; an archive reports what "
        "it commits to | the answer to C-STORE follows the write to the disk |"
    )
    yield (
        "| delivery (requestor) | the results of an analysis go to each destination; it is asked "
        "whether it keeps them; an administrator tests a destination | after the study was "
        "complete and analysed: store, then commitment or query, until each object is at rest |"
    )
    yield ""
    yield (
        "Both use the AE title `node.ae_title`. Nothing is retrieved (no C-MOVE, C-GET, WADO-RS): "
        "images must be sent to the node. Modality Worklist, MPPS and Print are not used."
    )
    yield ""


def network() -> Iterator[str]:
    """Yield interfaces, association policies and what can be configured, with defaults."""
    yield "## Network and configuration"
    yield ""
    yield (
        "DICOM upper layer over TCP/IP, IPv4 or IPv6 as the operating system resolves host names. "
        "AE titles, addresses and ports of other systems are kept in the registry (`cmr-triage "
        "peer`, `cmr-triage destination`, or the administration page) and hold from the next "
        "association on. One association at a time is opened to a destination. Local settings:"
    )
    yield ""
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for section, fields in (("node", NodeSettings), ("delivery", DeliverySettings)):
        for name, field in fields.model_fields.items():
            default = field.get_default(call_default_factory=False)
            yield f"| `{section}.{name}` | `{default}` | {field.description} |"
    yield ""


def annexes() -> Iterator[str]:
    """Yield media, character sets, and what the created objects hold."""
    yield "## Media interchange"
    yield ""
    yield "Not supported."
    yield ""
    yield "## Character sets"
    yield ""
    yield (
        "Received: any, kept as they are. Created objects: `ISO_IR 192` (UTF-8), whatever the "
        "images have; names keep their component groups."
    )
    yield ""
    yield "## Created objects"
    yield ""
    yield "| object | SOP class | transfer syntax | to a new destination |"
    yield "|---|---|---|---|"
    for kind in KINDS:
        uid, syntax = UID(kind.sop_class_uid), UID(kind.transfer_syntax_uid)
        sent = "yes" if kind.by_default else "when chosen"
        yield f"| {kind.name}: {kind.meaning} | {uid.name} | {syntax.name} | {sent} |"
    yield ""
    yield (
        f"All are standard classes without private attributes. Manufacturer is {MANUFACTURER}, "
        f"Manufacturer's Model Name {MODEL_NAME}; patient and study are copied from the images, "
        "empty where they are empty. Templates: TID 1500, 1501, 1502, 1410, 300, 1204, 4019 "
        "(reports), 2010 (Key Object Selection). Codes: SCT, LN, DCM, UCUM, UMLS, RADLEX, and "
        "the private scheme 99CMRTRIAGE, which Coding Scheme Identification Sequence names; all "
        "are listed in [Codes](objects/codes.md). What each object holds: "
        "[Results](results.md). Which profile of IHE is claimed: [IHE AI Results](objects/ihe-"
        "air.md). Images are not displayed by this software as a workstation does; the "
        "Grayscale Standard Display Function is not claimed."
    )
    yield ""
