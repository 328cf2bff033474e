"""Keeping the answers to our own requests, which pynetdicom can lose when the machine is busy.

An association of pynetdicom has a thread that serves what comes in. A request of ours pauses it,
but takes it for paused a moment too early: a thread that is just passing the checkpoint goes on,
finds our answer in the queue, takes it for a request and drops it. The answer is then missed until
the DIMSE timeout, and the association is aborted although the other side did everything right.

References
----------
pynetdicom 3.0.4, ``association.Association._run_reactor`` and ``send_c_store``.
"""

from typing import Any


def keep_answers(association: Any) -> None:
    """Have the serving thread put back an answer that it took by mistake.

    It does so at most once for a request: at its next turn it sees that it is paused.
    """
    serve = association._serve_request  # noqa: SLF001  there is no other place to stand

    def serve_requests_only(message: Any, context_id: int) -> None:
        if message.is_valid_response:
            association.dimse.msg_queue.put((context_id, message))
        else:
            serve(message, context_id)

    association._serve_request = serve_requests_only  # noqa: SLF001
