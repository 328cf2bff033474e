"""From a UPS work item to orders: one per request that it names.

Reads DICOM JSON, which a Part 10 file is first made into. Names and numbers of the patient are not
read.

References
----------
DICOM PS3.3 C.30.2 and C.30.4 (priority, state, referenced requests), PS3.4 CC.2; PS3.18 F (JSON).
"""

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import pydicom

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.identifiers import is_valid_uid
from plugin.domain.order import ImagingOrder
from plugin.domain.triage import IncomingPriority, OrderSource, PatientClass
from plugin.domain.triage.flags import flags_of
from plugin.orders.limits import (
    MAXIMUM_CHARACTERS,
    MAXIMUM_ORDERS,
    MAXIMUM_REASON_CHARACTERS,
    MAXIMUM_REASONS,
)
from plugin.orders.moments import moment_of
from plugin.orders.priorities import EMERGENT, PRIORITY_CONCEPT, UPS_PRIORITIES, as_written

_UPS_CLASSES = "1.2.840.10008.5.1.4.34.6."
_PREAMBLE_BYTES = 128

_SOP_CLASS_UID, _SOP_INSTANCE_UID = "00080016", "00080018"
_ACCESSION_NUMBER, _ACCESSION_ISSUER = "00080050", "00080051"
_LOCAL_NAMESPACE, _UNIVERSAL_ENTITY = "00400031", "00400032"
_STUDY_INSTANCE_UID = "0020000D"
_ADMITTING_DIAGNOSES = "00081080"
_ADMISSION_ID = "00380010"
_PRIORITY, _STATE = "00741200", "00741000"
_PARAMETERS, _CONCEPT_NAME, _CONCEPT_CODE = "00741210", "0040A043", "0040A168"
_CODE_VALUE = "00080100"
_REFERENCED_REQUEST, _INPUT_INFORMATION = "0040A370", "00404021"
_REQUESTED_PROCEDURE_ID, _REASON = "00401001", "00401002"
_REASON_CODE, _CODE_MEANING = "0040100A", "00080104"
_PLACER_NUMBER, _FILLER_NUMBER = "00402016", "00402017"
_MODIFIED_AT = "00404010"
_CANCELED = "CANCELED"

_Item = Mapping[str, Any]


def is_part10(data: bytes) -> bool:
    """Tell whether data are a DICOM file."""
    return data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM"


def is_json(data: bytes) -> bool:
    """Tell whether data begin as JSON of datasets does."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def read_part10(data: bytes, now: datetime) -> list[ImagingOrder]:
    """Read a work item from a DICOM file; raises as ``read_json``."""
    try:
        # pydicom's warnings print values, which are patient data.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
            item = dataset.to_json_dict(suppress_invalid_tags=True)
    except Exception:  # noqa: BLE001  a broken value can make pydicom raise nearly anything
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD, "DICOM") from None
    return _orders_of_all([item], now)


def read_json(data: bytes, now: datetime) -> list[ImagingOrder]:
    """Read one work item or an array of them.

    Parameters
    ----------
    now
        Counts for a work item that does not tell when it was changed last.

    Raises
    ------
    OrderRejectedError
        ``ORDER_NOT_UNDERSTOOD``, or ``ORDER_OF_OTHER_KIND`` when none is a UPS.
    """
    try:
        told = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD, "JSON") from None
    items = told if isinstance(told, list) else [told]
    if not all(isinstance(item, dict) for item in items):
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD, "JSON")
    return _orders_of_all(items, now)


def _orders_of_all(items: list[_Item], now: datetime) -> list[ImagingOrder]:
    read = (order for item in items if _is_ups(item) for order in _orders(item, now))
    found = list(islice(read, MAXIMUM_ORDERS + 1))
    if not found:
        raise OrderRejectedError(Reason.ORDER_OF_OTHER_KIND, "no UPS")
    return found


def _is_ups(item: _Item) -> bool:
    return _text(item, _SOP_CLASS_UID).startswith(_UPS_CLASSES) or _PRIORITY in item


def _orders(item: _Item, now: datetime) -> Iterator[ImagingOrder]:
    priority, written = _priority(item)
    order = ImagingOrder(
        OrderSource.UPS,
        moment_of(_text(item, _MODIFIED_AT)) or now,
        work_item_uid=_uid(item, _SOP_INSTANCE_UID),
        priority=priority,
        written=written,
        patient_class=PatientClass.INPATIENT if _text(item, _ADMISSION_ID) else None,
        is_cancelled=_text(item, _STATE) == _CANCELED,
    )
    inputs = {_uid(one, _STUDY_INSTANCE_UID) for one in _items(item, _INPUT_INFORMATION)} - {""}
    of_item = _uid(item, _STUDY_INSTANCE_UID) or (inputs.pop() if len(inputs) == 1 else "")
    for request in _items(item, _REFERENCED_REQUEST) or [item]:
        yield replace(
            order,
            placer_number=_text(request, _PLACER_NUMBER),
            filler_number=_text(request, _FILLER_NUMBER),
            accession_number=_text(request, _ACCESSION_NUMBER),
            accession_issuer=_issuer(request),
            requested_procedure_id=_text(request, _REQUESTED_PROCEDURE_ID),
            study_instance_uid=_uid(request, _STUDY_INSTANCE_UID) or of_item,
            text_flags=flags_of(islice(_reasons(item, request), MAXIMUM_REASONS)),
        )


def _priority(item: _Item) -> tuple[IncomingPriority | None, str]:
    """Return the priority; among HIGH ones a coded Priority of Emergent tells STAT."""
    code = _text(item, _PRIORITY).upper()
    found = UPS_PRIORITIES.get(code)
    values = {
        _text(value, _CODE_VALUE)
        for parameter in _items(item, _PARAMETERS)
        if any(
            _text(name, _CODE_VALUE) == PRIORITY_CONCEPT
            for name in _items(parameter, _CONCEPT_NAME)
        )
        for value in _items(parameter, _CONCEPT_CODE)
    }
    written = as_written("UPS", code) if code else ""
    if found is IncomingPriority.HIGH and EMERGENT in values:
        return IncomingPriority.STAT, f"{written}, Emergent"
    return found, written


def _reasons(item: _Item, request: _Item) -> Iterator[str]:
    for holder in (request, item):
        yield _text(holder, _REASON, MAXIMUM_REASON_CHARACTERS)
        for code in _items(holder, _REASON_CODE):
            yield _text(code, _CODE_MEANING)
    yield _text(item, _ADMITTING_DIAGNOSES, MAXIMUM_REASON_CHARACTERS)


def _issuer(request: _Item) -> str:
    issuer = next(iter(_items(request, _ACCESSION_ISSUER)), {})
    return f"{_text(issuer, _LOCAL_NAMESPACE)}^{_text(issuer, _UNIVERSAL_ENTITY)}".rstrip("^")


def _values(item: _Item, tag: str) -> list[Any]:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _items(item: _Item, tag: str) -> list[_Item]:
    return [one for one in _values(item, tag) if isinstance(one, dict)]


def _text(item: _Item, tag: str, maximum: int = MAXIMUM_CHARACTERS) -> str:
    value = next(iter(_values(item, tag)), "")
    if not isinstance(value, str | int):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in str(value))
    return printable.strip()[:maximum]


def _uid(item: _Item, tag: str) -> str:
    uid = _text(item, tag)
    return uid if is_valid_uid(uid) else ""
