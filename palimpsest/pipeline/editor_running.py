"""Running the editor: the command's options become a place, a socket and an application."""

from __future__ import annotations

import secrets
import sys
import threading
from pathlib import Path

from palimpsest.errors import ParameterError, SessionError
from palimpsest.files.session_files import left_out_line, session_files
from palimpsest.pipeline.editor_places import editor_place
from palimpsest.pipeline.shipped_models import NO_CHECKOUT, checkout


def run_editor(
    model: str | None,
    weights: Path | None,
    host: str,
    port: int,
    token: str | None,
    drafts: Path | None,
    threads: int = 1,
    of_class: int | None = None,
    estimate_mean: bool = False,
    network: str | None = None,
    z_dim: int | None = None,
) -> None:
    """Serve the editor until it is interrupted; arguments as in the command `palimpsest editor`.

    Session files whose names do not follow the rule are named on stderr, and left out. The models
    are those of the checkout that one is in, or else of the installed one. Raises
    `ParameterError` for a model or weights that are not there, and a port that is taken;
    `SessionError` if the weights cannot be read, or another editor is open on the drafts.
    """
    folder = checkout() if weights is None and network is None else Path()
    if folder is None:
        raise ParameterError(f"{NO_CHECKOUT}; give the file of a generator with --weights")
    place = editor_place(folder, model, weights, drafts, of_class, estimate_mean, network, z_dim)
    folders = [one.sessions for one in place.models.values()]
    left_out = [path for one in folders for path in session_files(one).left_out]
    if left_out:
        print(left_out_line(left_out), file=sys.stderr)
    loading = threading.Thread(target=_import_torch, daemon=True)
    loading.start()  # seconds, in which the server starts
    from palimpsest.editor.guards import is_loopback
    from palimpsest.editor.hub import Publish
    from palimpsest.editor.server import listen, make_app, server_of

    listening = listen(host, port)
    shown_port = listening.getsockname()[1]
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(16)
    hosts = ["127.0.0.1", "localhost", "::1"] if is_loopback(host) else []
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host
    address = f"http://{shown}:{shown_port}/" + (f"?token={token}" if token else "")

    def opens(publish: Publish):  # type: ignore[no-untyped-def]
        loading.join()
        import torch

        from palimpsest.editor.desk import Desk

        torch.set_num_threads(threads)
        return Desk.open(place, publish)

    failures: list[str] = []

    def on_ready(failure: str) -> None:
        if failure:
            failures.append(failure)
            server.should_exit = True

    server = server_of(make_app(opens, hosts, token, on_ready=on_ready))
    print(f"The editor is at {address}   (Ctrl+C ends it)", file=sys.stderr, flush=True)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    if failures:
        raise SessionError(failures[0])


def _import_torch() -> None:
    import torch  # noqa: F401
