"""Addresses of the units of a painted place and of their maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from palimpsest.editor.answers import UnitsSeen
from palimpsest.editor.messages import SAMPLES
from palimpsest.editor.picture_addresses import FOREVER
from palimpsest.editor.unit_changes import unit_place
from palimpsest.errors import ParameterError

units = APIRouter()


@units.get("/units/{layer}/{sample}.json")
async def fitting(
    request: Request, layer: int, sample: int, count: Annotated[int, Query(ge=1, le=200)] = 8
) -> UnitsSeen:
    """The units of a layer that fit the painted place of a sample best."""
    from palimpsest.editor.unit_views import fitting_units

    desk = await request.app.state.hub.the_desk()
    work = desk.history.present
    place = unit_place(work, layer, sample)
    if place is None:
        raise HTTPException(404, f"no place is painted on sample {sample}")
    return await run_in_threadpool(fitting_units, desk.engine, work, place, count)


@units.get("/units/{name}/{layer}/{sample}/{unit}.png")
async def unit_map(request: Request, name: str, layer: int, sample: int, unit: int) -> Response:
    """Where a unit is active on a sample."""
    from palimpsest.editor.unit_views import activation_map

    desk, recipe = await request.app.state.hub.recipe(name)
    if not 0 <= sample < SAMPLES:
        raise HTTPException(404, f"there is no sample {sample}")
    try:
        content = await run_in_threadpool(activation_map, desk.engine, recipe, layer, sample, unit)
    except ParameterError as problem:
        raise HTTPException(404, str(problem)) from None
    return Response(content, media_type="image/png", headers=FOREVER)
