"""Which attributes carry clinical text, in the order in which a reader wants to see them.

References
----------
DICOM PS3.3 C.4.8, C.4.11 and C.7.2.2 (Visit Admission, Requested Procedure, Patient Study),
C.7.1.4 (Patient Medical), C.7.2.1 (General Study), 10.6 (Request Attributes).
"""

from dataclasses import dataclass

from worker.clinical.types import Topic

REQUEST = "RequestAttributesSequence"


@dataclass(frozen=True, slots=True)
class Source:
    """One attribute; ``inside`` is the sequence whose items may hold it as well."""

    topic: Topic
    keyword: str
    inside: str | None = None
    is_coded: bool = False


SOURCES: tuple[Source, ...] = (
    Source(Topic.REASON, "ReasonForTheRequestedProcedure", REQUEST),
    Source(Topic.REASON, "ReasonForRequestedProcedureCodeSequence", REQUEST, is_coded=True),
    Source(Topic.REASON, "ReasonForVisit"),
    Source(Topic.REASON, "ReasonForVisitCodeSequence", is_coded=True),
    Source(Topic.REASON, "ReasonForStudy"),
    Source(Topic.REASON, "ReasonForTheImagingServiceRequest", REQUEST),
    Source(Topic.DIAGNOSIS, "AdmittingDiagnosesDescription"),
    Source(Topic.DIAGNOSIS, "AdmittingDiagnosesCodeSequence", is_coded=True),
    Source(Topic.HISTORY, "AdditionalPatientHistory"),
    Source(Topic.ALERT, "MedicalAlerts"),
    Source(Topic.ALERT, "Allergies"),
    Source(Topic.PROCEDURE, "RequestedProcedureDescription", REQUEST),
    Source(Topic.PROCEDURE, "RequestedProcedureCodeSequence", REQUEST, is_coded=True),
    Source(Topic.PROCEDURE, "StudyDescription"),
    Source(Topic.PROCEDURE, "ProcedureCodeSequence", is_coded=True),
    Source(Topic.COMMENT, "PatientComments"),
    Source(Topic.COMMENT, "PatientState"),
    Source(Topic.COMMENT, "StudyComments"),
    Source(Topic.COMMENT, "RequestedProcedureComments", REQUEST),
    Source(Topic.COMMENT, "ImagingServiceRequestComments"),
    Source(Topic.COMMENT, "VisitComments"),
)
