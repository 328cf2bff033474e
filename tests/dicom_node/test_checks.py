"""C-ECHO and the test of a destination, asked for through the registry and explained."""

import pytest

from dicom_node.requests import make_desk
from plugin.domain.errors import Reason
from plugin.domain.request import RequestKind, RequestState


def ask(settings, registry, kind, **asked):
    """Ask as a page does, serve once as the delivering process does."""
    request = registry.requests.ask(kind, asked, "admin", "it")
    assert make_desk(settings, registry).tick()
    return registry.requests.get(request.id)


def echo(settings, registry, **peer):
    registry.peers.add("THERE", **peer)
    return ask(settings, registry, RequestKind.ECHO_PEER, ae_title="THERE")


def test_peer_that_answers(settings, registry, node):
    registry.peers.add(settings.node.ae_title, host="127.0.0.1", port=node.port)
    asked = {"ae_title": settings.node.ae_title}
    answered = ask(settings, registry, RequestKind.ECHO_PEER, **asked)
    assert answered.answer["is_good"], answered
    assert "answers (" in answered.answer["lines"][0]


def test_port_on_which_nothing_listens_is_explained(settings, registry):
    answer = echo(settings, registry, host="127.0.0.1", port=1).answer
    assert answer["is_good"] is False
    assert "no connection" in answer["lines"][0]
    assert "firewalls" in answer["lines"][1]


def test_wrong_ae_title_is_explained(settings, registry, node):
    answer = echo(settings, registry, host="127.0.0.1", port=node.port).answer
    assert answer["is_good"] is False
    assert settings.node.ae_title in answer["lines"][1]


@pytest.mark.parametrize("asked", [{"ae_title": "NOBODY"}, {"ae_title": "ARCHIVE"}])
def test_peer_without_address_or_that_is_gone_is_refused(settings, registry, asked):
    answered = ask(settings, registry, RequestKind.ECHO_PEER, **asked)
    assert answered.state is RequestState.REFUSED
    assert answered.reason in {Reason.NOT_FOUND, Reason.SETTING_INVALID}


def test_destination_that_does_not_answer_is_explained(settings, registry):
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=1)
    answer = ask(settings, registry, RequestKind.TEST_DESTINATION, name="pacs").answer
    assert (answer["is_good"], len(answer["lines"])) == (False, 2)
