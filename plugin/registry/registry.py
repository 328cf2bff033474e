"""The one door to the database: repositories by subject over one engine."""

from types import TracebackType
from typing import Self

from plugin.registry.associations import Associations
from plugin.registry.audit import Audit
from plugin.registry.audit_reports import AuditReports
from plugin.registry.bundles import Bundles
from plugin.registry.commitments import Commitments
from plugin.registry.deliveries import Deliveries
from plugin.registry.destinations import Destinations
from plugin.registry.earlier import Earlier
from plugin.registry.engine import Clock, Database, utc_now
from plugin.registry.health import Health
from plugin.registry.heartbeats import Heartbeats
from plugin.registry.jobs import Jobs
from plugin.registry.migrate import migrate
from plugin.registry.orders import Orders
from plugin.registry.peers import Peers
from plugin.registry.policies import Policies
from plugin.registry.quality import Quality
from plugin.registry.readings import Readings
from plugin.registry.requests import Requests
from plugin.registry.studies import Studies
from plugin.registry.switches import SwitchBoard
from plugin.registry.triage import Triage
from plugin.registry.users import Users
from plugin.registry.worklist import Worklist


class Registry:
    """The registry at a database URL.

    Safe for threads; a forked process makes its own. Nothing is connected before the first call.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql+psycopg://...``.
    clock
        For tests: gives the time now, aware.

    Raises
    ------
    ConfigurationError
        If the URL names no database that can be used.
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self._database = Database(url, clock)
        self.studies = Studies(self._database)
        self.jobs = Jobs(self._database)
        self.earlier = Earlier(self._database)
        self.deliveries = Deliveries(self._database)
        self.peers = Peers(self._database)
        self.destinations = Destinations(self._database)
        self.health = Health(self._database)
        self.commitments = Commitments(self._database)
        self.associations = Associations(self._database)
        self.audit = Audit(self._database)
        self.audit_reports = AuditReports(self._database)
        self.users = Users(self._database)
        self.readings = Readings(self._database)
        self.worklist = Worklist(self._database)
        self.quality = Quality(self._database)
        self.policies = Policies(self._database)
        self.triage = Triage(self._database)
        self.orders = Orders(self._database)
        self.switches = SwitchBoard(self._database)
        self.requests = Requests(self._database)
        self.heartbeats = Heartbeats(self._database)
        self.bundles = Bundles(self._database)

    def migrate(self) -> None:
        """Bring the tables to this version; harmless at every start of every process at once.

        Raises
        ------
        TransientError
            ``REGISTRY_UNAVAILABLE``.
        """
        migrate(self._database)

    def check(self) -> None:
        """Ask the database one question.

        Raises
        ------
        TransientError
            ``REGISTRY_UNAVAILABLE``.
        """
        with self._database.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
