"""Logs: a secret sent through every path never comes out; what is allowed does."""

import ast
import io
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog

from plugin import logs
from plugin.domain.errors import Reason, StudyRejectedError, TransientError
from plugin.registry import Registry
from plugin.settings import NodeSettings

SECRET = "Geheim^Gudrun"
JOB = "3014551e-f7cb-4c29-85e6-502abe412035"
REPOSITORY = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.fixture
def lines():
    """Configure logging into memory."""
    stream = io.StringIO()
    for name in ("pynetdicom", "pynetdicom.acse"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logs.configure("debug", "test", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    assert SECRET not in stream.getvalue()
    assert SECRET.split("^", maxsplit=1)[0] not in stream.getvalue()


def test_a_line_says_who_when_and_what(lines):
    logs.get_logger("dicom_node.server").info(
        "job_claimed", job_id=JOB, fence=2, n_instances=250, took_ms=3.5, reason=Reason.DISK_FULL
    )
    (line,) = lines()
    timestamp = line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert line == {
        "event": "job_claimed",
        "process": "test",
        "module": "dicom_node.server",
        "level": "info",
        "job_id": JOB,
        "fence": 2,
        "n_instances": 250,
        "took_ms": 3.5,
        "reason": "disk_full",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"patient_name": SECRET},
        {"study_instance_uid": "1.2.3." + SECRET},
        {"job_id": SECRET},
        {"reason": "Geheim"},
        {"process": SECRET},
        {"calling_ae_title": SECRET * 3},
        {"sop_class_uid": "2.25." + SECRET},
        {"error": ValueError(SECRET)},
        {"n_instances": SECRET},
        {"n_instances": [SECRET]},
        {"study": {"name": SECRET}},
        {SECRET: 1},
        {"address": SECRET},
        {"library": SECRET},
        {"stack_info": True, "detail": SECRET},
        {"exception": SECRET},
        {"event_dict": SECRET},
        {"_record": SECRET},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_is_not_allowed_is_left_out_and_counted(lines, values):
    logs.get_logger("plugin.x").info("something", **values)
    (line,) = lines()
    assert line["event"] == "something"
    if "process" not in values and "exception" not in values:
        assert line["n_withheld"] == 1


@pytest.mark.parametrize(
    "event", [SECRET, f"study_of_{SECRET}", "two words", "1.2.840.113619.2", "id_19450312", "A"]
)
def test_an_event_is_a_fixed_name(lines, event):
    logs.get_logger("plugin.x").info(event)
    assert lines()[0]["event"] == "event_withheld"


def test_formatting_into_an_event_is_left_out(lines):
    logs.get_logger("plugin.x").info("study_of %s", SECRET)
    assert lines()[0]["event"] == "event_withheld"


def test_bound_values_and_context_pass_the_same_list(lines):
    structlog.contextvars.bind_contextvars(patient_id=SECRET, job_id=JOB)
    logs.get_logger("plugin.x").bind(name=SECRET).warning("something")
    structlog.contextvars.clear_contextvars()
    (line,) = lines()
    assert line["job_id"] == JOB
    assert line["n_withheld"] == 2


def _raise(error):
    local_with_the_name = SECRET
    raise error from ValueError(local_with_the_name)


@pytest.mark.parametrize("how", ["exception", "exc_info", "given"])
def test_an_exception_is_its_class_reason_and_place(lines, how):
    log = logs.get_logger("plugin.x")
    try:
        _raise(StudyRejectedError(Reason.MIXED_PATIENTS, SECRET))
    except StudyRejectedError as error:
        if how == "exception":
            log.exception("step_failed")
        elif how == "exc_info":
            log.warning("step_failed", exc_info=True)
        else:
            log.error("step_failed", exc_info=error)
    (line,) = lines()
    assert line["error_class"] == "StudyRejectedError"
    assert line["reason"] == "mixed_patients"
    assert "test_logs:" in line["error_at"]


def test_the_place_of_an_error_is_in_our_code(lines):
    try:
        Registry("postgresql+psycopg://me@127.0.0.1:1/none?connect_timeout=1").check()
    except TransientError as error:
        logs.get_logger("plugin.x").error("step_failed", exc_info=error)
    assert lines()[0]["error_at"].startswith("plugin.registry.")


def test_libraries_only_say_who_they_are(lines):
    library = logging.getLogger("pynetdicom.acse")
    library.warning("patient %s", SECRET)
    library.error(SECRET, exc_info=ValueError(SECRET))
    library.info(SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, UserWarning, stacklevel=1)
    first, second, third = lines()
    assert (first["event"], first["library"]) == ("library_message", "pynetdicom.acse")
    assert second["error_class"] == "ValueError"
    assert third["library"] == "py.warnings"


def test_a_library_with_its_own_handler_is_taken_over(lines, capfd):
    library = logging.getLogger("own.handler")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    logs.configure("info", "test", io.StringIO())
    library.error(SECRET)
    assert SECRET not in capfd.readouterr().err


def test_settings_and_database_errors_hold_no_values(lines):
    for fail in (
        lambda: NodeSettings(port=SECRET),
        lambda: NodeSettings(**{SECRET: 1}),
    ):
        try:
            fail()
        except ValueError as error:
            logs.get_logger("plugin.x").error("step_failed", exc_info=error)
    assert [line["error_class"] for line in lines()] == ["ValidationError"] * 2


CRASH = f"""
import sys, threading
from plugin import logs
logs.configure("info", "crashing")
thread = threading.Thread(target=lambda: int("{SECRET}"))
thread.start(); thread.join()
class Bad:
    def __del__(self): int("{SECRET}")
Bad()
int("{SECRET}")
"""


def test_a_crash_prints_no_values():
    done = subprocess.run(
        [sys.executable, "-c", CRASH], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode != 0
    assert SECRET not in done.stdout + done.stderr
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["thread_crashed", "error_ignored", "process_crashed"]


def test_before_configuration_nothing_slips_through_either():
    code = (
        "from plugin.logs import get_logger\n"
        f"get_logger('x').error('something', patient_name='{SECRET}')\n"
        "get_logger('x').info('quiet')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout == ""
    assert SECRET not in done.stderr
    assert json.loads(done.stderr)["event"] == "something"


def _log_calls():
    for package in ("plugin", "dicom_node", "worker"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"log", "_log", "logger", "LOG"}
                ):
                    yield f"{path.relative_to(REPOSITORY)}:{node.lineno}", node


def _is_fixed(event):
    if isinstance(event, ast.IfExp):
        return _is_fixed(event.body) and _is_fixed(event.orelse)
    return isinstance(event, ast.Constant) and bool(logs._EVENT.fullmatch(str(event.value)))


def test_every_log_call_of_ours_passes_the_list():
    faults = []
    for place, call in _log_calls():
        (event,) = call.args if len(call.args) == 1 else (None,)
        if not _is_fixed(event):
            faults.append(f"{place}: the event is not one fixed snake_case name")
        for keyword in call.keywords:
            name = keyword.arg or "**"
            known = name in logs.TEXT_KEYS or name in logs.NUMBER_KEYS or name == "exc_info"
            if not known and not logs._NUMBER_KEY.fullmatch(name):
                faults.append(f"{place}: {name} is not in the allow-list of plugin.logs")
    assert faults == []


def test_nobody_goes_around_the_list():
    faults = []
    for package in ("plugin", "dicom_node", "worker"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            text = path.read_text()
            if "structlog.get_logger" in text and path.name != "logs.py":
                faults.append(f"{path.relative_to(REPOSITORY)}: use plugin.logs.get_logger")
    assert faults == []
