"""Methods by name: what turns a session into an edit in the pipeline, each with its settings.

    edit = METHODS["newton"].run(g, session, stats, segmenter=None, mu=0.1, iterations=40)

`projected_gradient`, `direct_lambda` and `single_context` are the paper's rows of Table 2,
`newton` this project's solver on the very same keys and goal, `palimpsest` its whole method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.palimpsest import choose
from palimpsest.sessions.rewriting import rewrite
from palimpsest.sessions.schema import Session

Run = Callable[..., Edit]


@dataclass(frozen=True)
class Method:
    """``run(g, session, stats, segmenter, **settings)`` makes the edit; ``about`` says how.

    ``looks``: it uses a segmenter where there is one.
    """

    run: Run
    about: str
    looks: bool = False


def edit_by(
    method: str,
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None = None,
    **settings: Any,
) -> Edit:
    """The edit that a method makes of a session; its name is noted in the metadata.

    Raises `ParameterError` for an unknown method or setting, and what the method raises.
    """
    if method not in METHODS:
        raise ParameterError(f"method {method!r} is none of {', '.join(METHODS)}")
    edit = METHODS[method].run(g, session, stats, segmenter, **settings)
    return replace(edit, metadata={**edit.metadata, "method": method})


def _first_exemplars(solver: str) -> Run:
    """The session's first exemplar, by a solver; or the first of them, solved for together."""

    def run(
        g: Generator,
        session: Session,
        stats: KeyStatistics,
        segmenter: Segmenter | None,
        exemplars: int = 1,
        **settings: Any,
    ) -> Edit:
        if "learning_rate" in settings:
            settings["rate"] = settings.pop("learning_rate")
        used = range(exemplars)
        edit = rewrite(g, session, stats, solver, exemplars=used, **settings)
        told = {"exemplars": ",".join(map(str, used))}
        return replace(edit, metadata={**edit.metadata, **told})

    return run


def _single_context(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    context: int = 0,
    **settings: Any,
) -> Edit:
    return _first_exemplars("projected_gradient")(
        g, session, stats, segmenter, context=(context,), **settings
    )


METHODS: dict[str, Method] = {
    "projected_gradient": Method(
        _first_exemplars("projected_gradient"), "Adam on the weight, projected (section 3.4)"
    ),
    "direct_lambda": Method(_first_exemplars("direct"), "Adam on the coefficients (Eq. 17)"),
    "single_context": Method(_single_context, "projected gradient, one place of context"),
    "newton": Method(_first_exemplars("newton"), "Gauss-Newton on the coefficients, penalised"),
    "palimpsest": Method(choose, "several exemplars, chosen on tuning samples", looks=True),
}
"""The methods that make an edit of low rank, in the order of the paper's table."""
