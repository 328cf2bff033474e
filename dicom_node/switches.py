"""The switches that pynetdicom has for a whole process, set in one place.

References
----------
pynetdicom's ``_config``: each of them is a module variable, so each process of ours sets all.
"""

import logging

from pynetdicom import _config


def set_process_switches() -> None:
    """Prepare this process for speaking DICOM; harmless when repeated.

    * Storage classes that pynetdicom does not know are accepted, in any transfer syntax: the
      first one that the sender proposes, so images stay as the sender has them.
    * Files are sent from disk to socket without decoding.
    * pynetdicom logs nothing: its records hold datasets and exception texts.
    """
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    logger = logging.getLogger("pynetdicom")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
