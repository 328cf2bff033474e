"""Triage policies: which one is in force, which were before, and a change that is audited.

A text is read before it is stored, so what is in force can always be read. Every process sees a
change with its next decision; nothing is restarted.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.triage import Policy, default_policy, default_policy_text, parse_policy
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.triage_tables import policies


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """One activation of a policy; the newest one is in force."""

    id: int
    name: str
    version: str
    digest: str
    text: str
    activated_at: datetime
    activated_by: str


class Policies:
    """The policies that were activated here; before the first one, the policy that ships rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_force(self) -> Policy:
        """Return the policy that decides now."""
        with self._database.read() as connection:
            return policy_in_force(connection)

    def current(self) -> PolicyRecord | None:
        """Return the activation that is in force; None while it is the policy that ships."""
        return next(iter(self.history(limit=1)), None)

    def history(self, limit: int = 100, before_id: int | None = None) -> list[PolicyRecord]:
        """Return the activations (before one), newest first."""
        query = select(policies).order_by(policies.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(policies.c.id < before_id)
        with self._database.read() as connection:
            return [PolicyRecord(**row) for row in connection.execute(query).mappings()]

    def activate(self, text: str, actor: str, *, expected_id: int | None = None) -> PolicyRecord:
        """Put a policy into force from the next decision on.

        Parameters
        ----------
        text
            The file's text.
        expected_id
            Activation that the change was made on (0: the policy that ships); if another one is in
            force by now, nothing happens, so that two people do not undo each other unseen.

        Raises
        ------
        ConfigurationError
            ``POLICY_INVALID`` with what is wrong and where, or ``POLICY_CHANGED``.
        """
        policy = parse_policy(text)
        now = self._database.now()
        with self._database.write() as connection:
            before = _newest(connection)
            if expected_id is not None and expected_id != (before.id if before else 0):
                raise ConfigurationError(Reason.POLICY_CHANGED, _told(before))
            values = {
                "name": policy.name,
                "version": policy.version,
                "digest": policy.digest,
                "text": text,
                "activated_at": now,
                "activated_by": actor,
            }
            number = connection.execute(
                policies.insert().values(**values).returning(policies.c.id)
            ).scalar_one()
            note(
                connection,
                now,
                (actor, "policy.activate", f"policy {policy.label}"),
                before=None if before is None else {"id": before.id, "digest": before.digest},
                after={"id": number, "digest": policy.digest},
            )
            return PolicyRecord(
                number, policy.name, policy.version, policy.digest, text, now, actor
            )

    def rollback(self, actor: str, *, expected_id: int | None = None) -> PolicyRecord:
        """Put the text that was in force before the current one into force again.

        Before the first activation that was the policy that ships.

        Parameters
        ----------
        expected_id
            As of ``activate``; without it whatever is in force is rolled back.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND`` when there was none before, else as ``activate``.
        """
        activations = self.history()
        if not activations:
            reason = Reason.POLICY_CHANGED if expected_id else Reason.NOT_FOUND
            raise ConfigurationError(reason, "an earlier policy")
        current = activations[0]
        texts = (*(one.text for one in activations), default_policy_text())
        earlier = next((text for text in texts if text != current.text), None)
        if earlier is None:
            raise ConfigurationError(Reason.NOT_FOUND, "an earlier policy")
        expected = current.id if expected_id is None else expected_id
        return self.activate(earlier, actor, expected_id=expected)


def _told(record: PolicyRecord | None) -> str:
    return "" if record is None else f"{record.name} {record.version} by {record.activated_by}"


def policy_in_force(connection: Connection) -> Policy:
    """Return the policy that decides now."""
    newest = _newest(connection)
    return default_policy() if newest is None else _read(newest.text)


def _newest(connection: Connection) -> PolicyRecord | None:
    query = select(policies).order_by(policies.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else PolicyRecord(**row)


@lru_cache(maxsize=8)
def _read(text: str) -> Policy:
    return parse_policy(text)
