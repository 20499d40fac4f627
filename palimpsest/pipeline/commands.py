"""How a stage becomes a command: named options, one line for a user's mistake, no partial output.

A stage is a typed function and two lines below it::

    def main(weights: Path, out: Annotated[Path, typer.Option()]) -> None: ...

    if __name__ == "__main__":
        run(main)

and is called as ``python -m stages.rewrite --weights ... --out ...``.
"""

from __future__ import annotations

import functools
import gc
import inspect
import json
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.files.live_runs import end_with_pipeline

USER_ERROR = 2
"""Exit status for input that cannot be used; the same that a misspelt option gets."""


def run(main: Callable[..., None], arguments: list[str] | None = None) -> None:
    """Run `main` as a command and leave the process with its exit status.

    Every parameter of `main` becomes a named option; `--debug` is added. A `PalimpsestError` or an
    `OSError` (no such file, no space left) becomes one line on stderr and exit status 2; the
    traceback comes only with `--debug`. Any other exception is a fault of the program and is
    shown in full. SIGTERM unwinds like an interrupt, so that temporary files are removed; so does
    the end of the pipeline that started this process.

    Args:
        main: a function of typed parameters.
        arguments: what stands behind the program's name; `sys.argv[1:]` if None.
    """
    signal.signal(signal.SIGTERM, _leave)
    end_with_pipeline()
    if not gc.isenabled():
        gc.freeze()  # what was imported stays to the end: no collection need go through it
        gc.enable()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(_with_debug(main))
    app(args=arguments)


def method_path(text: str) -> tuple[str, Path]:
    """What ``--edit METHOD=PATH`` says. Raises `ParameterError` for anything else."""
    name, _, path = text.partition("=")
    if not (name and path):
        raise ParameterError(
            f"--edit: {text!r} is not METHOD=PATH, such as newton=edit.safetensors"
        )
    return name, Path(path)


def named_files(option: str, pairs: list[str]) -> dict[str, Path]:
    """What ``NAME=FILE`` texts say, by name. Raises `ParameterError` for anything else."""
    found = {}
    for pair in pairs:
        name, _, file = pair.partition("=")
        if not (name and file):
            raise ParameterError(f"{option}: {pair!r} is not NAME=FILE")
        found[name] = Path(file)
    return found


def layer_files(option: str, pairs: list[str]) -> dict[int, Path]:
    """What ``LAYER=PATH`` texts say, by layer. Raises `ParameterError` for anything else."""
    files = {}
    for text in pairs:
        number, _, path = text.partition("=")
        if not (number.isdigit() and path):
            raise ParameterError(
                f"{option} {text!r} is not LAYER=PATH, such as 6=layer6.safetensors"
            )
        files[int(number)] = Path(path)
    return files


def names(option: str, text: str) -> tuple[str, ...]:
    """What ``a,b,c`` says; nothing for no text. Raises `ParameterError` for a name given twice."""
    found = tuple(name for name in text.split(",") if name)
    if len(set(found)) < len(found):
        raise ParameterError(f"{option}: {text} has a name twice")
    return found


def json_settings(
    option: str, text: str, needed: Mapping[str, Callable[[Any], Any]] | None = None
) -> dict[str, Any]:
    """The object that an option holds as JSON; where ``needed`` is given, with those names only.

    ``needed``: what turns each value into what it must be, such as ``int``. Raises
    `ParameterError` for text that is no JSON object, and for a name that is unknown or missing.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as problem:
        raise ParameterError(f"{option}: no JSON object ({problem})") from None
    if not isinstance(found, dict):
        raise ParameterError(f'{option}: no JSON object, such as {{"mu": 0.1}}')
    if needed is None:
        return found
    if unknown := sorted(found.keys() - needed.keys()):
        raise ParameterError(f"{option}: {unknown[0]} is unknown; known: {sorted(needed)}")
    if missing := sorted(needed.keys() - found.keys()):
        raise ParameterError(f"{option}: {missing[0]} is missing")
    try:
        return {name: kind(found[name]) for name, kind in needed.items()}
    except (ValueError, TypeError) as problem:
        raise ParameterError(f"{option}: {problem}") from problem


def interval_settings(text: str) -> dict[str, Any]:
    """``level``, ``resamples`` and ``seed`` of JSON ``--settings``, as `json_settings`."""
    return json_settings("--settings", text, {"level": float, "resamples": int, "seed": int})


def _with_debug(main: Callable[..., None]) -> Callable[..., None]:
    hints = get_type_hints(main, include_extras=True)
    parameters = [
        parameter.replace(
            annotation=_named_option(hints[parameter.name]), kind=inspect.Parameter.KEYWORD_ONLY
        )
        for parameter in inspect.signature(main).parameters.values()
    ]
    debug = inspect.Parameter(
        "debug",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
    )

    @functools.wraps(main)
    def command(*, debug: bool, **options: Any) -> None:
        try:
            main(**options)
        except (PalimpsestError, OSError) as problem:
            if debug:
                traceback.print_exc()
            else:
                print(_one_line(problem), file=sys.stderr)
            raise typer.Exit(USER_ERROR) from None

    command.__signature__ = inspect.Signature([*parameters, debug])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*parameters, debug]}
    del command.__wrapped__  # or its bare signature would be read instead of the one above
    return command


def _named_option(hint: Any) -> Any:
    """The hint as it is if it says how to read the option, else with a bare `--name` option."""
    return hint if hasattr(hint, "__metadata__") else Annotated[hint, typer.Option()]


def _one_line(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        named = f"{problem.filename}: " if problem.filename is not None else ""
        text = f"{named}{problem.strerror}"
    else:
        text = str(problem) or type(problem).__name__
    return "error: " + " ".join(text.split())


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
