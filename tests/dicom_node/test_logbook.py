"""Notes are written in order, later than asked for, and never stop whoever asked."""

import threading

from dicom_node.logbook import Logbook
from plugin.domain.errors import Reason, TransientError


def test_notes_are_written_in_order_while_the_caller_goes_on():
    written, may_write = [], threading.Event()
    logbook = Logbook()
    logbook.open()
    logbook.write(may_write.wait)
    for number in range(5):
        logbook.write(lambda number=number: written.append(number))
    assert written == []
    may_write.set()
    assert logbook.close(10)
    assert written == list(range(5))


def test_note_that_cannot_be_written_stops_no_other(capfd):
    def lost():
        raise TransientError(Reason.REGISTRY_UNAVAILABLE)

    def faulty():
        message = "Secret^Person"
        raise ValueError(message)

    written = []
    logbook = Logbook()
    logbook.open()
    for note in (lost, faulty, lambda: written.append(1)):
        logbook.write(note)
    assert logbook.close(10)
    assert written == [1]
    captured = capfd.readouterr()
    assert "association_not_noted" in captured.err
    assert "Secret" not in captured.err + captured.out


def test_full_logbook_forgets_instead_of_waiting():
    may_write = threading.Event()
    logbook = Logbook(maximum_waiting=2)
    logbook.open()
    for _ in range(20):
        logbook.write(may_write.wait)
    assert not logbook.close(0.1)
    may_write.set()
    assert logbook.close(10)
