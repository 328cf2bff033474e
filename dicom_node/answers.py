"""Keeping answers and requests that pynetdicom loses where both sides ask on one association.

An association of pynetdicom has a thread that serves what comes in. A request of ours pauses it,
but takes it for paused a moment too early: a thread that is just passing the checkpoint goes on,
finds our answer in the queue, takes it for a request and drops it. The answer is then missed until
the DIMSE timeout, and the association is aborted although the other side did everything right.

The other way round, a request of the other side that comes before the answer to ours (an archive
that reports a Storage Commitment before it answers the request for it) is taken for that answer,
and the association is aborted too.

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


def keep_requests(association: Any) -> None:
    """Have a request of ours that waits for its answer pass over requests of the other side.

    They are served when the answer is there.
    """
    get_message = association.dimse.get_msg

    def get_answer(block: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
        passed_over = []
        while True:
            context_id, message = get_message(block)
            if not block or message is None or not message.is_valid_request:
                break
            passed_over.append((context_id, message))
        for item in passed_over:
            association.dimse.msg_queue.put(item)
        return context_id, message

    association.dimse.get_msg = get_answer
