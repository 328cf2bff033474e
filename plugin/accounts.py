"""Who somebody is: passwords of local accounts, sessions and API keys of all.

Knows how a password is hashed (argon2id) and what a session is worth; keeps nothing itself. Secrets
leave only once, to the person they are for; the registry holds digests.

References
----------
RFC 9106 (argon2id; the library's defaults are its low-memory parameters).
"""

import hashlib
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plugin.domain.access import Role, check_password, user_name
from plugin.domain.errors import ConfigurationError, Reason
from plugin.openid import Identity
from plugin.registry import Registry
from plugin.registry.users import UserRecord

FIRST_ADMIN = "admin"
FIRST_PASSWORD_NAME = "first-password"  # noqa: S105 - a file's name
SESSION_LIFETIME_SECONDS = 12 * 3600.0
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_PASSWORD_GROUPS, _PASSWORD_GROUP_LETTERS = 4, 5


class Accounts:
    """The accounts of one installation; safe for threads."""

    def __init__(self, registry: Registry) -> None:
        self._users = registry.users
        self._audit = registry.audit
        self._hasher = PasswordHasher()
        # What a wrong name is held against, so that it takes as long as a wrong password.
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    def add(
        self, name: str, role: Role, actor: str, password: str | None = None
    ) -> tuple[UserRecord, str]:
        """Add an account; return it and its password.

        Parameters
        ----------
        password
            None makes a one-time password, which must be changed at the first log-in.

        Raises
        ------
        ConfigurationError
            ``SETTING_INVALID`` for a name that cannot be one or is taken, ``PASSWORD_UNUSABLE``.
        """
        try:
            name = user_name(name)
        except ValueError as error:
            raise ConfigurationError(Reason.SETTING_INVALID, str(error)) from None
        given = self._checked(password, name) if password is not None else one_time_password()
        hashed = self._hasher.hash(given)
        return self._users.add(name, role, hashed, one_time=password is None, actor=actor), given

    def set_password(self, name: str, password: str, actor: str) -> None:
        """Change a password for good; every session of the account ends.

        Raises
        ------
        ConfigurationError
            ``PASSWORD_UNUSABLE``, ``NOT_FOUND``.
        """
        hashed = self._hasher.hash(self._checked(password, name))
        self._users.set_password(name, hashed, one_time=False, actor=actor)

    def reset_password(self, name: str, actor: str) -> str:
        """Return a new one-time password for an account."""
        given = one_time_password()
        self._users.set_password(name, self._hasher.hash(given), one_time=True, actor=actor)
        return given

    def sign_in(self, name: str, password: str) -> tuple[UserRecord, str] | None:
        """Return the account and a new session's secret, or None: nobody is told why."""
        with suppress(ValueError):
            name = user_name(name)
        user = self.verify(name, password)
        if user is None:
            # What was typed may be a password; only names that exist are noted.
            known = name if self._users.get(name) is not None else "unknown name"
            self._audit.add("page", "user.refused", f"user {known}")
            return None
        return user, self._open_session(user)

    def sign_in_from_provider(self, who: Identity) -> str:
        """Return a new session's secret for somebody whom the identity provider vouches for.

        Raises
        ------
        ConfigurationError
            ``NO_ROLE``, ``ACCOUNT_DISABLED``.
        """
        names = names_for(who)
        if who.role is None:
            self._audit.add("provider", "user.refused", "user without a role")
            raise ConfigurationError(Reason.NO_ROLE)
        user = self._users.of_provider(who.issuer, who.subject, names, who.role)
        if not user.enabled:
            self._audit.add("provider", "user.refused", f"user {user.name}")
            raise ConfigurationError(Reason.ACCOUNT_DISABLED)
        return self._open_session(user, who.id_token)

    def _open_session(self, user: UserRecord, id_token: str | None = None) -> str:
        secret = secrets.token_urlsafe(32)
        oldest = datetime.now(UTC) - timedelta(seconds=SESSION_LIFETIME_SECONDS)
        self._users.open_session(user, digest_of(secret), oldest, id_token)
        return secret

    def verify(self, name: str, password: str) -> UserRecord | None:
        """Return the enabled account that name and password belong to, or None."""
        kept = self._users.password_hash(name)
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        user = self._users.get(name)
        if not kept or user is None or not user.enabled:
            return None
        if self._hasher.check_needs_rehash(kept):
            self._users.rehash(name, self._hasher.hash(password))
        return user

    def of_session(self, secret: str, idle_seconds: float, *, touch: bool) -> UserRecord | None:
        """Return whose living session this is, or None."""
        return self._users.of_session(
            digest_of(secret), idle_seconds, SESSION_LIFETIME_SECONDS, touch=touch
        )

    def sign_out(self, secret: str, user: UserRecord) -> str | None:
        """End a session; return the provider's id_token when it was begun there."""
        return self._users.close_session(digest_of(secret), user.name)

    def add_token(self, user: UserRecord, label: str, days: float, actor: str | None = None) -> str:
        """Return a new key to the API; it is shown this once. ``actor`` None: its owner made it."""
        secret = f"cmrt_{secrets.token_urlsafe(32)}"
        expires_at = datetime.now(UTC) + timedelta(days=days)
        label = label[:64] or "key"
        self._users.add_token(user, digest_of(secret), label, expires_at, actor or user.name)
        return secret

    def of_token(self, secret: str) -> UserRecord | None:
        """Return whose living API key this is, or None; nobody with a one-time password."""
        user = self._users.of_token(digest_of(secret))
        return None if user is None or user.one_time else user

    def _checked(self, password: str, name: str) -> str:
        try:
            check_password(password, name)
        except ValueError as error:
            raise ConfigurationError(Reason.PASSWORD_UNUSABLE, str(error)) from None
        return password


def names_for(who: Identity) -> list[str]:
    """Return what an account of somebody may be called: the provider's name for it, if possible.

    Names of people may be anybody's, also those of local accounts; the last one is free always,
    because it is made of what the provider gives to nobody else.
    """
    unique = digest_of(f"{who.issuer} {who.subject}")[:12]
    names = []
    with suppress(ValueError):
        name = user_name(who.name)
        names = [name, f"{name[:50]}@{unique}"]
    return [*names, f"person-{unique}"]


def digest_of(secret: str) -> str:
    """Return what is kept of a random secret; random enough that it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def one_time_password() -> str:
    """Return a random password that people can type: 20 letters, about 98 bits."""
    groups = (
        "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_GROUP_LETTERS))
        for _ in range(_PASSWORD_GROUPS)
    )
    return "-".join(groups)


def ensure_first_admin(registry: Registry, folder: Path) -> str | None:
    """Make the account ``admin`` when there is no account at all.

    The one-time password is written into ``folder`` (only its owner reads it) and goes with the
    first log-in's new password; it is not printed where a journal would keep it.

    Returns
    -------
    str or None
        The password, for a terminal; None when there are accounts.
    """
    if registry.users.any():
        return None
    try:
        _, password = Accounts(registry).add(FIRST_ADMIN, Role.ADMIN, "system")
    except ConfigurationError:
        return None  # another process made it at the same moment
    path = folder / FIRST_PASSWORD_NAME
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{password}\n", encoding="ascii")
    return password


def forget_first_password(folder: Path) -> None:
    """Delete the file of the first password once it has been changed."""
    (folder / FIRST_PASSWORD_NAME).unlink(missing_ok=True)
