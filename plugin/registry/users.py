"""Users, their sessions and their API tokens; every change is audited in its own transaction.

Knows digests and hashes only. What makes a password good, and how it is hashed, is in
``plugin.accounts``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from plugin.domain.access import Role
from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.people_tables import api_tokens, sessions, users
from plugin.registry.rows import newest

KEYS_REST_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class UserRecord:
    """Somebody who may log in.

    Attributes
    ----------
    one_time
        The password was given by somebody else and must be changed first.
    issuer, subject
        Who it is at an identity provider, which then holds the password and gives the role; None:
        a local account.
    """

    id: int
    name: str
    role: Role
    one_time: bool
    enabled: bool
    created_at: datetime
    last_login_at: datetime | None
    issuer: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A key to the API, as its owner sees it later."""

    id: int
    user: str
    label: str
    created_at: datetime
    expires_at: datetime


class Users:
    """The accounts: local ones, and those of people whom an identity provider vouches for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, name: str, role: Role, password_hash: str, *, one_time: bool, actor: str
    ) -> UserRecord:
        """Add an account.

        Raises
        ------
        ConfigurationError
            ``SETTING_INVALID`` when the name is taken.
        """
        now = self._database.now()
        values = {
            "name": name,
            "role": role.value,
            "password_hash": password_hash,
            "one_time": one_time,
            "enabled": True,
            "created_at": now,
        }
        with self._database.write() as connection:
            try:
                connection.execute(users.insert().values(**values))
            except IntegrityError:
                detail = f"user {name} exists already"
                raise ConfigurationError(Reason.SETTING_INVALID, detail) from None
            after = {"role": role.value}
            note(connection, now, (actor, "user.add", f"user {name}"), after=after)
            return _user(connection, name)

    def any(self) -> bool:
        """Tell whether there is any account."""
        with self._database.read() as connection:
            return connection.execute(select(users.c.id).limit(1)).first() is not None

    def list(self) -> list[UserRecord]:
        """Return all accounts by name."""
        with self._database.read() as connection:
            query = select(users).order_by(users.c.name)
            return [_record(row) for row in connection.execute(query).mappings()]

    def page(self, limit: int, before_id: int | None = None) -> Sequence[UserRecord]:
        """Return some accounts, the newest first."""
        query = newest(select(users), users.c.id, limit, before_id)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def get(self, name: str) -> UserRecord | None:
        """Return one account, or None."""
        with self._database.read() as connection:
            row = connection.execute(_by_name(name)).mappings().one_or_none()
            return None if row is None else _record(row)

    def password_hash(self, name: str) -> str | None:
        """Return what a password is held against; None when there is no such account."""
        with self._database.read() as connection:
            query = select(users.c.password_hash).where(users.c.name == name)
            return connection.execute(query).scalar_one_or_none()

    def edit(
        self, name: str, *, role: Role | None = None, enabled: bool | None = None, actor: str
    ) -> UserRecord:
        """Change role or state of an account; a disabled one is logged out everywhere.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``, ``LAST_ADMIN`` when nobody could administer afterwards, or
            ``ACCOUNT_OF_PROVIDER``: the provider gives its role.
        """
        with self._database.write() as connection:
            before = _user(connection, name)
            if role is not None and before.subject is not None:
                raise ConfigurationError(Reason.ACCOUNT_OF_PROVIDER)
            values = {
                "role": (role or before.role).value,
                "enabled": before.enabled if enabled is None else enabled,
            }
            connection.execute(update(users).where(users.c.id == before.id).values(**values))
            if before.role is Role.ADMIN and before.enabled and not _n_admins(connection):
                raise ConfigurationError(Reason.LAST_ADMIN)
            if not values["enabled"]:
                _forget_sessions(connection, before.id)
            was = {"role": before.role.value, "enabled": before.enabled}
            what = (actor, "user.edit", f"user {name}")
            note(connection, self._database.now(), what, was, values)
            return _user(connection, name)

    def set_password(
        self, name: str, password_hash: str, *, one_time: bool, actor: str
    ) -> UserRecord:
        """Change a password; the account is logged out everywhere.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``, ``ACCOUNT_OF_PROVIDER``.
        """
        with self._database.write() as connection:
            user = _user(connection, name)
            if user.subject is not None:
                raise ConfigurationError(Reason.ACCOUNT_OF_PROVIDER)
            values = {"password_hash": password_hash, "one_time": one_time}
            connection.execute(update(users).where(users.c.id == user.id).values(**values))
            _forget_sessions(connection, user.id)
            what = (actor, "user.password", f"user {name}")
            note(connection, self._database.now(), what, after={"one_time": one_time})
            return _user(connection, name)

    def rehash(self, name: str, password_hash: str) -> None:
        """Replace a hash by one of the same password with today's parameters."""
        with self._database.write() as connection:
            changed = update(users).where(users.c.name == name)
            connection.execute(changed.values(password_hash=password_hash))

    def of_provider(
        self, issuer: str, subject: str, names: Sequence[str], role: Role
    ) -> UserRecord:
        """Return the account of somebody whom a provider vouches for; made at the first log-in.

        The provider's role stands, also where an account was the last admin.

        Parameters
        ----------
        names
            What the account may be called, best first; a name that somebody else has is never
            shared.
        """
        now = self._database.now()
        known = select(users).where(users.c.issuer == issuer, users.c.subject == subject)
        with self._database.write() as connection:
            row = connection.execute(known.with_for_update()).mappings().one_or_none()
            if row is None:
                return _new_of_provider(connection, now, (issuer, subject), names, role)
            user = _record(row)
            if user.role is not role:
                changed = update(users).where(users.c.id == user.id)
                connection.execute(changed.values(role=role.value))
                what = ("provider", "user.edit", f"user {user.name}")
                note(connection, now, what, {"role": user.role.value}, {"role": role.value})
            return _user(connection, user.name)

    def open_session(
        self, user: UserRecord, digest: str, oldest: datetime, id_token: str | None = None
    ) -> None:
        """Begin a session; sessions that were begun before ``oldest`` are forgotten."""
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.created_at < oldest))
            values = {"digest": digest, "user_id": user.id, "created_at": now, "seen_at": now}
            connection.execute(sessions.insert().values(**values, id_token=id_token))
            seen = update(users).where(users.c.id == user.id).values(last_login_at=now)
            connection.execute(seen)
            note(connection, now, (user.name, "user.login", f"user {user.name}"))

    def of_session(
        self, digest: str, idle_seconds: float, lifetime_seconds: float, *, touch: bool
    ) -> UserRecord | None:
        """Return whose living session this is, or None.

        Parameters
        ----------
        touch
            Whether a person did something; what a page does by itself keeps no session alive.
        """
        now = self._database.now()
        query = (
            select(users, sessions.c.seen_at)
            .join_from(sessions, users)
            .where(sessions.c.digest == digest, users.c.enabled)
            .where(sessions.c.seen_at > now - timedelta(seconds=idle_seconds))
            .where(sessions.c.created_at > now - timedelta(seconds=lifetime_seconds))
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        # A write per click would be too many; a sixtieth of the idle time is exact enough.
        if touch and now - row["seen_at"] > timedelta(seconds=idle_seconds / 60):
            with self._database.write() as connection:
                seen = update(sessions).where(sessions.c.digest == digest)
                connection.execute(seen.values(seen_at=now))
        return _record(row)

    def close_session(self, digest: str, name: str) -> str | None:
        """End a session because its owner logged out; return the provider's id_token, if any."""
        mine = sessions.c.digest == digest
        with self._database.write() as connection:
            query = select(sessions.c.id_token).where(mine)
            id_token: str | None = connection.execute(query).scalar_one_or_none()
            connection.execute(delete(sessions).where(mine))
            note(connection, self._database.now(), (name, "user.logout", f"user {name}"))
            return id_token

    def add_token(
        self, user: UserRecord, digest: str, label: str, expires_at: datetime, actor: str
    ) -> None:
        """Note a key to the API by its digest."""
        now = self._database.now()
        values = {
            "digest": digest,
            "user_id": user.id,
            "label": label,
            "created_at": now,
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            connection.execute(api_tokens.insert().values(**values))
            after = {"label": label, "expires_at": expires_at.isoformat()}
            note(connection, now, (actor, "token.add", f"user {user.name}"), after=after)

    def tokens(
        self, name: str, limit: int | None = None, before_id: int | None = None
    ) -> Sequence[TokenRecord]:
        """Return the living keys of one user, newest first; no limit: all of them."""
        living = (
            select(api_tokens, users.c.name.label("user"))
            .join_from(api_tokens, users)
            .where(users.c.name == name, api_tokens.c.expires_at > self._database.now())
        )
        query = newest(living, api_tokens.c.id, limit, before_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [TokenRecord(**{k: row[k] for k in TokenRecord.__slots__}) for row in rows]

    def remove_token(self, name: str, token_id: int, *, actor: str) -> bool:
        """Forget a key of one user; False when there is none."""
        with self._database.write() as connection:
            owner = select(users.c.id).where(users.c.name == name).scalar_subquery()
            which = delete(api_tokens).where(api_tokens.c.id == token_id)
            removed = connection.execute(which.where(api_tokens.c.user_id == owner)).rowcount == 1
            if removed:
                note(connection, self._database.now(), (actor, "token.remove", f"user {name}"))
            return removed

    def of_token(self, digest: str) -> UserRecord | None:
        """Return whose living API key this is, or None.

        A key of somebody whom a provider vouches for rests when its owner has not logged in for
        ``KEYS_REST_AFTER``: nobody tells us who left the hospital.
        """
        now = self._database.now()
        vouched = or_(users.c.subject.is_(None), users.c.last_login_at > now - KEYS_REST_AFTER)
        query = (
            select(users)
            .join_from(api_tokens, users)
            .where(api_tokens.c.digest == digest, users.c.enabled, vouched)
            .where(api_tokens.c.expires_at > now)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _record(row)


def _new_of_provider(
    connection: Connection,
    now: datetime,
    who: tuple[str, str],
    names: Sequence[str],
    role: Role,
) -> UserRecord:
    """Add the account of somebody (issuer, subject) under the first name that is free."""
    taken = set(connection.execute(select(users.c.name).where(users.c.name.in_(names))).scalars())
    name = next(one for one in names if one not in taken)
    issuer, subject = who
    values = {"issuer": issuer, "subject": subject, "password_hash": "", "one_time": False}
    connection.execute(
        users.insert().values(name=name, role=role.value, enabled=True, created_at=now, **values)
    )
    after = {"role": role.value, "issuer": issuer}
    note(connection, now, ("provider", "user.add", f"user {name}"), after=after)
    return _user(connection, name)


def _by_name(name: str) -> "Select[tuple[object, ...]]":
    return select(users).where(users.c.name == name)


def _user(connection: Connection, name: str) -> UserRecord:
    row = connection.execute(_by_name(name)).mappings().one_or_none()
    if row is None:
        raise ConfigurationError(Reason.NOT_FOUND, "user")
    return _record(row)


def _record(row: RowMapping) -> UserRecord:
    values = {name: row[name] for name in UserRecord.__slots__}
    return UserRecord(**{**values, "role": Role(row["role"])})


def _n_admins(connection: Connection) -> int:
    admins = select(func.count()).select_from(users)
    which = admins.where(users.c.enabled, users.c.role == Role.ADMIN.value)
    return connection.execute(which).scalar_one()


def _forget_sessions(connection: Connection, user_id: int) -> None:
    connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
