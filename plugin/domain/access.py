"""Who may do what on the pages and through the API: roles, and what each of them may.

Pure data; who somebody is, ``plugin.accounts`` finds out.
"""

import re
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here; one role each.

    ``READER`` reads studies and gives feedback, ``TECHNOLOGIST`` looks, has studies analysed again
    and brings orders, ``AUDITOR`` sees who did what but no patient, ``ADMIN`` may everything.
    """

    READER = "reader"
    TECHNOLOGIST = "technologist"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """One thing that a page or an address of the API asks for."""

    VIEW = "view"
    READ = "read"
    REQUEUE = "requeue"
    ORDER = "order"
    WITHDRAW = "withdraw"
    QUALITY = "quality"
    AUDIT = "audit"
    ADMINISTER = "administer"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: frozenset(
        {Permission.VIEW, Permission.READ, Permission.WITHDRAW, Permission.QUALITY}
    ),
    Role.TECHNOLOGIST: frozenset({Permission.VIEW, Permission.REQUEUE, Permission.ORDER}),
    Role.AUDITOR: frozenset({Permission.AUDIT, Permission.QUALITY}),
    Role.ADMIN: frozenset(Permission),
}

MINIMUM_PASSWORD_CHARACTERS = 12
MAXIMUM_PASSWORD_CHARACTERS = 256
_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def user_name(text: str) -> str:
    """Return a name as it is kept: lower case; ``ValueError`` when it cannot be one."""
    name = text.strip().lower()
    if _USER_NAME.fullmatch(name) is None:
        message = "a user name has 1 to 64 letters, digits and . _ @ -"
        raise ValueError(message)
    return name


def check_password(password: str, name: str) -> None:
    """Refuse passwords that are guessed first; length is what counts.

    Raises
    ------
    ValueError
        Says what is wanted, never the password.

    References
    ----------
    NIST SP 800-63B, 5.1.1.2: a minimum length, no rules about kinds of characters.
    """
    if not MINIMUM_PASSWORD_CHARACTERS <= len(password) <= MAXIMUM_PASSWORD_CHARACTERS:
        message = (
            f"a password has {MINIMUM_PASSWORD_CHARACTERS} to "
            f"{MAXIMUM_PASSWORD_CHARACTERS} characters"
        )
        raise ValueError(message)
    if name in password.lower() or len(set(password)) < MINIMUM_PASSWORD_CHARACTERS // 3:
        message = "a password does not hold the user name and is not one character repeated"
        raise ValueError(message)
