"""Logs: one JSON object per line on standard error, from an allow-list of keys.

A log line never holds patient data, a raw UID or the text of an exception, because libraries put
such values into their messages (pydicom, pynetdicom, pydantic, SQLAlchemy, Celery). What is not
allowed is not masked but left out, and counted in ``n_withheld``. Messages of libraries are
reduced to who spoke, how loud, and the class of the error.

Write ``log.info("job_claimed", job_id=job.id, n_instances=12)``: the event is a fixed name.
"""

import io
import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

import structlog

from plugin.domain.errors import Reason, TriageError

_PACKAGES = ("plugin", "dicom_node", "worker")
_EVENT = re.compile(r"[a-z]+(_[a-z]+|_\d{1,2}){0,12}")
_WITHHELD_EVENT = "event_withheld"

# Kinds of text that cannot name a person.
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{8,64}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:<>-]{0,79}")
_AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
_ADDRESS = re.compile(r"[A-Za-z0-9.:%_-]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9.+_-]{1,40}")
_STANDARD_UID = re.compile(r"1\.2\.840\.10008(\.[0-9]{1,5}){1,10}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")

# Every key that may be logged as text, with what its text looks like.
TEXT_KEYS: Mapping[str, re.Pattern[str]] = {
    "address": _ADDRESS,
    "ae_title": _AE_TITLE,
    "association_id": _UUID,
    "bundle": _NAME,
    "called_ae_title": _AE_TITLE,
    "calling_ae_title": _AE_TITLE,
    "destination": _NAME,
    "device": _WORD,
    "error_at": _WORD,
    "error_class": _WORD,
    "error_type": _WORD,
    "host": _ADDRESS,
    "instead": _WORD,
    "job_id": _UUID,
    "kind": _WORD,
    "level": _WORD,
    "library": _WORD,
    "module": _WORD,
    "modality": re.compile(r"[A-Z]{2,8}"),
    "outcome": _WORD,
    "predecessor_job_id": _UUID,
    "process": _WORD,
    "reason": _WORD,
    "role": _WORD,
    "setting": _WORD,
    "signal": _WORD,
    "sop_class_uid": _STANDARD_UID,
    "stage": _WORD,
    "state": _WORD,
    "study_key": _HEX,
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z"),
    "transfer_syntax_uid": _STANDARD_UID,
    "version": _VERSION,
    "worker": _NAME,
}
# Keys whose text is one word of a fixed vocabulary in our code: an Enum, never free text.
_ENUM_KEYS = frozenset({"reason"})
# Numbers may be logged under these names, and as counts, durations and sizes.
NUMBER_KEYS = frozenset(
    {
        "attempt",
        "attempts",
        "exit_code",
        "fence",
        "generation",
        "phase",
        "pid",
        "port",
        "revision",
        "slice_index",
        "status",
        "threads",
    }
)
_NUMBER_KEY = re.compile(r"n_[a-z_]{1,40}|[a-z_]{1,40}_(ms|seconds|bytes|percent)|is_[a-z_]{1,40}")

Event = MutableMapping[str, Any]


def configure(level: str, process: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process, ours and those of libraries, through the allow-list.

    Parameters
    ----------
    level
        ``debug``, ``info``, ``warning`` or ``error``.
    process
        Name of the process (``node``, ``assemble``, ``worker`` ...), on every line.
    stream
        Standard error unless given.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    _configure_structlog(number, process, cast("TextIO", stream or _StandardError()))
    _take_over_libraries(max(number, logging.WARNING))
    _take_over_crashes()


def _configure_structlog(level: int, process: str, stream: TextIO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_process(process),
            _without_exception_text,
            allow_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that puts the module's ``name`` on every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def allow_listed(_logger: object, _method: str, event: Event) -> Event:
    """Keep what may be logged, drop and count the rest (a structlog processor)."""
    kept: dict[str, Any] = {}
    withheld = 0
    for key, value in event.items():
        if key == "event":
            continue
        plain = value.value if isinstance(value, Enum) else value
        if _may_pass(key, value, plain):
            kept[key] = plain
        else:
            withheld += value is not None
    name = event.get("event")
    fixed = isinstance(name, str) and _EVENT.fullmatch(name) is not None
    kept = {"event": name if fixed else _WITHHELD_EVENT, **kept}
    if withheld or not fixed:
        kept["n_withheld"] = withheld + (not fixed)
    return kept


def _may_pass(key: str, value: object, plain: object) -> bool:
    if isinstance(plain, bool | int | float):
        return key in NUMBER_KEYS or _NUMBER_KEY.fullmatch(key) is not None
    if key not in TEXT_KEYS or not isinstance(plain, str):
        return False
    if key in _ENUM_KEYS and not isinstance(value, Enum) and value not in set(Reason):
        return False
    return TEXT_KEYS[key].fullmatch(plain) is not None


def _with_process(process: str) -> Callable[[object, str, Event], Event]:
    def add(_logger: object, _method: str, event: Event) -> Event:
        event["process"] = process
        return event

    return add


def _without_exception_text(_logger: object, _method: str, event: Event) -> Event:
    """Replace an exception by its class, its reason and the line of ours where it came out."""
    given = event.pop("exc_info", None)
    for name in ("stack_info", "exception"):
        event.pop(name, None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event.update(describe_error(error))
    return event


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return what may be said about an exception: class, reason, place; never its text."""
    described: dict[str, Any] = {"error_class": type(error).__name__}
    if isinstance(error, TriageError):
        described["reason"] = error.reason
    place = _place(error.__traceback__)
    if place is not None:
        described["error_at"] = place
    return described


def _place(traceback: TracebackType | None) -> str | None:
    """Return ``module:line`` of the innermost frame in our packages, else of the innermost."""
    innermost, ours = None, None
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", Path(__file__).stem))
        innermost = f"{module}:{traceback.tb_lineno}"
        if module.partition(".")[0] in _PACKAGES:
            ours = innermost
        traceback = traceback.tb_next
    return ours or innermost


class _StandardError(io.TextIOBase):
    """Standard error as it is when a line is written: supervisors and tests replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Libraries(logging.Handler):
    """Records of the standard library's logging: who and how loud, never what."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(library=record.name)
        error = record.exc_info[1] if record.exc_info else None
        logger.log(record.levelno, "library_message", exc_info=error)


def _take_over_libraries(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    # A library that brought its own handler would print past us.
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True


def _take_over_crashes() -> None:
    def crashed(
        _kind: type[BaseException], error: BaseException, _traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, KeyboardInterrupt):
            get_logger(__name__).error("process_crashed", exc_info=error)

    def thread_crashed(arguments: threading.ExceptHookArgs) -> None:
        get_logger(__name__).error("thread_crashed", exc_info=arguments.exc_value)

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        get_logger(__name__).error("error_ignored", exc_info=arguments.exc_value)

    sys.excepthook = crashed
    threading.excepthook = thread_crashed
    sys.unraisablehook = unraisable


# structlog's own default prints everything on standard output; whoever imports this module gets
# the allow-list at once, before ``configure`` names the process.
_configure_structlog(logging.WARNING, "cmr-triage", cast("TextIO", _StandardError()))
