"""What the REST interface takes and gives about model bundles."""

from datetime import datetime
from typing import Any

from plugin.web.api_models import Answer


class BundleFacts(Answer):
    """What people want to know of a bundle before they activate it.

    ``permits`` says what the licence lets people do, as "non-commercial use only".
    ``evaluation`` holds what was measured, on whom and how; null where the bundle does not tell.
    """

    licence: str = ""
    permits: str = ""
    intended_use: str = ""
    known_limits: str | None = None
    training_data: str = ""
    evaluation: dict[str, Any] | None = None


class BundleAnswer(Answer):
    """One model bundle on the disk of this installation.

    A bundle that ``is_needed`` is in force or the one to roll back to, and cannot be removed.
    """

    id: int
    name: str
    version: str
    digest: str
    facts: BundleFacts
    is_intact: bool
    is_needed: bool
    problem: str
    verified_at: datetime
    installed_at: datetime
    installed_by: str


class BundleActivationAnswer(Answer):
    """One activation; ``bundle_id`` and ``label`` are null where the settings named the bundle."""

    id: int
    bundle_id: int | None
    label: str | None
    activated_at: datetime
    activated_by: str


class BundlesAnswer(Answer):
    """Bundles, newest first; ``next`` is ``before_id`` of the following page.

    ``in_force`` is null where the bundle of the settings is used. ``activation_id`` is what an
    activation names as ``expected_id`` (0: none yet), ``history`` the latest activations.
    """

    bundles: list[BundleAnswer]
    next: int | None
    in_force: int | None
    activation_id: int
    history: list[BundleActivationAnswer]
