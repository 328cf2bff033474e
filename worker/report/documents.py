"""What every document of ours says besides its content: who observed, and what was requested.

References
----------
DICOM PS3.16 TID 1004 (Device Observer), PS3.3 C.17.2 (Referenced Request Sequence).
"""

from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary

from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME, derive_uid
from worker.report.copying import copied_items, copy_attributes, empty_attributes
from worker.report.header import request_attributes
from worker.report.identity import AnalysisIdentity

_REQUEST_TYPE_2 = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)


def observer(identity: AnalysisIdentity) -> ObserverContext:
    """Return the device observer; one UID per version of software and bundle."""
    return ObserverContext(
        observer_type=dictionary.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", identity.software_version, identity.bundle_digest),
            name=MODEL_NAME,
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
            serial_number=f"{identity.software_version} {identity.bundle}",
        ),
    )


def referenced_requests(reference: Dataset) -> list[Dataset]:
    """Return Referenced Request items for the requests that an image header names."""
    requests = []
    for attributes in request_attributes(reference):
        request = Dataset()
        request.StudyInstanceUID = str(reference.StudyInstanceUID)
        request.ReferencedStudySequence = []
        copy_attributes(reference, request, ("AccessionNumber",))
        copy_attributes(attributes, request, _REQUEST_TYPE_2)
        empty_attributes(request, _REQUEST_TYPE_2)
        request.RequestedProcedureCodeSequence = copied_items(
            attributes, "RequestedProcedureCodeSequence"
        )
        requests.append(request)
    return requests
