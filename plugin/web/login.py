"""Logging in and out."""

import math
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from plugin.accounts import SESSION_LIFETIME_SECONDS
from plugin.domain.errors import TriageError
from plugin.settings import is_loopback
from plugin.web.guard import host_name
from plugin.web.limit import LoginLimit
from plugin.web.site import Site
from plugin.web.visitor import SESSION_COOKIE, Door, Form, check_own

_LONGEST_NAME, _LONGEST_PASSWORD, _LONGEST_PATH = 100, 1000, 500


def login_routes(site: Site, door: Door, limit: LoginLimit) -> APIRouter:
    """Return the addresses that are open to everybody."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def ask(request: Request, to: str = "/") -> Response:
        return login_page(site, request, to)

    @routes.post("/login")
    def sign_in(request: Request, form: Form) -> Response:
        # As the registry keeps names: "admin " and "ADMIN" are one name to guess for.
        name = form.get("name", "").strip().lower()[:_LONGEST_NAME]
        address = address_of(request)
        wait_seconds = limit.wait_seconds(name, address)
        to = form.get("to", "/")
        if wait_seconds > 0:
            words = f"Too many attempts; try again in {math.ceil(wait_seconds / 60)} minutes."
            return login_page(site, request, to, words, 429)
        found = site.accounts.sign_in(name, form.get("password", "")[:_LONGEST_PASSWORD])
        if found is None:
            limit.failed(name, address)
            return login_page(site, request, to, "Name or password is wrong.", 401)
        limit.succeeded(name)
        user, secret = found
        response = RedirectResponse("/password" if user.one_time else inside(to), 303)
        give_cookie(response, request, secret)
        return response

    @routes.post("/logout")
    def sign_out(request: Request, form: Form) -> Response:
        visitor = door.visitor(request, touch=False)
        id_token = None
        if visitor is not None and visitor.session:
            check_own(request, visitor, form.get("csrf", ""))
            id_token = site.accounts.sign_out(visitor.session, visitor.user)
        elsewhere = None if id_token is None else _elsewhere(site, request, id_token)
        if elsewhere is None:
            response: Response = RedirectResponse("/login", 303)
        else:
            # Not a redirect: our own rule for forms (form-action) lets none lead elsewhere.
            label = site.settings.openid.label
            response = site.page(request, "logged_out.html", None, elsewhere=elsewhere, label=label)
        response.delete_cookie(SESSION_COOKIE, path="/")
        return response

    return routes


def login_address(path: str) -> str:
    """Return where to log in before going to a page of ours (paths hold no patient data)."""
    return "/login" if path == "/" else f"/login?to={quote(path, safe='/')}"


def address_of(request: Request) -> str:
    """Return where a request came from."""
    return request.client.host if request.client else ""


def give_cookie(response: Response, request: Request, secret: str) -> None:
    """Begin a session in the browser."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION_LIFETIME_SECONDS),
        httponly=True,
        # Lax, not Strict: a link from the PACS shall find its reader logged in.
        samesite="lax",
        secure=not is_loopback(host_name(request.headers.get("host", ""))),
        path="/",
    )


def _elsewhere(site: Site, request: Request, id_token: str) -> str | None:
    """Return where to log out at the hospital's login too, if it can be reached."""
    if site.hospital_login is None:
        return None
    try:
        return site.hospital_login.logout_address(id_token, own_address(site, request, "/login"))
    except TriageError:
        return None


def own_address(site: Site, request: Request, path: str) -> str:
    """Return the full address of a path of ours, as the provider knows it."""
    host = request.headers.get("host", "")
    if site.settings.web.public_url and not is_loopback(host_name(host)):
        return f"{site.settings.web.public_url}{path}"
    return f"{request.url.scheme}://{host}{path}"


def inside(path: str) -> str:
    """Return a path of this site, the front page for anything that leads elsewhere."""
    inside = (
        len(path) <= _LONGEST_PATH
        and path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
    )
    return path if inside and path.isprintable() else "/"


def login_page(
    site: Site, request: Request, to: str, words: str = "", status_code: int = 200
) -> Response:
    """Render the page that asks who somebody is."""
    hospital_login = None if site.hospital_login is None else site.hospital_login.label
    shown = {
        "to": inside(to),
        "words": words,
        "has_users": site.registry.users.any(),
        "hospital_login": hospital_login,
    }
    return site.page(request, "login.html", None, status_code, **shown)
