"""Model bundles that were installed here, which one is in force, and which were before.

Only a bundle that a worker verified on this installation can be activated. Workers look before
each job, so the next analysis uses it; every report names its bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.audit import note
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.operation_tables import bundle_activations, bundles


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """One bundle on the disk of this installation.

    Attributes
    ----------
    digest
        Of its manifest, which holds the hash of every other file.
    facts
        What people want to know before they activate it: licence, intended use, evaluation.
    is_intact, problem
        What the last verification said.
    """

    id: int
    digest: str
    name: str
    version: str
    folder: str
    facts: Mapping[str, Any]
    installed_at: datetime
    installed_by: str
    verified_at: datetime
    is_intact: bool
    problem: str


@dataclass(frozen=True, slots=True)
class BundleActivation:
    """One activation; the newest is in force. ``bundle_id`` None: as the settings say."""

    id: int
    bundle_id: int | None
    activated_at: datetime
    activated_by: str


class Bundles:
    """The bundles, and which of them decides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, bundle_id: int) -> BundleRecord | None:
        """Return one bundle."""
        with self._database.read() as connection:
            return _get(connection, bundle_id)

    def verified(
        self, digest: str, name: str, version: str, folder: str, facts: Mapping[str, Any], by: str
    ) -> BundleRecord:
        """Note that a bundle is on the disk and intact; a new one is audited."""
        now = self._database.now()
        state = {"folder": folder, "verified_at": now, "is_intact": True, "problem": ""}
        identity = {"digest": digest, "name": name, "version": version, "facts": dict(facts)}
        with self._database.write() as connection:
            new = {**identity, **state, "installed_at": now, "installed_by": by}
            if insert_unless_known(connection, bundles, new, "digest"):
                subject = f"bundle {name} {version}"
                note(connection, now, (by, "bundle.install", subject), after={"digest": digest})
            else:
                mine = bundles.c.digest == digest
                connection.execute(update(bundles).where(mine).values(**state))
            row = connection.execute(select(bundles).where(bundles.c.digest == digest)).mappings()
            return BundleRecord(**row.one())

    def broken(self, bundle_id: int, problem: str) -> None:
        """Note that a bundle on the disk is no longer what it was."""
        values = {"is_intact": False, "problem": problem, "verified_at": self._database.now()}
        with self._database.write() as connection:
            connection.execute(update(bundles).where(bundles.c.id == bundle_id).values(**values))

    def in_force(self) -> BundleRecord | None:
        """Return the activated bundle; None: the one that the settings name."""
        with self._database.read() as connection:
            newest = _newest(connection)
            if newest is None or newest.bundle_id is None:
                return None
            return _get(connection, newest.bundle_id)

    def history(self, limit: int = 20) -> list[BundleActivation]:
        """Return the activations, newest first."""
        query = select(bundle_activations).order_by(bundle_activations.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [BundleActivation(**row) for row in connection.execute(query).mappings()]

    def activate(
        self, bundle_id: int | None, actor: str, *, expected_id: int | None = None
    ) -> BundleActivation:
        """Put a bundle into force from the next job on; None: the one that the settings name.

        Parameters
        ----------
        expected_id
            Activation that the change was made on (0: there was none); another one in force by now
            refuses the change.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``, ``BUNDLE_TAMPERED`` (its last verification failed) or
            ``CHANGED_MEANWHILE``.
        """
        now = self._database.now()
        with self._database.write() as connection:
            before = _newest(connection)
            if expected_id is not None and expected_id != (before.id if before else 0):
                detail = f"by {before.activated_by}" if before else ""
                raise ConfigurationError(Reason.CHANGED_MEANWHILE, detail)
            label = "of the settings"
            if bundle_id is not None:
                wanted = _get(connection, bundle_id)
                if wanted is None:
                    raise ConfigurationError(Reason.NOT_FOUND, "bundle")
                if not wanted.is_intact:
                    raise ConfigurationError(Reason.BUNDLE_TAMPERED, wanted.problem)
                label = f"{wanted.name} {wanted.version}"
            values = {"bundle_id": bundle_id, "activated_at": now, "activated_by": actor}
            number = connection.execute(
                bundle_activations.insert().values(**values).returning(bundle_activations.c.id)
            ).scalar_one()
            note(
                connection,
                now,
                (actor, "bundle.activate", f"bundle {label}"),
                before={"bundle_id": before.bundle_id if before else None},
                after={"bundle_id": bundle_id, "id": number},
            )
            return BundleActivation(number, bundle_id, now, actor)

    def rollback(self, actor: str, *, expected_id: int | None = None) -> BundleActivation:
        """Put the bundle that was in force before the present one into force again.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND`` when there was none before, else as ``activate``.
        """
        activations = self.history()
        if not activations:
            raise ConfigurationError(Reason.NOT_FOUND, "an earlier bundle")
        present = activations[0].bundle_id
        others = (*(one.bundle_id for one in activations), None)
        earlier = [one for one in others if one != present]
        if not earlier:
            raise ConfigurationError(Reason.NOT_FOUND, "an earlier bundle")
        expected = activations[0].id if expected_id is None else expected_id
        return self.activate(earlier[0], actor, expected_id=expected)

    def list(self) -> list[BundleRecord]:
        """Return every bundle, by name, the newest first."""
        query = select(bundles).order_by(bundles.c.name, bundles.c.id.desc())
        with self._database.read() as connection:
            return [BundleRecord(**row) for row in connection.execute(query).mappings()]


def _get(connection: Connection, bundle_id: int) -> BundleRecord | None:
    row = connection.execute(select(bundles).where(bundles.c.id == bundle_id)).mappings()
    found = row.one_or_none()
    return None if found is None else BundleRecord(**found)


def _newest(connection: Connection) -> BundleActivation | None:
    query = select(bundle_activations).order_by(bundle_activations.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else BundleActivation(**row)
