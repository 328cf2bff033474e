import pytest
from pynetdicom.sop_class import Verification

from dicom_node.server import Node
from plugin.domain.errors import ConfigurationError, Reason
from tests.dicom_node.images import associate, dataset_bytes, encoded, mr_image, send


def test_node_stores_bytes_exactly_and_a_complete_header(node, spool):
    image = mr_image()
    assert send(node.port, image) == [0x0000]
    (path,) = spool.incoming_files()
    assert dataset_bytes(path) == encoded(image)


def test_node_answers_echo(node):
    association = associate(node.port, contexts=[(Verification, None)])
    assert association.send_c_echo().Status == 0x0000
    association.release()


@pytest.mark.parametrize(
    ("calling", "called", "source", "diagnostic", "reason"),
    [
        ("STRANGER", "CMRTRIAGE", 1, 3, Reason.UNKNOWN_CALLING_AE_TITLE),
        ("ARCHIVE", "OTHER", 1, 7, Reason.WRONG_CALLED_AE_TITLE),
        ("ARCHIVE", "cmrtriage", 1, 7, Reason.WRONG_CALLED_AE_TITLE),
        ("archive", "CMRTRIAGE", 1, 3, Reason.UNKNOWN_CALLING_AE_TITLE),
    ],
)
def test_node_rejects_and_notes_the_title_that_was_used(
    node, registry, calling, called, source, diagnostic, reason
):
    association = associate(node.port, calling, called)
    assert association.is_rejected
    answer = association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (1, source, diagnostic)
    (noted,) = registry.associations.list_rejected()
    assert (noted.calling_ae_title, noted.called_ae_title, noted.reason) == (
        calling,
        called,
        reason,
    )
    assert noted.address == "127.0.0.1"


def test_node_rejects_disabled_peer_and_other_address_live(node, registry):
    registry.peers.edit("ARCHIVE", enabled=False)
    assert associate(node.port).is_rejected
    registry.peers.edit("ARCHIVE", enabled=True, host="192.0.2.7")
    assert associate(node.port).is_rejected
    registry.peers.edit("ARCHIVE", host="127.0.0.1")
    association = associate(node.port)
    assert association.is_established
    association.release()
    reasons = {noted.reason for noted in registry.associations.list_rejected()}
    assert reasons == {Reason.PEER_DISABLED, Reason.CALLING_ADDRESS_MISMATCH}


def test_node_says_port_in_use(node, settings, spool, registry):
    taken = settings.model_copy(
        update={"node": settings.node.model_copy(update={"port": node.port})}
    )
    with pytest.raises(ConfigurationError) as error:
        Node(taken, spool, registry).start()
    assert error.value.reason is Reason.PORT_IN_USE
    assert str(node.port) in str(error.value)
