"""Addresses of files: sessions to open and to save, edits, sheets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from palimpsest.editor.messages import Name
from palimpsest.editor.picture_addresses import numbers_in
from palimpsest.errors import PalimpsestError

files = APIRouter()

MEGABYTE = 2**20
LIMITS = {
    "/sessions/upload": 16 * MEGABYTE,
    "/edits/upload": 64 * MEGABYTE,
    "/photographs": 32 * MEGABYTE,
}
"""Bytes that these addresses take."""


class Saving(BaseModel):
    """How to save the draft."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, max_length=300)
    overwrite: bool = False


@files.get("/sessions")
async def sessions(request: Request) -> dict[str, Any]:
    """The sessions that can be opened."""
    from palimpsest.editor.saved_sessions import listed

    desk = await request.app.state.hub.the_desk()
    model = desk.history.present.model
    found = await run_in_threadpool(listed, desk.place, model)
    return {"sessions": [{**one.model_dump(), "model": model} for one in found]}


@files.put("/sessions/{name}")
async def save(request: Request, name: Name, how: Saving) -> Response:
    """Save the draft."""
    from palimpsest.editor.saved_sessions import NameTaken

    desk = await request.app.state.hub.the_desk()
    try:
        path = await run_in_threadpool(desk.save, name, how.title, how.overwrite)
    except NameTaken as problem:
        raise HTTPException(409, str(problem)) from None
    return JSONResponse({"name": name, "file": str(path)})


@files.post("/sessions/upload")
async def open_session(request: Request, name: str = "session.json") -> dict[str, str]:
    """A session file, of this project or the original's, becomes the draft."""
    desk = await request.app.state.hub.the_desk()
    content = await request.body()
    return {"name": await run_in_threadpool(desk.open_file, content, _base(name) or "session")}


@files.post("/edits/upload")
async def open_edit(request: Request, name: str = "edit.safetensors") -> dict[str, str]:
    """The edit of a file becomes a rule of the stack."""
    desk = await request.app.state.hub.the_desk()
    content = await request.body()
    stem = _base(name).removesuffix(".safetensors")[:100] or "edit"
    await run_in_threadpool(desk.add_edit, content, stem)
    return {"name": stem}


@files.post("/photographs", status_code=202)
async def put_in(request: Request, name: str = "photograph") -> dict[str, str]:
    """A picture file becomes a sample; that takes a while, and the socket tells how far it is."""
    desk = await request.app.state.hub.the_desk()
    content = await request.body()
    title = _base(name) or "photograph"
    await run_in_threadpool(desk.photographs.add, content, title)
    return {"title": title}


@files.get("/downloads/session.json")
async def session_file(request: Request) -> Response:
    """The draft as a session file."""
    desk = await request.app.state.hub.the_desk()
    session = await _or_conflict(desk.session)
    return _download(session.to_json().encode(), f"{session.name}.json", "application/json")


@files.get("/downloads/edit.safetensors")
async def edit_file(request: Request, rule: str | None = None) -> Response:
    """The edit of the draft or of a rule."""
    desk = await request.app.state.hub.the_desk()

    def written() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "edit.safetensors"
            desk.edit(rule).save(path)
            return path.read_bytes()

    content = await _or_conflict(written)
    names = {one.id: one.name for one in desk.history.present.rules}
    name = names.get(rule or "", desk.history.present.draft.name)
    return _download(content, f"{_base(name)}.safetensors", "application/octet-stream")


@files.get("/downloads/sheet.png")
async def sheet_file(request: Request, samples: str = "0-7") -> Response:
    """Samples before (above) and after (below)."""
    from palimpsest.editor.views import sheet

    desk = await request.app.state.hub.the_desk()
    recipe = desk.engine.recipe(desk.history.present)
    content = await run_in_threadpool(sheet, desk.engine, recipe, numbers_in(samples, 64))
    return _download(content, "before-and-after.png", "image/png")


@files.get("/downloads/weights.safetensors")
async def weights_file(request: Request) -> Response:
    """The weights with all rules in them, as the screen shows them."""
    from palimpsest.editor.views import weights

    desk = await request.app.state.hub.the_desk()
    recipe = desk.engine.recipe(desk.history.present)
    content = await _or_conflict(lambda: weights(desk.engine, recipe))
    return _download(content, f"{recipe.model}-edited.safetensors", "application/octet-stream")


async def _or_conflict(make: Callable[[], Any]) -> Any:
    try:
        return await run_in_threadpool(make)
    except PalimpsestError as problem:
        raise HTTPException(409, " ".join(str(problem).split())) from None


def _base(name: str) -> str:
    """The last part of a file's name, with nothing in it that a header or a path could misread."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in last)[:120]


def _download(content: bytes, name: str, kind: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(content, media_type=kind, headers=headers)
