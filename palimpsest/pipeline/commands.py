"""Running a stage as a command: named options, one-line errors, no partial output.

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
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.files.live_runs import end_with_pipeline

USER_ERROR = 2
"""Exit status for invalid input, the same as for a misspelt option."""


def run(main: Callable[..., None], arguments: list[str] | None = None) -> None:
    """Run `main` as a command and exit with its status.

    Every parameter of `main` becomes a named option; `--debug` is added. A `PalimpsestError` or an
    `OSError` (no such file, no space left) becomes one line on stderr and exit status 2; `--debug`
    also prints the traceback. Any other exception is a fault of the program and is shown in full.
    SIGTERM, and the end of the pipeline that started this process, unwind the stack as an interrupt
    does, so that temporary files are removed.

    Args:
        main: a function whose parameters are all typed.
        arguments: the command line without the program's name; `sys.argv[1:]` if None.
    """
    _start()
    app = _typer()
    app.command()(_with_debug(main))
    app(args=arguments)


@dataclass(frozen=True)
class Group:
    """Commands under one name: ``program GROUP NAME ...``; ``about`` is the group's help."""

    about: str
    commands: Mapping[str, Callable[..., None]]


def run_commands(
    commands: Mapping[str, Callable[..., None] | Group],
    about: str,
    version: str,
    arguments: list[str] | None = None,
) -> None:
    """As `run`, for a program of several commands: ``program NAME ...`` runs ``commands[NAME]``.

    ``about``: what ``program --help`` says first; ``version``: what ``program --version`` says. A
    parameter of a command that is annotated with `typer.Argument` is given by its place.
    Paragraphs of a command's docstring that are indented further than another are its examples,
    which ``--help`` shows as they stand. The shell can complete options and files
    (``program --install-completion``).
    """
    _start()
    app = _grouped(Group(about, commands), _typer(completion=True, groups=True), version)
    app(args=arguments)


def _grouped(group: Group, app: typer.Typer, version: str = "") -> typer.Typer:
    app.callback(help=group.about)(_version_option(version) if version else _no_options)
    for name, main in group.commands.items():
        if isinstance(main, Group):
            app.add_typer(_grouped(main, _typer(groups=True)), name=name)
        else:
            app.command(name, help=_with_examples(main.__doc__ or ""))(_with_debug(main))
    return app


def _with_examples(text: str) -> str:
    """A docstring whose indented paragraphs click leaves as they are."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(f"\b\n{one}" if one.startswith("  ") else one for one in paragraphs)


def _start() -> None:
    signal.signal(signal.SIGTERM, _leave)
    end_with_pipeline()
    if not gc.isenabled():
        gc.freeze()  # imported objects live until the end: no collection needs to visit them
        gc.enable()


def _typer(completion: bool = False, groups: bool = False) -> typer.Typer:
    return typer.Typer(
        add_completion=completion,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        no_args_is_help=groups,
    )


def _no_options() -> None:
    """Makes typer expect the name of a command also where there is only one."""


def _version_option(version: str) -> Callable[..., None]:
    def show(asked: bool) -> None:
        if asked:
            typer.echo(version)
            raise typer.Exit

    def options(
        version: Annotated[
            bool,
            typer.Option("--version", callback=show, is_eager=True, help="Show the version."),
        ] = False,
    ) -> None:
        pass

    options.__annotations__ = get_type_hints(options, include_extras=True, localns={"show": show})
    return options


def named_files(
    option: str, texts: Iterable[str], known: Collection[str] | None = None
) -> dict[str, Path]:
    """The files of repeated ``NAME=FILE`` texts, by name, in the order given.

    Raises `ParameterError` for a text of another form, for a name given twice, and for one that is
    not ``known``, if that is given.
    """
    files = named_texts(option, texts, "NAME=FILE")
    if known is not None and (unknown := [name for name in files if name not in known]):
        raise ParameterError(f"{option}: {unknown[0]!r} is none of {', '.join(known)}")
    return {name: Path(file) for name, file in files.items()}


def named_texts(option: str, texts: Iterable[str], form: str) -> dict[str, str]:
    """The values of repeated ``NAME=VALUE`` texts, by name, in the order given; ``form`` is that
    of the option.

    Raises `ParameterError` for a text of another form, and for a name given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ParameterError(f"{option}: {text!r} is not {form}")
        if name in found:
            raise ParameterError(f"{option}: {name} is given twice")
        found[name] = value
    return found


def numbered_files(option: str, texts: Iterable[str]) -> dict[int, Path]:
    """The files of repeated ``LAYER=FILE`` texts, by layer; errors as for `named_files`."""
    files = named_files(option, texts)
    if wrong := [name for name in files if not name.isdigit()]:
        raise ParameterError(f"{option}: {wrong[0]!r} is not the number of a layer")
    return {int(name): file for name, file in files.items()}


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
        except BrokenPipeError:
            raise  # who read the output has left: typer ends quietly
        except (PalimpsestError, OSError) as problem:
            if debug:
                traceback.print_exc()
            else:
                print(_one_line(problem), file=sys.stderr)
            raise typer.Exit(USER_ERROR) from None

    command.__signature__ = inspect.Signature([*parameters, debug])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*parameters, debug]}
    del command.__wrapped__  # otherwise typer reads the bare signature of `main`
    return command


def _named_option(hint: Any) -> Any:
    """The hint itself if it defines the option, else the hint with a bare `--name` option."""
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
