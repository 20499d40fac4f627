"""Cost as the work grows: seconds and memory per image, layer and session at 64 to 1024 pixels.

    python -m benchmarks.cost_of_scale                      # on the CPU; half an hour
    python -m benchmarks.cost_of_scale --device cuda        # the same on a GPU
    python -m benchmarks.cost_of_scale --write              # page and figure from the CSV again

Networks have the published sizes and random weights; instruments are stand-ins of the published
ones (`published.stand_ins`). Each piece of work runs in a process of its own, on one thread
(`benchmarks.scale_work`), so that its peak of memory is told too. The figures go to
``docs/cost-of-scale.csv``, one row a piece, those of a piece that is measured again in place of the
old ones; from them `benchmarks.scale_page` makes the tables of ``docs/cost-of-scale.md`` and its
figure, with the hours of the whole ``paper`` scale, whose jobs and images are counted from its plan
(`benchmarks.scale_plan`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.child_processes import machine, run_child
from benchmarks.scale_page import CSV, write_page
from benchmarks.scale_pieces import PIECES, Piece
from palimpsest.files.atomic import atomic_write_text

STAND_INS = (
    "upp-resnet50-upernet/encoder_epoch_40.pth",
    "upp-resnet50-upernet/decoder_epoch_40.pth",
    "upp-resnet50-upernet/labels.json",
    "face-parsing-02dd3f6f.pth",
    "celeba-smile.pth",
    "alexnet-owt-7be5be79.pth",
    "weights-inception-2015-12-05-6726825d.pth",
    "masks/dome2spire.json",
    "masks/smile.json",
)
KEY = ["work", "kind", "pixels", "layer", "together", "edits", "images", "method", "device"]
"""Columns that tell a piece from the others."""


def make_stand_ins(folder: Path) -> None:
    """Write the instruments and sessions into ``folder``."""
    files = [word for name in STAND_INS for word in ("--file", name)]
    python, log = [sys.executable, "-m"], folder / "log.txt"
    run_child([*python, "stages.make_stand_ins", "--out", str(folder), *files], log)
    parser = folder / "upp-resnet50-upernet"
    given = [
        word
        for option, name in (
            ("--encoder", "encoder_epoch_40.pth"),
            ("--decoder", "decoder_epoch_40.pth"),
            ("--labels", "labels.json"),
        )
        for word in (option, str(parser / name))
    ]
    assembled = str(folder / "upp-resnet50-upernet.safetensors")
    run_child([*python, "stages.assemble_parser", *given, "--out", assembled], log)


def row_of(piece: Piece, stand_ins: Path) -> dict[str, Any]:
    """What a process of its own measured of the piece."""
    log = stand_ins / "log.txt"
    command = [sys.executable, "-m", "benchmarks.scale_work", json.dumps(vars(piece))]
    used = run_child([*command, str(stand_ins)], log)
    told = json.loads(log.read_text().strip().rpartition("\n")[2])
    parts = told.pop("parts", {})
    held = told.pop("gpu_peak", used.peak_bytes)
    where = told.pop("gpu", machine())
    return {
        **{name: told[name] for name in KEY},
        "n": told["n"],
        "cpu_seconds": told["cpu"],
        "wall_seconds": told["wall"],
        "peak_mb": held / 1e6,
        "parts": json.dumps(parts) if parts else "",
        "machine": where,
    }


def with_row(table: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    """The table with ``row``, in place of the row of the same piece."""
    if not table.empty:
        same = pd.concat([table[name] == row[name] for name in KEY], axis=1).all(axis=1)
        table = table[~same]
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def read_table(path: Path) -> pd.DataFrame:
    """The rows that were measured so far."""
    if not path.is_file():
        return pd.DataFrame()
    return pd.read_csv(path, keep_default_na=False)


def chosen(names: list[str], device: str) -> Iterator[Piece]:
    """The pieces of these kinds of work, all without names."""
    for piece in PIECES:
        if not names or piece.work in names:
            yield replace(piece, device=device)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", nargs="*", help="kinds of work to measure [all]")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--stand-ins", type=Path, help="folder of stand-ins, made if it is empty")
    parser.add_argument("--write", action="store_true", help="only write the page again")
    asked = parser.parse_args()
    if not asked.write:
        with tempfile.TemporaryDirectory() as created:
            folder = asked.stand_ins or Path(created)
            if not (folder / "manifest.json").is_file():
                make_stand_ins(folder)
            for piece in chosen(asked.work, asked.device):
                row = row_of(piece, folder)
                print(json.dumps(row), file=sys.stderr, flush=True)
                table = with_row(read_table(CSV), row)
                atomic_write_text(CSV, table.to_csv(index=False, float_format="%.6g"))
    write_page(read_table(CSV))


if __name__ == "__main__":
    main()
