"""Model bundles that were installed here, which one is in force, and which were before.

Only a bundle that a worker verified on this installation can be activated. Workers look before
each job, so the next analysis uses it; every report names its bundle. The row of a removed bundle
stays, so that what was in force once keeps its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.audit import note
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.operation_tables import bundle_activations, bundles
from plugin.registry.rows import newest

_COLUMNS = [column for column in bundles.c if column.name != "removed_at"]


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
    """One activation; the newest is in force. ``bundle_id`` None: as the settings say.

    Attributes
    ----------
    label
        Name and version, also of a bundle that was removed since; None without a bundle.
    """

    id: int
    bundle_id: int | None
    activated_at: datetime
    activated_by: str
    label: str | None


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
        mine = bundles.c.digest == digest
        state = {"folder": folder, "verified_at": now, "is_intact": True, "problem": ""}
        identity = {"digest": digest, "name": name, "version": version, "facts": dict(facts)}
        installed = {"installed_at": now, "installed_by": by, "removed_at": None}
        with self._database.write() as connection:
            is_new = insert_unless_known(
                connection, bundles, {**identity, **state, **installed}, "digest"
            )
            if not is_new:
                connection.execute(update(bundles).where(mine).values(**state))
                removed = update(bundles).where(mine, bundles.c.removed_at.is_not(None))
                is_new = connection.execute(removed.values(**installed)).rowcount > 0
            if is_new:
                subject = f"bundle {name} {version}"
                note(connection, now, (by, "bundle.install", subject), after={"digest": digest})
            row = connection.execute(select(*_COLUMNS).where(mine)).mappings()
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
        with self._database.read() as connection:
            rows = connection.execute(_select_activations().limit(limit)).mappings()
            return [BundleActivation(**row) for row in rows]

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
            label = None
            if bundle_id is not None:
                wanted = _get(connection, bundle_id, to_change=True)
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
                (actor, "bundle.activate", f"bundle {label or 'of the settings'}"),
                before={"bundle_id": before.bundle_id if before else None},
                after={"bundle_id": bundle_id, "id": number},
            )
            return BundleActivation(number, bundle_id, now, actor, label)

    def rollback(self, actor: str, *, expected_id: int | None = None) -> BundleActivation:
        """Put the bundle that was in force before the present one into force again.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND`` when there was none before, else as ``activate``.
        """
        with self._database.read() as connection:
            present = _newest(connection)
            earlier = None if present is None else _before(connection, present.bundle_id)
        if present is None or earlier == present.bundle_id:
            raise ConfigurationError(Reason.NOT_FOUND, "an earlier bundle")
        expected = present.id if expected_id is None else expected_id
        return self.activate(earlier, actor, expected_id=expected)

    def list(self) -> list[BundleRecord]:
        """Return every bundle, by name, the newest first."""
        query = select(*_COLUMNS).where(bundles.c.removed_at.is_(None))
        ordered = query.order_by(bundles.c.name, bundles.c.id.desc())
        with self._database.read() as connection:
            return [BundleRecord(**row) for row in connection.execute(ordered).mappings()]

    def page(self, limit: int, before_id: int | None = None) -> Sequence[BundleRecord]:
        """Return some bundles, the newest first."""
        query = select(*_COLUMNS).where(bundles.c.removed_at.is_(None))
        page = newest(query, bundles.c.id, limit, before_id)
        with self._database.read() as connection:
            return [BundleRecord(**row) for row in connection.execute(page).mappings()]

    def needed(self) -> frozenset[int]:
        """Return the bundles that cannot be removed: in force, and to be rolled back to."""
        with self._database.read() as connection:
            return _needed(connection)

    def remove(self, bundle_id: int, actor: str) -> BundleRecord:
        """Forget a bundle; whoever removes it deletes its files then.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``; ``BUNDLE_IN_USE``: it is in force, or the one to roll back to.
        """
        now = self._database.now()
        with self._database.write() as connection:
            found = _get(connection, bundle_id, to_change=True)
            if found is None:
                raise ConfigurationError(Reason.NOT_FOUND, "bundle")
            if bundle_id in _needed(connection):
                raise ConfigurationError(Reason.BUNDLE_IN_USE, f"{found.name} {found.version}")
            mine = bundles.c.id == bundle_id
            connection.execute(update(bundles).where(mine).values(removed_at=now))
            subject = f"bundle {found.name} {found.version}"
            before = {"digest": found.digest}
            note(connection, now, (actor, "bundle.remove", subject), before=before)
            return found


def _get(connection: Connection, bundle_id: int, *, to_change: bool = False) -> BundleRecord | None:
    """Return a bundle that was not removed; ``to_change``: of two who change it one waits."""
    mine = (bundles.c.id == bundle_id, bundles.c.removed_at.is_(None))
    query = select(*_COLUMNS).where(*mine)
    query = query.with_for_update() if to_change else query
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else BundleRecord(**found)


def _select_activations() -> Select[Any]:
    label = bundles.c.name + " " + bundles.c.version
    return (
        select(bundle_activations, label.label("label"))
        .outerjoin(bundles, bundles.c.id == bundle_activations.c.bundle_id)
        .order_by(bundle_activations.c.id.desc())
    )


def _newest(connection: Connection) -> BundleActivation | None:
    row = connection.execute(_select_activations().limit(1)).mappings().one_or_none()
    return None if row is None else BundleActivation(**row)


def _before(connection: Connection, present: int | None) -> int | None:
    """Return the bundle in force before the present one; None: that of the settings."""
    columns = bundle_activations.c
    others = select(columns.bundle_id).where(columns.bundle_id.is_distinct_from(present))
    return connection.execute(others.order_by(columns.id.desc()).limit(1)).scalar_one_or_none()


def _needed(connection: Connection) -> frozenset[int]:
    newest = _newest(connection)
    if newest is None:
        return frozenset()
    ids = {newest.bundle_id, _before(connection, newest.bundle_id)}
    return frozenset(one for one in ids if one is not None)
