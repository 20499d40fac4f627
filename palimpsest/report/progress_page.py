"""A page for the time while a run goes on: every figure of the report, as soon as it is made.

    begin(tables, figures, Path("results/progress.html"))       # before the first job
    finish(report, Path("results/progress.html"))               # leads on to the report

The page is written once, before the first job. Its pictures are files beside it, and what is not
there yet says so; the browser looks again every few seconds, without a server.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from palimpsest.files.atomic import atomic_write_text
from palimpsest.files.html import relative_link, render_template
from palimpsest.report.sections import Section, arrange, figure_title, table_title

TEMPLATES = Path(__file__).parent / "templates"

SECONDS = 5
"""How often an open page looks for new pictures."""


@dataclass(frozen=True)
class Awaited:
    """A table or figure of this run: its title, and its file relative to the page."""

    name: str
    title: str
    link: str
    is_figure: bool


@dataclass(frozen=True)
class AwaitedSection:
    """A section of the report with the figures and tables that this run makes for it."""

    section: Section
    figures: tuple[Awaited, ...]
    tables: tuple[Awaited, ...]


def begin(tables: Iterable[Path], figures: Iterable[Path], out: Path) -> bool:
    """Write the page to ``out``; False if that failed, which must not hinder the run."""
    try:
        atomic_write_text(out, render_progress(tables, figures, out))
    except OSError:
        return False
    return True


def finish(report: Path, out: Path) -> None:
    """Let ``out`` lead to the ``report``, or remove it where the run made none, if that can be."""
    with suppress(OSError):
        if report.exists():
            atomic_write_text(out, render_finished(relative_link(report, out)))
        else:
            out.unlink(missing_ok=True)


def render_progress(tables: Iterable[Path], figures: Iterable[Path], out: Path) -> str:
    """The page's HTML; neither tables nor figures need to be there.

    ``out``: path of the page, the base of its links.
    """
    awaited = {path.stem: _awaited(path, out, is_figure=False) for path in tables}
    awaited |= {path.stem: _awaited(path, out, is_figure=True) for path in figures}
    sections = []
    for section, names in arrange(awaited):
        of_section = [awaited[name] for name in names]
        drawn = tuple(one for one in of_section if one.is_figure)
        rows = tuple(one for one in of_section if not one.is_figure)
        sections.append(AwaitedSection(section, drawn, rows))
    return render_template(
        TEMPLATES / "progress.html.j2",
        sections=sections,
        figures=sum(len(one.figures) for one in sections),
        milliseconds=1000 * SECONDS,
    )


def render_finished(link: str) -> str:
    """The HTML of a page in its place that leads on to ``link``, the report relative to it."""
    return render_template(TEMPLATES / "finished.html.j2", report=link)


def _awaited(path: Path, out: Path, is_figure: bool) -> Awaited:
    title = figure_title(path.stem) if is_figure else table_title(path.stem)[0]
    return Awaited(path.stem, title, relative_link(path, out), is_figure)
