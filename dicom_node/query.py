"""Asking an archive whether it has what it took, object by object (C-FIND).

For archives without Storage Commitment. What is found is there now; that it is kept is not said.

References
----------
DICOM PS3.4 C.4.1 (C-FIND), C.6.2 (Study Root).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydicom import Dataset

from dicom_node.association import Caller, open_service
from dicom_node.contexts import STUDY_ROOT_FIND
from dicom_node.statuses import NOT_OFFERED, SUCCESS
from plugin.domain.errors import Reason, TransientError
from plugin.registry import DeliveryRecord, DestinationRecord

_PENDING = (0xFF00, 0xFF01)
_MAXIMUM_ANSWERS = 10_000  # of one series of ours; more is an archive gone mad


def find_instances(
    destination: DestinationRecord, deliveries: Iterable[DeliveryRecord], caller: Caller
) -> set[str]:
    """Return the SOP Instance UIDs of those objects that the archive has.

    Raises
    ------
    TransientError
        ``QUERY_NOT_OFFERED``; ``QUERY_FAILED`` for an error of the moment or no answer; or there
        was no association.
    """
    series = sorted({(one.study_instance_uid, one.series_instance_uid) for one in deliveries})
    not_offered = Reason.QUERY_NOT_OFFERED
    with open_service(destination, caller, STUDY_ROOT_FIND, not_offered) as association:
        return {uid for key in series for uid in _instances_of(association, key)}


def _instances_of(association: Any, series: Sequence[str]) -> set[str]:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID, query.SeriesInstanceUID = series
    query.SOPInstanceUID = ""
    found: set[str] = set()
    status = None
    for n_answers, (answer, identifier) in enumerate(_answers(association, query)):
        status = answer.get("Status")
        if status in _PENDING and n_answers < _MAXIMUM_ANSWERS:
            if identifier is not None:
                found.add(str(identifier.get("SOPInstanceUID", "")))
            continue
        break
    if status is None:
        raise TransientError(Reason.QUERY_FAILED, "no answer to C-FIND")
    if status in NOT_OFFERED:
        raise TransientError(Reason.QUERY_NOT_OFFERED, f"status {int(status):04X}")
    if status != SUCCESS:
        association.abort()  # it may go on answering
        raise TransientError(Reason.QUERY_FAILED, f"status {int(status):04X}")
    return found


def _answers(association: Any, query: Dataset) -> Iterable[Any]:
    try:
        yield from association.send_c_find(query, STUDY_ROOT_FIND)
    except (RuntimeError, ValueError):  # the association ended in this moment
        yield Dataset(), None
