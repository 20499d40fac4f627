"""Goal loss of `newton` against `projected_gradient` on every church session, at equal change.

    python -m benchmarks.newton_on_church_sessions [SESSION_FOLDER]

Both solve the session's first exemplar along the same direction; newton's μ is bisected until it
changes other keys, tr(Λ D C Dᵀ Λᵀ), no more than the projected gradient did. Needs the statistics
and sessions that `make figures` leaves behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from palimpsest.generators import load_generator
from palimpsest.memory import KeyStatistics, context_directions, match_change
from palimpsest.sessions import Session, rewrite
from palimpsest.sessions.opening import open_session

MODEL = "church"
ITERATIONS = 2001
RATE = 0.01


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    g = load_generator(f"data/weights/mini/{MODEL}.safetensors")
    print("| session | rank | loss before | projected gradient | newton, no more change | change |")
    print("|---|---|---|---|---|---|")
    for file in sorted(folder.glob("*.json")):
        session = Session.load(file)
        stats = KeyStatistics.load(f"data/statistics/{MODEL}/layer{session.layer}.safetensors")
        slow = rewrite(
            g, session, stats, "projected_gradient", learning_rate=RATE, iterations=ITERATIONS
        )
        opened = open_session(g, session, session.layer, exemplars=(0,))
        directions = context_directions(
            opened.context_keys, opened.context_weights, stats, session.rank
        )
        goal = opened.goals[0]
        fast = match_change(
            opened.layer,
            goal.state,
            goal.target,
            directions,
            stats,
            change=float(slow.metadata["change"]),
            weights=goal.weights,
        )
        numbers = [
            float(slow.metadata["loss_before"]),
            float(slow.metadata["loss_after"]),
            float(fast.metadata["loss_after"]),
            float(fast.metadata["change"]) / float(slow.metadata["change"]),
        ]
        held = "" if numbers[2] <= numbers[1] else " (worse)"
        print(
            f"| {session.name} | {session.rank} | {numbers[0]:.5f} | {numbers[1]:.5f} "
            f"| {numbers[2]:.5f}{held} | {numbers[3]:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else f"results/sessions/{MODEL}"))
