"""What the delivering process does when it is asked: talk to a peer or a destination once."""

import os
from collections.abc import Mapping
from functools import partial
from socket import gethostname
from typing import Any

from dicom_node.channels import caller_of
from dicom_node.checks import Checked, ask_destination, echo_peer, failed
from plugin.desk import Desk
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.domain.request import RequestKind
from plugin.machine import LoadMeter
from plugin.registry import Registry
from plugin.registry.requests import RequestRecord
from plugin.settings import Settings


def make_desk(settings: Settings, registry: Registry) -> Desk:
    """Make the desk of the delivering process."""
    handlers = {
        RequestKind.ECHO_PEER: partial(_echo, settings, registry),
        RequestKind.TEST_DESTINATION: partial(_test, settings, registry),
    }
    meter = LoadMeter()
    name = f"{gethostname()}:{os.getpid()}"
    return Desk(registry, name, "deliver", handlers, meter.look)


def _echo(settings: Settings, registry: Registry, request: RequestRecord) -> Mapping[str, Any]:
    peer = registry.peers.get(str(request.asked["ae_title"]))
    if peer is None:
        raise ConfigurationError(Reason.NOT_FOUND, "peer")
    caller = caller_of(settings)
    try:
        checked = Checked(is_good=True, lines=(echo_peer(peer, caller),))
    except TransientError as error:
        checked = failed(error, caller)
    return checked.to_dict()


def _test(settings: Settings, registry: Registry, request: RequestRecord) -> Mapping[str, Any]:
    destination = registry.destinations.get(str(request.asked["name"]))
    if destination is None:
        raise ConfigurationError(Reason.NOT_FOUND, "destination")
    caller = caller_of(settings)
    try:
        checked = Checked(is_good=True, lines=ask_destination(destination, caller))
    except TransientError as error:
        return failed(error, caller).to_dict()
    registry.health.answered(destination.id)
    return checked.to_dict()
