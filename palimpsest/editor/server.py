"""The editor over HTTP: pictures by their hash, changes over one WebSocket, the page's files.

    app = make_app(lambda publish: Desk.open(workplace, publish), hosts=["127.0.0.1", "localhost"])
    server_of(app).run(sockets=[listen("127.0.0.1", 8000)])

The server knows no mathematics: it validates, passes on to the `Desk`, and sends what that
publishes. The desk is opened in a thread once the server listens, so that the page is there while
the model loads.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
import websockets  # noqa: F401  uvicorn serves WebSockets with it, and without it refuses them
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

from palimpsest.editor.address_list import documentation_page
from palimpsest.editor.changes_socket import socket_of_changes
from palimpsest.editor.file_addresses import LIMITS, MEGABYTE, files
from palimpsest.editor.guards import Guards
from palimpsest.editor.hub import Hub, Opens
from palimpsest.editor.picture_addresses import pictures
from palimpsest.editor.unit_addresses import units
from palimpsest.errors import PalimpsestError, ParameterError

STATIC = Path(__file__).parent / "static"
MESSAGE_BYTES = 8 * MEGABYTE
"""Largest text of the WebSocket."""

NOT_KEPT = {"Cache-Control": "no-store"}


def make_app(
    opens: Opens,
    hosts: Iterable[str],
    token: str | None = None,
    static: Path = STATIC,
    on_ready: Callable[[str], None] = lambda failure: None,
) -> FastAPI:
    """The application. ``opens`` makes the desk; ``hosts`` and ``token``: see `Guards`.

    ``on_ready``: called once the desk is open, with a sentence if it could not be opened.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.hub = Hub(opens)

        async def opening() -> None:
            await app.state.hub.open()
            on_ready(app.state.hub.failure)

        task = asyncio.create_task(opening())
        yield
        await task
        await app.state.hub.close()

    # FastAPI's own documentation loads scripts from elsewhere
    app = FastAPI(title="Palimpsest editor", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guards, hosts=hosts, token=token, limits=LIMITS)
    app.add_exception_handler(PalimpsestError, _unusable)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    for addresses in (pictures, files, units, socket_of_changes):
        app.include_router(addresses)

    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:
        """Whether the model is loaded."""
        hub = request.app.state.hub
        return {"ready": hub.desk is not None, "problem": hub.failure or None}

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> Response:
        return HTMLResponse(documentation_page(app.openapi()))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        if not (static / "index.html").is_file():
            raise HTTPException(404, "the page is not installed; install the package again")
        return FileResponse(static / "index.html", headers={"Cache-Control": "no-cache"})

    if static.is_dir():
        app.mount("/static", _Fresh(directory=static))
    return app


class _Fresh(StaticFiles):
    """Static files that a browser checks for a new version each time."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address; port 0 is any free one.

    Raises `ParameterError` for a port that is taken, and for a host that this machine has not.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
            found.listen(128)
        except OSError:
            found.close()
            raise
    except PermissionError:
        raise ParameterError(f"--port: {port} may not be used; give one above 1023") from None
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise ParameterError(
                f"--port: {port} is in use, perhaps by another editor; close that, or give another "
                "port"
            ) from None
        raise ParameterError(f"--host: {host} is no address of this machine") from None
    return found


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server that runs until SIGINT or SIGTERM; then everything under way is ended."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    return uvicorn.Server(config)


async def _unusable(request: Request, problem: Exception) -> Response:
    return JSONResponse({"message": " ".join(str(problem).split())}, 422, NOT_KEPT)


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, AnyHTTPException)
    return JSONResponse({"message": problem.detail}, problem.status_code, NOT_KEPT)


async def _malformed(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"message": f"{field}: {first['msg']}"}, 422, NOT_KEPT)
