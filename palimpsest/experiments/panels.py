"""The panels that the stage `render_panel` computes, by the name of their figure.

    sources = Sources(generator, edits={"remove_window": path}, sessions={...}, pairs=12, ...)
    arrays, facts = compute_panel("fig09_windows", sources)

A panel is drawn by `palimpsest.report.figures`. No sample is chosen by hand: a figure shows those
that score highest along an edit's directions, or the first in which a segmenter sees the subject.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.panel import compute_comparison
from palimpsest.experiments.doors.panel import compute_doors
from palimpsest.experiments.edits.memory_panel import compute_memory
from palimpsest.experiments.edits.pairs_panel import compute_pairs
from palimpsest.experiments.edits.rules_panel import compute_rules
from palimpsest.experiments.edits.session_panel import compute_session
from palimpsest.experiments.panel_sources import Arrays, Facts, Sources

PANELS: dict[str, Callable[[Sources], tuple[Arrays, Facts]]] = {
    "fig01_rules": compute_rules,
    "fig02_memory": compute_memory,
    "fig03_session": compute_session,
    "fig04_comparison": compute_comparison,
    "fig04_smile": compute_comparison,
    "fig04_photo_smile": compute_comparison,
    "fig07_hats": compute_pairs,
    "fig08_tails": compute_pairs,
    "fig09_windows": compute_pairs,
    "fig10_trees": compute_pairs,
    "fig11_earrings": compute_pairs,
    "fig12_glasses": compute_pairs,
    "figS1_doors": compute_doors,
    "figS8_glasses_off": compute_pairs,
    "figS9_moustache_on": compute_pairs,
}


def compute_panel(name: str, sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of one figure's panel.

    Raises:
        ParameterError: an unknown figure, or a source that it needs is not given.
    """
    if name not in PANELS:
        raise ParameterError(f"no panel is called {name!r}; there are: {', '.join(PANELS)}")
    if not sources.edits or not sources.sessions:
        raise ParameterError(f"figure {name}: needs at least one edit and its session")
    with torch.no_grad():
        arrays, facts = PANELS[name](sources)
    return arrays, {"figure": name, **sources.facts, **facts}
