"""What every test gets: the process-wide switches of logging and pynetdicom as they were."""

import logging
import sys
import threading

import pytest
from pynetdicom import _config

from plugin import logs

_SWITCHES = ("UNRESTRICTED_STORAGE_SERVICE", "STORE_SEND_CHUNKED_DATASET", "LOG_HANDLER_LEVEL")


@pytest.fixture(autouse=True)
def process_as_it_was():
    """Undo what entry points do to the whole process (logging, crash hooks, pynetdicom)."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    switches = {name: getattr(_config, name) for name in _SWITCHES}
    loggers = {
        name: (logger.handlers[:], logger.propagate, logger.level)
        for name in logging.root.manager.loggerDict
        for logger in (logging.getLogger(name),)
    }
    yield
    root.handlers[:], root.level = before
    for name, (handlers, propagate, level) in loggers.items():
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for name, value in switches.items():
        setattr(_config, name, value)
    logging.captureWarnings(capture=False)
    logs._configure_structlog(logging.WARNING, "cmr-triage", logs._StandardError())
