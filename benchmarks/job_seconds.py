"""Seconds of the jobs of a finished run, by rule, from the benchmark files that Snakemake writes.

    python -m benchmarks.job_seconds [FOLDER]          # after make figures; FOLDER: where it ran

Each job's seconds by the clock. A run with two jobs at a time on two cores lasts half of their sum
at best.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

FIRST = 12
"""Rules listed by name; all others are one row."""


def job_seconds(folder: Path) -> pd.DataFrame:
    """One row for each job: its ``rule`` and its seconds ``s``."""
    root = folder / "logs" / "benchmarks"
    jobs = []
    for file in sorted(root.rglob("*.tsv")):
        rule = file.relative_to(root).parts[0].removesuffix(".tsv")
        jobs.append(pd.read_csv(file, sep="\t")[["s"]].assign(rule=rule))
    if not jobs:
        raise SystemExit(f"{root}: no benchmark files; run `make figures` first")
    return pd.concat(jobs, ignore_index=True)


def main(folder: str = ".") -> None:
    jobs = job_seconds(Path(folder))
    rules = jobs.groupby("rule")["s"].agg(["count", "sum"]).sort_values("sum", ascending=False)
    print("| rule | jobs | seconds |\n|---|---|---|")
    for rule, row in rules[:FIRST].iterrows():
        print(f"| `{rule}` | {row['count']:.0f} | {row['sum']:.0f} |")
    others = rules[FIRST:].sum()
    print(f"| all others | {others['count']:.0f} | {others['sum']:.0f} |")
    print(f"| together | {len(jobs)} | {jobs['s'].sum():.0f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
