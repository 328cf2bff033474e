"""The queue: Celery on Redis, carrying one job id per message and nothing else.

A message is a hint, not a promise: the registry decides who works on what. So messages are
acknowledged early, a lost one is hinted again by the assembler's sweep, a double one finds the job
taken, and Celery's retries, results and visibility timeout have no say.
"""

from typing import Any

from celery import Celery
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from plugin.domain.errors import Reason, TransientError
from plugin.settings import Settings

QUEUE_NAME = "analyse"
ANALYSE_TASK = "analyse"
_TIMEOUT_SECONDS = 0.8
_MODEL_LOAD_SECONDS = 120.0


def make_app(settings: Settings) -> Celery:
    """Make the Celery application of one process; workers add their task to it."""
    app = Celery("cmr-triage", broker=settings.queue_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE_NAME,
        # Only JSON: whoever reaches the broker must not be able to run code by a pickle.
        task_serializer="json",
        accept_content=["json"],
        # Results and their exception texts would put values of patients into Redis and logs.
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # The lease in the registry rules, so a message is done with as soon as it is read and
        # Redis' visibility timeout (which would deliver long tasks twice) never matters.
        task_acks_late=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_pool="prefork",
        worker_concurrency=1,
        worker_proc_alive_timeout=_MODEL_LOAD_SECONDS,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # A worker waits for a broker that is not there yet; it does not give up.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # plugin.logs owns the logging of every process.
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Nobody asks workers anything through the broker; events would repeat arguments there.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        task_send_sent_event=False,
        enable_utc=True,
    )
    return app


def send_analyse(app: Celery, job_id: str) -> None:
    """Hint that a job waits; returns or raises within two seconds.

    Raises
    ------
    TransientError
        ``QUEUE_UNAVAILABLE``; the job is not lost, the sweep hints it again.
    """
    with _connection(app) as connection:
        try:
            app.send_task(
                ANALYSE_TASK,
                args=(job_id,),
                queue=QUEUE_NAME,
                connection=connection,
                retry=False,
                ignore_result=True,
            )
        except (KombuError, BrokerError, RedisError, OSError) as error:
            raise TransientError(Reason.QUEUE_UNAVAILABLE) from error


def ping(app: Celery) -> None:
    """Ask the broker for a sign of life.

    Raises
    ------
    TransientError
        ``QUEUE_UNAVAILABLE``.
    """
    with _connection(app) as connection:
        try:
            connection.default_channel.client.ping()
        except (KombuError, BrokerError, RedisError, OSError) as error:
            raise TransientError(Reason.QUEUE_UNAVAILABLE) from error


def _connection(app: Celery) -> Any:
    """Return a short-lived connection that never waits long, whatever the broker does."""
    return app.connection_for_write(
        connect_timeout=_TIMEOUT_SECONDS,
        transport_options={
            "socket_timeout": _TIMEOUT_SECONDS,
            "socket_connect_timeout": _TIMEOUT_SECONDS,
            "max_retries": 0,
            "retry_on_timeout": False,
        },
    )
