"""The WebSocket of changes: snapshots and news to the page, validated messages from it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, WebSocket
from fastapi.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from palimpsest.editor.answers import ErrorMessage
from palimpsest.editor.hub import BACKLOG, Hub
from palimpsest.editor.messages import Adapt, Improve, Show, Stop, parse
from palimpsest.errors import PalimpsestError

if TYPE_CHECKING:
    from palimpsest.editor.desk import Desk

socket_of_changes = APIRouter()


@socket_of_changes.websocket("/changes")
async def changes(socket: WebSocket) -> None:
    await socket.accept()
    hub: Hub = socket.app.state.hub
    try:
        desk = await hub.the_desk()
    except HTTPException as problem:
        await socket.send_text(ErrorMessage(answers=None, message=problem.detail).text())
        await socket.close(1011)
        return
    viewer = next(hub.numbers)
    queue: asyncio.Queue[str | None] = asyncio.Queue(BACKLOG)
    hub.queues[viewer] = queue
    await run_in_threadpool(desk.greet, viewer)
    sending = asyncio.create_task(_send(socket, queue))
    receiving = asyncio.create_task(_receive(socket, hub, desk, viewer, queue))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.queues.pop(viewer, None)
        for task in (sending, receiving):
            task.cancel()
        await asyncio.wait({sending, receiving})
        for task in (sending, receiving):
            _ = task.cancelled() or task.exception()  # the page has gone: nobody to tell
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(1001)
        await run_in_threadpool(desk.leave, viewer)


async def _send(socket: WebSocket, queue: asyncio.Queue[str | None]) -> None:
    while (text := await queue.get()) is not None:
        await socket.send_text(text)


async def _receive(
    socket: WebSocket, hub: Hub, desk: Desk, viewer: int, queue: asyncio.Queue[str | None]
) -> None:
    while True:
        try:
            text = await socket.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            return
        answers = None
        try:
            message = await run_in_threadpool(parse, text)
            answers = message.id
            if isinstance(message, Show):
                await run_in_threadpool(desk.show, viewer, message.samples)
                continue
            if isinstance(message, Stop):
                stop = desk.stop if message.what == "improve" else desk.photographs.stop
                await run_in_threadpool(stop)
                continue
            if isinstance(message, Adapt):
                await run_in_threadpool(desk.photographs.adapt, message.photograph)
                continue
            if isinstance(message, Improve):
                await run_in_threadpool(desk.improve, message.id)
                continue
            async with hub.changing:
                await run_in_threadpool(desk.change, message)
        except (PalimpsestError, ValueError, OSError) as problem:
            sentence = " ".join(str(problem).split())
            queue.put_nowait(ErrorMessage(answers=answers, message=sentence).text())
