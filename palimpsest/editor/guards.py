"""What a request must satisfy before the server reads it: Host, Origin, token, size."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "palimpsest-token"
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; connect-src 'self'; style-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
SMALL = 64 * 1024
"""Bytes of a request's body, unless an address takes more."""


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is only this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guards:
    """ASGI middleware: refuses foreign hosts and origins, requests without the token, large bodies.

    ``hosts``: names by which the server may be addressed, without port; empty if a token is what
    protects it. ``token``: None on the loopback. ``limits``: bytes of a body, by path.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        token: str | None,
        limits: dict[str, int] | None = None,
    ) -> None:
        self.app, self.hosts, self.token = app, frozenset(hosts), token
        self.limits = limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        status, problem = self._refusal(scope, headers)
        if problem:
            await _refuse(scope, receive, send, status, problem)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        limit = self.limits.get(scope["path"], SMALL)
        if _number(headers.get("content-length")) > limit:
            await _refuse(scope, receive, send, 413, _too_large(limit))
            return
        await self._bounded(scope, receive, send, limit)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str]:
        host = headers.get("host", "")
        if self.hosts and _name_of(host) not in self.hosts:
            return 403, f"this editor is not called {host}"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, f"a page of {origin} may not use this editor"
        if headers.get("sec-fetch-site") == "cross-site" and scope["path"] != "/":
            return 403, "another site's page may not use this editor"
        if self.token is not None and not self._has_token(scope, headers):
            return 401, "the token is missing; open the address that the command printed"
        return 200, ""

    def _has_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        assert self.token is not None
        given = _asked_token(scope)
        if given is None:
            try:
                cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            except CookieError:
                cookie = None
            given = cookie.value if cookie else ""
        return hmac.compare_digest(given.encode(), self.token.encode())

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Pass the request on; its body, announced or not, ends at the limit."""
        taken, begun = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _TooLarge
            return message

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message["headers"], *self._headers(scope)]
            await send(message)

        try:
            await self.app(scope, counted, with_headers)
        except _TooLarge:
            if not begun:
                await _refuse(scope, receive, send, 413, _too_large(limit))

    def _headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        found = [
            (b"content-security-policy", POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if self.token is not None and _asked_token(scope) is not None:
            cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            found.append((b"set-cookie", cookie.encode()))
        return found


class _TooLarge(Exception):
    """A body without an announced length is over the limit."""


def _asked_token(scope: Scope) -> str | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["token"][0] if "token" in query else None


def _name_of(host: str) -> str:
    """The name in a Host header, without the port."""
    return urlsplit(f"//{host}").hostname or ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _too_large(limit: int) -> str:
    return f"this is too large; at most {limit / 2**20:.3g} MB are taken here"


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # the connection is refused instead of accepted, which is status 403
        await send({"type": "websocket.close", "code": 4403, "reason": sentence[:120]})
        return
    body = json.dumps({"message": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
