"""The report: one HTML file with every table and figure, self-contained.

    html = render_page(tables=[Path("table2_domes.csv")], figures=[Path("fig01_rules.png")],
                       out=Path("results/report.html"))

It opens with the paper's claims and whether this run supports them (`palimpsest.report.claims`), or
with a warning that random stand-ins were measured. Then follow the results in the paper's order
(`palimpsest.report.sections`). Pictures and styles are embedded; links to the CSV files and the
full-size pictures are relative to ``out``.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image

from palimpsest.errors import PalimpsestError
from palimpsest.files.html import picture_data_url, relative_link, render_template
from palimpsest.report.claims import NEAR, Claim, judge
from palimpsest.report.figures import facts_of
from palimpsest.report.figures.layout import QUICK
from palimpsest.report.sections import CLAIMS, Section, arrange, figure_title, table_title
from palimpsest.report.table_view import TableView, read_rows, view_table

TALLIED = {
    True: ("holds", "hold"),
    False: ("does not hold at this scale", "do not hold at this scale"),
    None: ("is undecided", "are undecided"),
}
"""Verdicts in the singular and the plural."""

STAND_INS = "stand_ins"
"""The scale whose generators and instruments are random: its page judges no claim."""

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
"""The last chunk of every complete PNG: its length, name and checksum."""

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"

PACKAGES = ("torch", "numpy", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class FigureView:
    """A figure to show: its picture as a data URL, its size in pixels, its caption."""

    name: str
    title: str
    data_url: str
    link: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class TableShown:
    """A table to show, with its title, an introduction and the link to its CSV."""

    name: str
    title: str
    about: str
    view: TableView
    link: str


@dataclass(frozen=True)
class ShownSection:
    """A section with the tables and figures that it shows, in order."""

    section: Section
    shown: tuple[TableShown | FigureView, ...]

    @property
    def note(self) -> str:
        """What to say in place of something that this run lacks; empty if it lacks nothing."""
        name, words = self.section.optional or ("", "")
        return words if all(one.name != name for one in self.shown) else ""


@dataclass(frozen=True)
class Topic:
    """A claim of the paper with all measurements of it."""

    claim: str
    paper_section: str
    judged: tuple[Claim, ...]


def render_page(tables: Sequence[Path], figures: Sequence[Path], out: Path) -> str:
    """The page's HTML.

    Args:
        tables: CSV files; figures: PNG files, or WebP files that move, each with its caption beside
            it (``.txt``).
        out: path of the page, the base of relative links.

    Raises:
        PalimpsestError: a table without rows, or a damaged picture.
        FileNotFoundError: a file, or a figure's caption, is missing.
    """
    rows = {path.stem: read_rows(path) for path in tables}
    shown = [_table(path, rows[path.stem], out) for path in tables]
    shown += [_figure(path, out) for path in figures]
    facts = {path.stem: facts_of(path) for path in figures if path.suffix == ".png"}
    scales = {row.get("scale") for table in rows.values() for row in table}
    stand_ins = STAND_INS in scales
    claims = [] if stand_ins else judge(rows, facts)
    return render_template(
        TEMPLATE,
        stand_ins=stand_ins,
        quick=QUICK in scales,
        parts=parts(shown),
        topics=topics(claims),
        tally=tally(claim for claim in claims if not claim.own),
        own_tally=tally(claim for claim in claims if claim.own),
        unmeasured=[claim.claim for claim in claims if not claim.where],
        near=f"{NEAR:g}",
        titles={one.name: one.title.partition(". ")[0] for one in shown},
        provenance=provenance(facts.values(), rows.values()),
    )


def parts(shown: Sequence[TableShown | FigureView]) -> list[ShownSection]:
    """The tables and figures by section of the page."""
    return [
        ShownSection(section, tuple(one for name in names for one in shown if one.name == name))
        for section, names in arrange(one.name for one in shown)
    ]


def topics(claims: Iterable[Claim]) -> list[Topic]:
    """Claims that were measured, grouped by topic."""
    judged = [claim for claim in claims if claim.where]
    return [
        Topic(*about, found)
        for topic, about in CLAIMS.items()
        if (found := tuple(claim for claim in judged if claim.topic == topic))
    ]


def tally(claims: Iterable[Claim]) -> str:
    """Number of measured claims by verdict: "3 hold, 1 is undecided"."""
    count = Counter(claim.holds for claim in claims if claim.where)
    return ", ".join(
        f"{count[holds]} {words[count[holds] > 1]}"
        for holds, words in TALLIED.items()
        if count[holds]
    )


def provenance(
    facts: Iterable[Mapping[str, Any]], tables: Iterable[Sequence[Mapping[str, str]]]
) -> list[tuple[str, str]]:
    """Provenance of the results as (label, values): models, scale, samples, seeds and versions."""
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
        ("images not in float32", said("drawn_in")),
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


def _table(path: Path, rows: list[dict[str, str]], out: Path) -> TableShown:
    name = path.stem
    return TableShown(name, *table_title(name), view_table(name, rows), relative_link(path, out))


def _figure(path: Path, out: Path) -> FigureView:
    content = path.read_bytes()
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            picture.verify()
    except (OSError, SyntaxError) as problem:  # Pillow raises SyntaxError for a broken PNG
        raise PalimpsestError(
            f"{path}: is not a picture, or damaged; draw the figure again"
        ) from problem
    kind = path.suffix.removeprefix(".")
    if kind == "png" and not content.endswith(PNG_END):
        raise PalimpsestError(f"{path}: is cut short; draw the figure again")
    return FigureView(
        name=path.stem,
        title=figure_title(path.stem),
        data_url=picture_data_url(content, kind),
        link=relative_link(path, out),
        width=width,
        height=height,
        caption=path.with_suffix(".txt").read_text(encoding="utf-8").strip(),
    )
