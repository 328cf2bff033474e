"""What the REST interface takes and gives about accounts, keys and the reporting of the audit."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from plugin.domain.access import Role
from plugin.domain.errors import Reason
from plugin.web.account import KEY_DAYS
from plugin.web.api_administration_models import Name
from plugin.web.api_models import Answer, RequestBody


class UserBody(RequestBody):
    """A new local account."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role = Role.READER


class UserChanges(RequestBody):
    """What to change of an account."""

    role: Role | None = None
    enabled: bool | None = None


class UserAnswer(Answer):
    """An account; ``issuer`` is the identity provider that vouches for its owner."""

    name: str
    role: Role
    enabled: bool
    one_time: bool
    issuer: str | None
    created_at: datetime
    last_login_at: datetime | None


class UsersAnswer(Answer):
    """Accounts, newest first; ``next`` is ``before_id`` of the following page."""

    users: list[UserAnswer]
    next: int | None


class PasswordAnswer(Answer):
    """A one-time password, told this once."""

    user: UserAnswer
    one_time_password: str


class TokenBody(RequestBody):
    """A key to be made."""

    label: Name
    days: float = Field(KEY_DAYS, ge=0.01, le=3650, allow_inf_nan=False)


class TokenAnswer(Answer):
    """A key, as its owner sees it later."""

    id: int
    label: str
    created_at: datetime
    expires_at: datetime


class TokensAnswer(Answer):
    """Living keys, newest first; ``next`` is ``before_id`` of the following page."""

    tokens: list[TokenAnswer]
    next: int | None


class KeyAnswer(Answer):
    """A key, told this once."""

    key: str


class ReportingAnswer(Answer):
    """How the audit trail is reported to the audit repository."""

    repository: str
    n_waiting: int
    oldest_at: datetime | None
    last_sent_at: datetime | None
    failing_since: datetime | None
    reason: Reason | None
