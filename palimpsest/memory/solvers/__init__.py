"""Solvers of the insertion problem, each a function from a `Problem` to a `Solution`.

`projected_gradient` is the paper's, `direct` optimises Λ itself (Eq. 17), `closed_form` is Appendix
B and exact for linear layers, `newton` is this project's own.
"""

from __future__ import annotations

from collections.abc import Callable

from palimpsest.memory.problem import Solution
from palimpsest.memory.solvers import closed_form, direct, newton, projected_gradient

SOLVERS: dict[str, Callable[..., Solution]] = {
    "newton": newton.solve,
    "projected_gradient": projected_gradient.solve,
    "direct": direct.solve,
    "closed_form": closed_form.solve,
}

__all__ = ["SOLVERS"]
