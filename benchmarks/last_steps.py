"""What the last two steps of `palimpsest` changed of the edits of a run, on their tuning samples.

    python -m benchmarks.last_steps                    # after make figures

The first step counts hard cells again, the second is the descent in images. Each edit by
`palimpsest` names the scores of all candidates and those after both steps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from palimpsest.memory import Edit

EDITS = Path("data/edits")
COLUMNS = {
    "value": ("score", "{:.3f}"),
    "removed": ("pixels removed, %", "{:.1%}"),
    "converted_images": ("images converted, %", "{:.1%}"),
    "kept": ("labels kept outside, %", "{:.2%}"),
    "perceptual": ("distance outside", "{:.4f}"),
    "critic_drop": ("critic's drop", "{:.3f}"),
}

Choice = Mapping[str, Any]
Score = Mapping[str, Any]


def best(tried: list[Score]) -> Score:
    return max(tried, key=lambda one: one["value"])


def before_hard_cells(choice: Choice) -> Score:
    return best([one for one in choice["tried"] if one["samples"] == choice["tuning_samples"]])


def hard_cells(choice: Choice) -> tuple[Score, Score, str, bool] | None:
    """Scores before and after, the μ of both, and whether the new edit was taken."""
    told = choice.get("hard_cells", {})
    if not told.get("tried"):
        return None
    before, after = before_hard_cells(choice), best(told["tried"])
    return before, after, f"{before['mu']:g} → {after['mu']:g}", told["taken"]


def descent(choice: Choice) -> tuple[Score, Score, str, bool] | None:
    """Scores before and after, strength and number of exemplars, and whether it was taken."""
    if (told := choice.get("refined")) is None:
        return None
    before = best([before_hard_cells(choice), *choice.get("hard_cells", {}).get("tried", [])])
    after = best(told["tried"])
    return before, after, f"{after['strength']:g}, {len(after['exemplars'])}", told["taken"]


def shown(score: Score, name: str) -> str:
    return COLUMNS[name][1].format(score[name]).rstrip("%") if name in score else "–"


def main() -> None:
    by_palimpsest = [*EDITS.glob("*/*.safetensors"), *EDITS.glob("*/*/palimpsest*.safetensors")]
    choices = {
        file.relative_to(EDITS).with_suffix(""): json.loads(
            Edit.load(file).metadata.get("choice", "{}")
        )
        for file in sorted(by_palimpsest)
    }
    for title, setting, step in (
        ("Hard cells counted again", "μ", hard_cells),
        ("The descent in images", "strength, exemplars", descent),
    ):
        heads = ["edit", *(head for head, _ in COLUMNS.values()), setting, ""]
        print(f"{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for name, choice in choices.items():
            if (found := step(choice)) is None:
                continue
            before, after, value, taken = found
            cells = [f"{shown(before, one)} → {shown(after, one)}" for one in COLUMNS]
            print(f"| {name} | {' | '.join(cells)} | {value} | {'' if taken else 'not taken'} |")
        print()


if __name__ == "__main__":
    main()
