"""Figure 4: the same edits by every method.

The panel holds, for each edit, ``unmodified_<edit>`` and ``<method>_<edit>`` (S, H, W, 3) uint8.
A method at a further rank (`registry.at_rank`) may be there for some edits only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from palimpsest.errors import PalimpsestError
from palimpsest.files.panels import Panel
from palimpsest.lists_in_words import listed
from palimpsest.methods.registry import METHODS, with_rank
from palimpsest.report.figures.layout import (
    CELL,
    GAP,
    MARGIN,
    WIDE_GAP,
    column_heading,
    provenance,
    session_label,
)
from palimpsest.report.figures.sheet import Sheet, Style

LABEL = 1.32


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: methods; columns: samples, a block for each edit."""
    facts = panel.facts
    edits, methods = facts["sessions"], ["unmodified", *facts["methods"]]
    counts = [len(panel.arrays[f"unmodified_{edit}"]) for edit in edits]
    head = MARGIN + style.line * 2
    after_first = WIDE_GAP / 2
    width = MARGIN + LABEL + sum(n * CELL + (n - 1) * GAP for n in counts)
    width += (len(edits) - 1) * WIDE_GAP + MARGIN
    height = head + len(methods) * (CELL + GAP) - GAP + after_first + MARGIN
    sheet = Sheet(width, height, style)
    left = MARGIN + LABEL
    for edit, count in zip(edits, counts, strict=True):
        block = count * CELL + (count - 1) * GAP
        column_heading(sheet, session_label(edit), left, block)
        for row, method in enumerate(methods):
            top = head + row * (CELL + GAP) + (after_first if row else 0)
            if edit == edits[0]:
                label, ours, judged = row_heading(method)
                sheet.text(
                    label,
                    left - 0.1,
                    top + CELL / 2,
                    align="right",
                    weight="bold" if ours and judged else "normal",
                    colour=style.accent if ours else style.ink,
                )
            for i, picture in enumerate(panel.arrays.get(f"{method}_{edit}", ())):
                sheet.picture(picture, left + i * (CELL + GAP), top, CELL)
        left += block + WIDE_GAP
    return sheet, caption(panel)


def row_heading(method: str) -> tuple[str, bool, bool]:
    """A method's label, whether it is this project's own, and whether claims are made about it."""
    name, rank = with_rank(method)
    about = METHODS.get(name)
    if about is None:  # a panel of a method that is no longer registered
        return method, False, False
    if rank is not None:
        label = about.figure_label.replace("\n", " ")
        return f"{label},\nrank {rank}", not about.in_paper, False
    return about.figure_label, not about.in_paper, bool(about.subject)


def join(panels: Sequence[Panel]) -> Panel:
    """One panel from several that compare the same methods, in their order.

    A session that panels of several models have is called SESSION@MODEL in the joined one. Raises
    `PalimpsestError` for panels of different methods, or a session of one model that occurs twice.
    """
    first = panels[0].facts
    counts = Counter(name for panel in panels for name in panel.facts["sessions"])
    panels = [
        _told_apart(panel, {n for n, count in counts.items() if count > 1}) for panel in panels
    ]
    sessions = [name for panel in panels for name in panel.facts["sessions"]]
    if len(set(sessions)) < len(sessions):
        raise PalimpsestError(f"panels of {', '.join(sessions)}: each edit can be shown only once")
    rows = [_rows(panel) for panel in panels]
    if any(methods != rows[0][0] for methods, _ in rows):
        raise PalimpsestError("panels of different methods cannot be compared; compute them again")
    further = dict.fromkeys(method for _, ranked in rows for method in ranked)
    arrays = {name: array for panel in panels for name, array in panel.arrays.items()}
    weights = [str(panel.facts["weights_sha256"]) for panel in panels]
    subjects = [name for panel in panels for name in panel.facts["subjects"]]
    together = {
        "sessions": sessions,
        "methods": [*rows[0][0], *further],
        "subjects": subjects,
        "models_sha256": weights,
    }
    return Panel(arrays, {**first, **together})


def _rows(panel: Panel) -> tuple[list[str], list[str]]:
    """The panel's methods at the session's rank, and those at further ranks."""
    methods = panel.facts["methods"]
    ranked = [method for method in methods if with_rank(method)[1] is not None]
    return [method for method in methods if method not in ranked], ranked


def _told_apart(panel: Panel, shared: Set[str]) -> Panel:
    """The panel with its model in the names of those of its sessions that others have too."""
    if not shared & set(panel.facts["sessions"]) or "model" not in panel.facts:
        return panel
    model = panel.facts["model"]
    longer = {
        name: f"{name}@{model}" if name in shared else name for name in panel.facts["sessions"]
    }
    arrays = {
        f"{kind}_{long}": panel.arrays[f"{kind}_{name}"]
        for name, long in longer.items()
        for kind in ("samples", "unmodified", *panel.facts["methods"])
        if f"{kind}_{name}" in panel.arrays
    }
    return Panel(arrays, {**panel.facts, "sessions": list(longer.values())})


def caption(panel: Panel) -> str:
    """The caption: what is shown, and how the samples were chosen."""
    facts = panel.facts
    edits = listed(session_label(edit) for edit in facts["sessions"])
    further = "A row that names a rank is of the edits solved at that rank too. "
    return (
        f"The same edits by every method: {edits}. Each row is a method, each column a sample. "
        f"{further if _rows(panel)[1] else ''}"
        "Shown are the first samples of each stream in which the segmenter sees the subject "
        f"({'; '.join(facts['subjects'])}) on at least {facts['least_percent']:g} % of the "
        "pixels; none was chosen by hand, and none was used to make the edits. "
        f"{provenance(facts)}"
    ).strip()
