"""What every page needs: settings, registry, spool, accounts, templates. Knows no address."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugin.accounts import Accounts
from plugin.domain.access import Permission
from plugin.openid import HospitalLogin
from plugin.registry import Registry
from plugin.registry.switches import Switches
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web import words
from plugin.web.comparison import days_words
from plugin.web.status import Light, lights
from plugin.web.visitor import Visitor

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
NAVIGATION: tuple[tuple[str, str, Permission], ...] = (
    ("/quality", "Quality", Permission.QUALITY),
    ("/orders", "Orders", Permission.ORDER),
    ("/administration", "Administration", Permission.ADMINISTER),
    ("/users", "Users", Permission.ADMINISTER),
    ("/audit", "Audit", Permission.AUDIT),
)
"""Pages besides the worklist, and who may see them."""


def _make_templates() -> Jinja2Templates:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    environment.filters["days_words"] = days_words
    environment.globals["Permission"] = Permission
    environment.globals["navigation"] = NAVIGATION
    return Jinja2Templates(env=environment)


@dataclass(frozen=True, slots=True)
class Site:
    """One installation as its pages see it.

    Attributes
    ----------
    ask_queue
        Raises ``TransientError`` when the queue does not answer.
    hospital_login
        The identity provider; None where the settings name none.
    """

    settings: Settings
    registry: Registry
    spool: Spool
    ask_queue: Callable[[], None]
    accounts: Accounts
    hospital_login: HospitalLogin | None = None
    templates: Jinja2Templates = field(default_factory=_make_templates)

    def ai_orders(self) -> bool:
        """Tell whether what the AI suggests changes the order of the list now."""
        return self.settings.is_live and not self.registry.switches.state().everything_is_off

    def lights(self) -> tuple[Light, ...]:
        """Return whether everything that the system needs works, for administrators."""
        reports = self.settings.audit.repository
        reporting = self.registry.audit_reports.state() if reports else None
        return lights(self.settings, self.registry, self.spool, self.ask_queue, reporting)

    def page(
        self,
        request: Request,
        name: str,
        visitor: Visitor | None,
        status_code: int = 200,
        **shown: Any,
    ) -> Response:
        """Render a template for somebody (None: nobody is logged in).

        For nobody the registry is not asked, so that a page can say that it is away.
        """
        switches = Switches(()) if visitor is None else self.registry.switches.state()
        context = {
            "visitor": visitor,
            "node": self.settings.node,
            "is_live": self.settings.is_live,
            "switches": switches,
            **shown,
        }
        return self.templates.TemplateResponse(request, name, context, status_code=status_code)
