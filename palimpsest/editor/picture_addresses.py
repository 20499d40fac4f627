"""Addresses of pictures: samples, masks, goals, matches, outlines."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from palimpsest.editor.hub import Hub
from palimpsest.editor.messages import SAMPLES
from palimpsest.errors import ParameterError

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}

pictures = APIRouter()


@pictures.get("/pictures/{name}/{sample}.png")
async def picture(request: Request, name: str, sample: int) -> Response:
    """A sample as the state of this hash draws it."""
    hub: Hub = request.app.state.hub
    desk, recipe = await hub.recipe(name)
    if not await run_in_threadpool(desk.engine.drawable, recipe, sample):
        raise HTTPException(404, _nothing(sample))
    found = desk.engine.finished(recipe, sample)
    if found is None:
        async with hub.drawing:
            layer = desk.history.present.draft.layer
            found = await run_in_threadpool(desk.engine.picture, recipe, sample, layer)
    return _png(found)


@pictures.get("/masks/{key}.png")
async def mask(request: Request, key: str) -> Response:
    """A mask of the draft."""
    desk = await request.app.state.hub.the_desk()
    found = desk.mask(key)
    if found is None:
        raise HTTPException(404, "this mask is no longer part of the work")
    return _png(found)


@pictures.get("/goals/{name}/{exemplar}.png")
async def goal(request: Request, name: str, exemplar: int) -> Response:
    """The pasted sample as the layer is asked for it."""
    from palimpsest.editor.views import goal_picture

    desk, recipe = await request.app.state.hub.recipe(name)
    return _png_or_404(await run_in_threadpool(goal_picture, desk.engine, recipe, exemplar))


@pictures.get("/matches/{name}/{sample}.png")
async def matches(request: Request, name: str, sample: int) -> Response:
    """Where a sample matches the rule's direction."""
    from palimpsest.editor.views import heat_map

    desk, recipe = await request.app.state.hub.recipe(name)
    if not 0 <= sample < SAMPLES:
        raise HTTPException(404, f"there is no sample {sample}")
    return _png_or_404(await run_in_threadpool(heat_map, desk.engine, recipe, sample))


@pictures.get("/matches/{name}.json")
async def order(request: Request, name: str, among: str = "0-199") -> dict[str, Any]:
    """Samples sorted by their strongest match."""
    from palimpsest.editor.views import match_order

    desk, recipe = await request.app.state.hub.recipe(name)
    samples = numbers_in(among, 1000)
    found = await run_in_threadpool(match_order, desk.engine, recipe, samples)
    if found is None:
        raise HTTPException(404, "there is no rule to search with; copy and paste first")
    return {"order": [one for one, _ in found], "scores": [score for _, score in found]}


@pictures.get("/outlines/{sample}.json")
async def outlines(
    request: Request,
    sample: int,
    x: Annotated[float, Query(ge=0, lt=1)],
    y: Annotated[float, Query(ge=0, lt=1)],
) -> dict[str, Any]:
    """The labelled thing at a point of an unedited sample."""
    from palimpsest.editor.views import outline

    desk = await request.app.state.hub.the_desk()
    if not 0 <= sample < SAMPLES:
        raise HTTPException(404, f"there is no sample {sample}")
    recipe = desk.engine.recipe(desk.history.present)
    found = await run_in_threadpool(outline, desk.engine, recipe, sample, x, y)
    if found is None:
        raise HTTPException(404, f"{recipe.model} has no segmenter, so nothing has an outline")
    return {"label": found[0], "mask": found[1]}


def numbers_in(text: str, most: int) -> list[int]:
    """The samples of a list such as ``0-8,200-212``, at most so many.

    Raises `ParameterError` for another text.
    """
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or len(first) + len(last) > 12:
            raise ParameterError(f"{text!r} is not a list of samples, such as 0-8,200-212")
        begin, end = int(first), int(last or first)
        if not begin <= end < SAMPLES:
            raise ParameterError(f"{part}: the samples are 0 to {SAMPLES - 1}")
        if len(found) + end - begin + 1 > most:
            raise ParameterError(f"{text!r} are over {most} samples")
        found += range(begin, end + 1)
    return list(dict.fromkeys(found))


def _nothing(sample: int) -> str:
    if sample < 0:
        return "this photograph is not there, or its weights are adapted below a rule's layer"
    return f"there is no sample {sample}"


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png", headers=FOREVER)


def _png_or_404(content: bytes | None) -> Response:
    if content is None:
        raise HTTPException(404, "the rule is not complete; copy and paste first")
    return _png(content)
