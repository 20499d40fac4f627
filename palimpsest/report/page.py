"""The report: one HTML file with every table and figure, that needs nothing but itself.

    html = render_page(tables=[Path("table2_domes.csv")], figures=[Path("fig01_rules.png")],
                       out=Path("results/report.html"))

Pictures are embedded, styles are inline, nothing is fetched; links to the CSV files and the
full-size pictures are relative to ``out``.
"""

from __future__ import annotations

import base64
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError

from palimpsest.errors import PalimpsestError
from palimpsest.report.figures import facts_of
from palimpsest.report.table_view import TableView, read_rows, view_table
from palimpsest.worlds import world_names

TABLE_TITLES = {
    "table2_domes": (
        "Table 2. What became of the domes",
        "One rule of the church generator rewritten by every method. “Turned target” is the share "
        "of dome pixels that became a target class, the paper’s measure; “outside” is everything "
        "that was no dome. In small print: the 95 % interval.",
    ),
    "edits": (
        "Edits",
        "Every session with the edit that its own solver made: the goal’s loss before and after, "
        "the change on keys it was not meant for, and what it cost.",
    ),
    "generator_grades": (
        "The generators against their worlds",
        "A mini generator learned to draw what a procedural renderer draws; since the renderer "
        "knows the truth, it can grade the generator. “World” is what the same instruments say of "
        "the renders of the same z, “truth” what is really in them.",
    ),
    "causal_rule": (
        "Is the rule in the network?",
        "In kitchens without a window its features are put in, at one layer, and the reflection on "
        "the table is watched: all features of another sample spliced in, the units that make "
        "windows set by hand, or those that merely fit windows best. “Echo” is the share of the "
        "natural gap, between samples with the window and without. The rule was trained in "
        "(docs/mini-generators.md); it did not emerge.",
    ),
    "table3_watermarks": (
        "Table 3. Watermarks left",
        "Units silenced that are most specific to the marks, against rank-one rules whose goal is "
        "an erased mark: one rule for both marks, and one for each. Counts are corrected for the "
        "detectors’ known errors.",
    ),
    "reflection": (
        "Reflections turned round (section 5.3)",
        "In the kitchens the windows are switched on and off by their units, and one layer is "
        "tuned until the table mirrors the windows that are not there. The rule is how much "
        "brighter the echo is with windows than without: above zero before, below zero after.",
    ),
    "instrument_grades": (
        "The instruments",
        "How far the figures on this page may be trusted: each instrument on held-out renders, "
        "sharp ones, and blurred ones that are about as soft as generated images.",
    ),
}

FIGURE_TITLES = {
    "fig01_rules": "Figure 1. Rules rewritten in succession",
    "fig02_memory": "Figure 2. A layer as a memory",
    "fig04_comparison": "Figure 4. The same edit by every method",
    "fig05_watermarks": "Figure 5. Watermarks erased",
    "fig06_reflections": "Figure 6. Reflections turned round",
    "fig07_hats": "Figure 7. Hats on horses",
    "fig08_tails": "Figure 8. Long tails",
    "fig09_windows": "Figure 9. Windows removed",
    "fig10_trees": "Figure 10. Trees removed",
    "fig11_earrings": "Figure 11. Earrings removed",
    "fig12_glasses": "Figure 12. Glasses removed",
    **{f"figS3_generator_{name}": f"Figure S3. The {name} generator" for name in world_names()},
}

PACKAGES = ("torch", "numpy", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class FigureView:
    """A figure ready to show: its picture as a data URL, its size in pixels, its caption."""

    name: str
    title: str
    data_url: str
    link: str
    width: int
    height: int
    caption: str


def render_page(tables: Sequence[Path], figures: Sequence[Path], out: Path) -> str:
    """The page's HTML.

    Args:
        tables: CSV files; figures: PNG files, each with its caption beside it (``.txt``).
        out: where the page will lie, which relative links start from.

    Raises:
        PalimpsestError: a table without rows, or a picture that is none.
        FileNotFoundError: a file, or a figure's caption, is missing.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = {path.stem: read_rows(path) for path in tables}
    pictured = [_figure(path, out) for path in figures]
    return environment.get_template("report.html.j2").render(
        tables=[
            (*_title(path.stem), view_table(path.stem, rows[path.stem]), _link(path, out))
            for path in tables
        ],
        figures=pictured,
        provenance=provenance([facts_of(path) for path in figures], rows.values()),
    )


def provenance(
    facts: Iterable[Mapping[str, Any]], tables: Iterable[Sequence[Mapping[str, str]]]
) -> list[tuple[str, str]]:
    """What made the results, as (label, values): models, scale, samples, seeds and versions."""
    facts = list(facts)
    columns = [{name: row[name] for name in row} for rows in tables for row in rows]

    def said(*names: str) -> str:
        found = {
            str(source[name])
            for source in (*facts, *columns)
            for name in names
            if source.get(name) not in (None, "")
        }
        return ", ".join(sorted(found, key=lambda text: (len(text), text)))

    lines = [
        ("scale", said("scale")),
        ("model weights (sha256 of the tensors)", said("weights_sha256")),
        ("images measured or searched (n)", said("n")),
        ("seeds of samples", said("seed")),
        ("perceptual distance", said("perceptual")),
        ("segmenter", said("segmenter")),
        ("versions", ", ".join(_versions())),
    ]
    return [(label, text) for label, text in lines if text]


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def _title(name: str) -> tuple[str, str]:
    return TABLE_TITLES.get(name, (name.replace("_", " ").capitalize(), ""))


def _figure(path: Path, out: Path) -> FigureView:
    content = path.read_bytes()
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except UnidentifiedImageError as problem:
        raise PalimpsestError(f"{path}: is no picture; draw the figure again") from problem
    return FigureView(
        name=path.stem,
        title=FIGURE_TITLES.get(path.stem, path.stem.replace("_", " ")),
        data_url="data:image/png;base64," + base64.b64encode(content).decode("ascii"),
        link=_link(path, out),
        width=width,
        height=height,
        caption=path.with_suffix(".txt").read_text(encoding="utf-8").strip(),
    )


def _link(path: Path, out: Path) -> str:
    return Path(os.path.relpath(path, out.parent)).as_posix()


__all__ = ["FigureView", "TableView", "provenance", "render_page"]
