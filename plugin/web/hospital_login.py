"""Logging in at the hospital's identity provider: the way there, and the way back."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.errors import TransientError, TriageError
from plugin.openid import HospitalLogin
from plugin.openid.login import LOGIN_LASTS_SECONDS
from plugin.settings import is_loopback
from plugin.web.guard import host_name
from plugin.web.login import give_cookie, inside, login_page, own_address
from plugin.web.site import Site

ANSWER_PATH = "/login/hospital/answer"
_BROWSER_COOKIE = "cmr_triage_login"


def hospital_login_routes(site: Site) -> APIRouter:
    """Return the addresses of logging in elsewhere; they are open to everybody."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login/hospital")
    def begin(request: Request, to: str = "/") -> Response:
        login, browser = _login(site), request.cookies.get(_BROWSER_COOKIE, "")
        try:
            begun = login.begin(own_address(site, request, ANSWER_PATH), inside(to), browser)
        except TriageError as error:
            return _refused(site, request, error, to)
        response = RedirectResponse(begun.address, 303)
        response.set_cookie(
            _BROWSER_COOKIE,
            begun.browser,
            max_age=int(LOGIN_LASTS_SECONDS),
            httponly=True,
            # Lax, not Strict: the way back is a link from another site.
            samesite="lax",
            secure=not is_loopback(host_name(request.headers.get("host", ""))),
            path="/login/hospital",
        )
        return response

    @routes.get(ANSWER_PATH)
    def answer(request: Request) -> Response:
        login, browser = _login(site), request.cookies.get(_BROWSER_COOKIE, "")
        try:
            who = login.finish(request.query_params, browser)
            secret = site.accounts.sign_in_from_provider(who)
        except TriageError as error:
            return _refused(site, request, error)
        response = RedirectResponse(inside(who.to), 303)
        give_cookie(response, request, secret)
        return response

    return routes


def _login(site: Site) -> HospitalLogin:
    if site.hospital_login is None:
        raise HTTPException(404)
    return site.hospital_login


def _refused(site: Site, request: Request, error: TriageError, to: str = "/") -> Response:
    """Say why nobody was let in, on the page where a local account still may."""
    status_code = 503 if isinstance(error, TransientError) else 403
    return login_page(site, request, to, error.sentence, status_code)
