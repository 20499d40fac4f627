"""`--help` of every stage: what it writes, and what each option sets."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_type_hints

import pytest
import typer
from typer.models import OptionInfo

import stages
from palimpsest.pipeline import shared_options

NAMES = sorted(module.name for module in pkgutil.iter_modules(stages.__path__))
SHARED = {
    option.__metadata__[0].help: name
    for name, option in vars(shared_options).items()
    if hasattr(option, "__metadata__")
}
"""Names of the shared options, by help text."""


def stage(name: str) -> ModuleType:
    return importlib.import_module(f"stages.{name}")


def options(main: Any) -> Iterator[tuple[str, OptionInfo]]:
    hints = get_type_hints(main, include_extras=True)
    for name, hint in hints.items():
        if name != "return":
            (info,) = [one for one in hint.__metadata__ if isinstance(one, OptionInfo)]
            yield name, info


@pytest.mark.parametrize("name", NAMES)
def test_help_says_what_is_written_and_what_each_option_sets(name: str) -> None:
    main = stage(name).main
    assert main.__doc__ and main.__doc__.endswith("."), "main has no sentence on what it writes"
    for option, info in options(main):
        assert info.help, option
        assert info.help.endswith((".", "]")), info.help


def test_every_shared_option_has_a_text_of_its_own() -> None:
    assert set(vars(shared_options)) >= set(SHARED.values())
    defined = [one for one in vars(shared_options).values() if hasattr(one, "__metadata__")]
    assert len(SHARED) == len(defined)


@pytest.mark.parametrize(
    ("option", "texts"),
    [
        ("truncation", {"Truncation"}),
        ("perceptual", {"Perceptual"}),
        ("alexnet", {"AlexNet"}),
        ("scale", {"Scale"}),
        ("intervals", {"IntervalsJson"}),
        ("image_methods", {"ImageMethods"}),
        ("batch", {"Batch", "FittedBatch"}),
    ],
)
def test_a_shared_option_reads_the_same_in_every_stage(option: str, texts: set[str]) -> None:
    found = {
        SHARED.get(info.help)
        for name in NAMES
        for given, info in options(stage(name).main)
        if given == option
    }
    assert found and found <= texts


def test_options_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(stage("tabulate_edits").main)
    with pytest.raises(SystemExit):
        app(args=["--help"])
    shown = capsys.readouterr().out
    assert "Write one row for each edit" in shown and "Table to write (.csv)." in shown
