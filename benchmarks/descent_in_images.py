"""What the descent in images changed of the edits of a run, on their tuning samples.

    python -m benchmarks.descent_in_images             # after make figures

Each edit by `palimpsest` names the scores of all candidates and that after the descent.
"""

from __future__ import annotations

import json
from pathlib import Path

from palimpsest.memory import Edit

EDITS = Path("data/edits")
COLUMNS = {
    "value": ("score", "{:.3f}"),
    "converted_images": ("images converted, %", "{:.1%}"),
    "kept": ("labels kept outside, %", "{:.2%}"),
    "perceptual": ("distance outside", "{:.4f}"),
    "critic_drop": ("critic's drop", "{:.3f}"),
}


def shown(score: dict[str, float], name: str) -> str:
    return COLUMNS[name][1].format(score[name]).rstrip("%") if name in score else "–"


def main() -> None:
    heads = [title for title, _ in COLUMNS.values()]
    print(f"| edit | {' | '.join(heads)} | |\n|{'---|' * (len(heads) + 2)}")
    by_palimpsest = [*EDITS.glob("*/*.safetensors"), *EDITS.glob("*/*/palimpsest*.safetensors")]
    for file in sorted(by_palimpsest):
        choice = json.loads(Edit.load(file).metadata.get("choice", "{}"))
        if (after := choice.get("refined")) is None:
            continue
        in_full = [one for one in choice["tried"] if one["samples"] == choice["tuning_samples"]]
        before = max(in_full, key=lambda one: one["value"])
        cells = [f"{shown(before, name)} → {shown(after, name)}" for name in COLUMNS]
        name = file.relative_to(EDITS).with_suffix("")
        print(f"| {name} | {' | '.join(cells)} | {'' if after['taken'] else 'not taken'} |")


if __name__ == "__main__":
    main()
