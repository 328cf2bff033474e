"""DICOMweb destinations: storing by STOW-RS, finding again by QIDO-RS.

The bytes that a job wrote are sent as they lie, one request for each object, so that each has its
own answer and no object is the fault of another. No redirect is followed and no proxy of the
environment is used: patient data and credentials go to the configured server or nowhere.

References
----------
DICOM PS3.18 10.5 (Store transaction), 10.6 (Search), PS3.18 I.2 (its response), RFC 2387
(multipart/related), RFC 7617 (Basic), RFC 6750 (Bearer).
"""

import secrets
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from dicom_node.association import Caller
from dicom_node.sender import SendResult, Verified, not_read
from dicom_node.statuses import Outcome, meaning_of_store_status
from dicom_node.tls import client_context, why_destination_failed
from plugin.domain.errors import Reason, TransientError
from plugin.registry import DeliveryRecord, DestinationRecord

_ANSWER_TIMEOUT_FACTOR = 6
_CHUNK_BYTES = 1 << 18
_STUDIES = "/studies"
_JSON = "application/dicom+json"
_SOP_INSTANCE_UID = "00080018"
_FAILED_SEQUENCE, _FAILURE_REASON = "00081198", "00081197"
_REFERENCED_SEQUENCE, _REFERENCED_UID = "00081199", "00081155"
_WARNING_REASON = "00081196"
_NO_SUCH_STUDY = "2.25.0"  # to ask without being told anything of a patient
_DUPLICATE, _PROCESSING_FAILURE = 0x0111, 0x0110

# What a status of the whole answer means where it names no object.
_HTTP_ANSWERS: dict[int, tuple[Outcome, Reason]] = {
    HTTPStatus.BAD_REQUEST: (Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
    HTTPStatus.CONFLICT: (Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (Outcome.DEAD, Reason.DESTINATION_REFUSED_INSTANCE),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (Outcome.DEAD, Reason.DESTINATION_NO_CONTEXT),
    HTTPStatus.TOO_MANY_REQUESTS: (Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES),
    HTTPStatus.INSUFFICIENT_STORAGE: (Outcome.RETRY, Reason.DESTINATION_OUT_OF_RESOURCES),
}


def send_objects(
    destination: DestinationRecord, deliveries: Sequence[DeliveryRecord], caller: Caller
) -> Generator[SendResult, None, None]:
    """Store objects one after the other, each with its own answer.

    Raises
    ------
    TransientError
        The server cannot be reached, is not trusted, or refuses the credentials.

    Yields
    ------
    SendResult
        As soon as each answer is there.
    """
    with _client(destination, caller) as client:
        for delivery in deliveries:
            yield _store(client, delivery)


def find_instances(
    destination: DestinationRecord, deliveries: Iterable[DeliveryRecord], caller: Caller
) -> set[str]:
    """Return the SOP Instance UIDs of those objects that the server has.

    Raises
    ------
    TransientError
        ``QUERY_NOT_OFFERED``, ``QUERY_FAILED``, or as ``send_objects``.
    """
    found = set()
    with _client(destination, caller) as client:
        for delivery in deliveries:
            path = (
                f"/studies/{delivery.study_instance_uid}/series/{delivery.series_instance_uid}"
                "/instances"
            )
            found |= _search(client, path, SOPInstanceUID=delivery.sop_instance_uid)
    return found


def verify(destination: DestinationRecord, caller: Caller) -> Verified:
    """Ask whether the server answers a search with our credentials.

    What it takes is only seen when something is stored.

    Raises
    ------
    TransientError
        As ``send_objects``.
    """
    started = time.monotonic()
    offers: tuple[str, ...] = ("query",)
    with _client(destination, caller) as client:
        try:
            _search(client, _STUDIES, StudyInstanceUID=_NO_SUCH_STUDY, limit="1")
        except TransientError as error:
            if error.reason not in (Reason.QUERY_NOT_OFFERED, Reason.QUERY_FAILED):
                raise
            offers = ()
    return Verified(time.monotonic() - started, {}, offers)


@contextmanager
def _client(destination: DestinationRecord, caller: Caller) -> Iterator[httpx.Client]:
    """Open a client; what goes wrong on the way is said without a URL or a header in it.

    The server is checked against the destination's own certificates, else those of the system.
    """
    seconds = caller.timeout_seconds
    timeout = httpx.Timeout(seconds * _ANSWER_TIMEOUT_FACTOR, connect=seconds)
    identity = replace(caller.identity, ca_file="")
    place = f"{destination.host}:{destination.port}"
    try:
        with httpx.Client(
            base_url=destination.url or "",
            headers={"Accept": _JSON, **_authorization(destination)},
            verify=client_context(identity, destination.ca_file),
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
        ) as client:
            yield client
    except httpx.HTTPError as error:
        known = why_destination_failed(error)
        if known is not None:
            reason, words = known
            raise TransientError(reason, f"{place}: {words}") from None
        kind = type(error).__name__
        raise TransientError(Reason.DESTINATION_UNREACHABLE, f"{place}: {kind}") from None


def _authorization(destination: DestinationRecord) -> dict[str, str]:
    """Read the credentials: ``user:password`` is Basic, anything without a colon is a token."""
    if destination.credentials_file is None:
        return {}
    try:
        text = Path(destination.credentials_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise TransientError(Reason.CREDENTIALS_UNREADABLE, destination.credentials_file) from None
    user, colon, password = text.partition(":")
    if not text or not text.isprintable():
        raise TransientError(Reason.CREDENTIALS_UNREADABLE, destination.credentials_file)
    if not colon:
        return {"Authorization": f"Bearer {text}"}
    basic = httpx.BasicAuth(user, password)
    request = next(basic.auth_flow(httpx.Request("GET", "http://nowhere.invalid")))
    return {"Authorization": request.headers["Authorization"]}


def _store(client: httpx.Client, delivery: DeliveryRecord) -> SendResult:
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    path = Path(delivery.path)
    try:
        n_bytes = path.stat().st_size
        answer = client.post(
            f"/studies/{delivery.study_instance_uid}",
            content=_body(head, path, tail),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Content-Length": str(len(head) + n_bytes + len(tail)),
            },
        )
    except OSError as error:  # of our file: those of the network are httpx's own
        return not_read(delivery, error)
    return _meaning(answer, delivery)


def _body(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
    yield tail


def _meaning(answer: httpx.Response, delivery: DeliveryRecord) -> SendResult:
    """Tell what an answer means for the object: its own entry first, then the HTTP status."""
    _refuse_strangers(answer)
    stored, status = _entry(answer, delivery.sop_instance_uid)
    if status is not None and not stored:
        meaning = meaning_of_store_status(status)
        # A failure entry is a failure whatever its number, except that the object is there already.
        if meaning.outcome is not Outcome.SENT or status == _DUPLICATE:
            return SendResult(delivery.id, meaning.outcome, meaning.reason, status)
        refused = Reason.DESTINATION_REFUSED_INSTANCE
        return SendResult(delivery.id, Outcome.DEAD, refused, status)
    # 202 says that there is something to say of an object, and says nothing of this one.
    if stored or answer.status_code in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        return SendResult(delivery.id, Outcome.SENT, None, status or 0)
    code = answer.status_code
    outcome, reason = _HTTP_ANSWERS.get(code, (Outcome.RETRY, Reason.DESTINATION_REFUSED_INSTANCE))
    return SendResult(delivery.id, outcome, reason, code)


def _refuse_strangers(answer: httpx.Response) -> None:
    """Raise where not the object but we are refused, or the service is down or elsewhere."""
    code = answer.status_code
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise TransientError(Reason.DESTINATION_REFUSED_CREDENTIALS, f"HTTP {code}")
    if (
        code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        or answer.is_redirect
        or code in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    ):
        raise TransientError(Reason.DESTINATION_UNREACHABLE, f"HTTP {code}")


def _entry(answer: httpx.Response, uid: str) -> tuple[bool, int | None]:
    """Return whether the answer lists the object as stored, and its warning or failure reason."""
    content = _json(answer)
    if not isinstance(content, dict):
        return False, None
    for item in _items(content, _FAILED_SEQUENCE):
        if _value(item, _REFERENCED_UID) in (uid, None):
            reason = _value(item, _FAILURE_REASON)
            return False, reason if isinstance(reason, int) else _PROCESSING_FAILURE
    for item in _items(content, _REFERENCED_SEQUENCE):
        if _value(item, _REFERENCED_UID) == uid:
            reason = _value(item, _WARNING_REASON)
            return True, reason if isinstance(reason, int) else None
    return False, None


def _search(client: httpx.Client, path: str, **query: str) -> set[str]:
    """Return the SOP Instance UIDs of a search; nothing found is an empty set."""
    answer = client.get(path, params=query)
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return set()
    if answer.status_code == HTTPStatus.NOT_FOUND and path != _STUDIES:
        return set()  # some say so of a study or series that they do not have
    if answer.status_code in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED):
        raise TransientError(Reason.QUERY_NOT_OFFERED, f"HTTP {answer.status_code}")
    _refuse_strangers(answer)
    content = _json(answer)
    if answer.status_code != HTTPStatus.OK or not isinstance(content, list):
        raise TransientError(Reason.QUERY_FAILED, f"HTTP {answer.status_code}")
    return {str(_value(item, _SOP_INSTANCE_UID)) for item in content if isinstance(item, dict)}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:  # no JSON, or bytes that are no text
        return None


def _items(content: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    """Return the items of a sequence of the DICOM JSON model (PS3.18 F.2)."""
    element = content.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []


def _value(item: dict[str, Any], tag: str) -> Any:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None
