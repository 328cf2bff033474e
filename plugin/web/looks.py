"""Who looked at which study, as the audit trail keeps it."""

from datetime import timedelta

from plugin.web.site import Site
from plugin.web.visitor import Visitor

_ONE_LOOK = timedelta(minutes=10)
"""A page fetches a dozen pictures, a program the parts of a result: that is one look."""


def note_look(site: Site, visitor: Visitor, study_key: str) -> None:
    """Note that somebody got something of a study, unless that is noted since a few minutes."""
    subject = f"study {study_key}"
    site.registry.audit.add_unless_lately(visitor.name, "study.view", subject, _ONE_LOOK)
