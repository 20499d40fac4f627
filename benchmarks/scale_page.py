"""Tables and figure of ``docs/cost-of-scale.md``, from its CSV and the plan of the paper's scale.

    write_page(pd.read_csv("docs/cost-of-scale.csv", keep_default_na=False))

A table of the page lies between ``<!-- NAME -->`` and ``<!-- end -->``; what is between them is
replaced. Costs are CPU seconds of one core. A unit that was not measured has none, and the page
says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.scale_pieces import SIDES
from benchmarks.scale_plan import Item, Unit
from palimpsest.files.atomic import atomic_path, atomic_write_text

CSV = Path("docs/cost-of-scale.csv")
PAGE = Path("docs/cost-of-scale.md")
FIGURE = Path("docs/pictures/cost-of-scale.png")
NODES = (1, 2, 4, 8, 16, 32)
CORES = 2
"""Cores of a node of the measured kind, each of which runs one job."""


@dataclass(frozen=True)
class Costs:
    """The rows of a table of `benchmarks.cost_of_scale` on one device."""

    table: pd.DataFrame
    device: str = "cpu"

    def row(self, work: str, pixels: int, **given: object) -> pd.Series | None:
        """The row of a piece; None if it was not measured. ``given``: further columns."""
        wanted = {"work": work, "pixels": pixels, "device": self.device, "kind": "stylegan2"}
        found = self.table
        for column, value in (wanted | given).items():
            found = found[found[column] == value]
        return None if found.empty else found.iloc[-1]

    def seconds(self, work: str, pixels: int, **given: object) -> float | None:
        """CPU seconds of one unit of a piece; wall-clock on a GPU."""
        row = self.row(work, pixels, **given)
        column = "cpu_seconds" if self.device == "cpu" else "wall_seconds"
        return None if row is None else float(row[column])

    def render(self, pixels: int) -> float | None:
        """Seconds of an image, several at a time."""
        together = 2 if pixels == 1024 else 4
        return self.seconds("render", pixels, together=together)

    def further_edit(self, pixels: int) -> float | None:
        """Seconds by which a sample takes longer if one edit more is measured."""
        one, two = (self.measured(pixels, edits) for edits in (1, 2))
        return None if one is None or two is None else two - one

    def measured(self, pixels: int, edits: int) -> float | None:
        """Seconds of a sample: its unedited image, and its image by each of ``edits`` edits."""
        return self.seconds("measure", pixels, edits=edits, images=False)

    def of(self, unit: Unit) -> float | None:
        """Seconds of one ``unit`` of the paper's scale."""
        if unit.work == "measure" and unit.what == "edit":
            return self.further_edit(unit.pixels)
        if unit.work == "measure":
            return self.seconds("measure", unit.pixels, images=True)
        if unit.work == "statistics":
            # up to its own resolution, a larger network is the same
            layer = int(unit.what.removeprefix("layer "))
            return self.seconds("statistics", 256, kind=unit.kind, layer=layer)
        if unit.work == "steps":
            return self.seconds("steps", unit.pixels, method=unit.method)
        return self.seconds(unit.work, unit.pixels, kind=unit.kind)


def number(value: float | None, digits: int = 2) -> str:
    """The number for a table; a dash if it was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def image_table(costs: Costs) -> Iterator[str]:
    """Lines of Markdown: an image at each size."""
    yield (
        "| pixels | generate, s | MB, one at a time | MB each further | generate and label, s "
        "| measure one edit (2 images), s | ratio to generating them | peak MB of measuring |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for pixels in SIDES:
        one = costs.row("render", pixels, together=1)
        several = costs.row("render", pixels, together=2 if pixels == 1024 else 4)
        further = None
        if one is not None and several is not None:
            further = (several["peak_mb"] - one["peak_mb"]) / (several["together"] - 1)
        measured, rendered = costs.measured(pixels, 1), costs.render(pixels)
        row = costs.row("measure", pixels, edits=1, images=False)
        ratio = measured / (2 * rendered) if measured and rendered else None
        yield (
            f"| {pixels} | {number(rendered)} | {number(one_peak(one), 0)} | {number(further, 0)} "
            f"| {number(costs.seconds('segment', pixels))} | {number(measured)} "
            f"| {number(ratio, 1)} | {number(one_peak(row), 0)} |"
        )


def one_peak(row: pd.Series | None) -> float | None:
    return None if row is None else float(row["peak_mb"])


def layer_table(costs: Costs) -> Iterator[str]:
    """Lines of Markdown: second moments of each measured layer of the network of 256 pixels."""
    yield "| layer | keys | s a sample | peak MB |"
    yield "|---|---|---|---|"
    found = costs.table[(costs.table["work"] == "statistics") & (costs.table["pixels"] == 256)]
    for _, row in found.sort_values(["kind", "layer"], ascending=[False, True]).iterrows():
        if row["device"] != costs.device:
            continue
        progressive = row["kind"] == "progressive"
        name = f"{row['layer']}, Progressive GAN" if progressive else f"{row['layer']}"
        yield (
            f"| {name} | {keys_of(int(row['layer']), progressive)} "
            f"| {row['cpu_seconds']:.3f} | {row['peak_mb']:.0f} |"
        )


def keys_of(layer: int, progressive: bool) -> str:
    """Size of a layer's keys in a network of 256 pixels."""
    side = 2 ** ((layer + 1) // 2 + 1) if layer % 2 and progressive else 2 ** (layer // 2 + 1)
    wide = 512 if progressive else min(512, 32768 // side)
    return f"{wide} × {side} × {side}"


def session_table(costs: Costs) -> Iterator[str]:
    """Lines of Markdown: a step of each solver."""
    yield "| method | 64 pixels, s a step | 128 | 256 | 1024 | peak MB at 256 |"
    yield "|---|---|---|---|---|---|"
    methods = ("newton", "projected_gradient", "direct_lambda", "single_layer", "finetune_all")
    for method in methods:
        steps = " | ".join(
            number(costs.seconds("steps", pixels, method=method), 4 if method == "newton" else 3)
            for pixels in SIDES
        )
        row = costs.row("steps", 256, method=method)
        yield f"| {method} | {steps} | {number(one_peak(row), 0)} |"


def part_table(costs: Costs) -> Iterator[str]:
    """Lines of Markdown: where the seconds of a sample go that all methods are measured on."""
    found = {}
    for pixels in (256, 1024):
        row = costs.row("measure", pixels, images=True)
        if row is not None:
            parts, whole = json.loads(row["parts"]), row["cpu_seconds"]
            rest = whole - sum(parts.values())
            found[pixels] = parts | {"images, and the rest": rest, "in all": whole}
    sides = list(found)
    yield "| part | " + " | ".join(f"{side} pixels, s" for side in sides) + " |"
    yield "|---" * (len(sides) + 1) + "|"
    for part in next(iter(found.values()), {}):
        yield f"| {part} | " + " | ".join(number(found[side][part]) for side in sides) + " |"


@dataclass(frozen=True)
class Share:
    """Hours of the items of one rule that were measured; ``longest``: of its longest job."""

    rule: str
    jobs: int
    hours: float
    longest: float
    lacking: int


def shares(costs: Costs, items: Iterable[Item], jobs: Mapping[str, int]) -> list[Share]:
    """The hours of each rule, the largest first."""
    of_rule: dict[str, list[Item]] = {}
    for item in items:
        of_rule.setdefault(item.rule, []).append(item)
    found = []
    for rule, mine in of_rule.items():
        lacking, total, of_job = 0, 0.0, dict.fromkeys((item.job for item in mine), 0.0)
        for item in mine:
            seconds = costs.of(item.unit)
            if seconds is None:
                lacking += 1
                continue
            hours = seconds * item.count / 3600
            total += hours
            of_job[item.job] += hours / item.shards
        found.append(Share(rule, jobs.get(rule, 0), total, max(of_job.values()), lacking))
    return sorted(found, key=lambda share: -share.hours)


def hour_table(found: Iterable[Share]) -> Iterator[str]:
    """Lines of Markdown: hours of each rule."""
    found = list(found)
    yield "| rule | jobs in the plan | core hours | longest job, h |"
    yield "|---|---|---|---|"
    for share in found:
        note = f" ({share.lacking} items not measured)" if share.lacking else ""
        yield (f"| `{share.rule}`{note} | {share.jobs} | {share.hours:.1f} | {share.longest:.1f} |")
    jobs, hours = sum(share.jobs for share in found), sum(share.hours for share in found)
    yield f"| together | {jobs} | {hours:.1f} | |"


def node_table(found: Iterable[Share]) -> Iterator[str]:
    """Lines of Markdown: the least wall-clock hours on some nodes."""
    found = list(found)
    total, alone = sum(share.hours for share in found), max(share.longest for share in found)
    tuned = {share.rule: share.longest for share in found}
    chain = max(alone, tuned.get("tune_weights", 0) + tuned.get("measure", 0))
    yield f"| nodes of {CORES} cores | hours at least | limited by |"
    yield "|---|---|---|"
    for nodes in NODES:
        shared = total / (CORES * nodes)
        limit = "all the work" if shared > chain else "the longest chain of jobs"
        yield f"| {nodes} | {max(shared, chain):.1f} | {limit} |"


def replaced(page: str, name: str, lines: Iterable[str]) -> str:
    """The page with its table ``name`` replaced. Raises `ValueError` if it has none."""
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not block.search(page):
        raise ValueError(f"the page has no table {name}")
    text = "\n".join(lines)
    return block.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


def measured_tables(table: pd.DataFrame) -> dict[str, str]:
    """The tables of measured figures alone, by name."""
    costs = Costs(table)
    made = {
        "images": image_table,
        "layers": layer_table,
        "sessions": session_table,
        "parts": part_table,
    }
    return {name: "\n".join(lines(costs)) for name, lines in made.items()}


def write_page(table: pd.DataFrame) -> None:
    """Write the tables into the page, and the figure."""
    from benchmarks.scale_plan import items_of, paper_plan, planned_jobs

    costs = Costs(table)
    found = shares(costs, items_of(paper_plan()), planned_jobs())
    tables = measured_tables(table) | {
        "hours": "\n".join(hour_table(found)),
        "nodes": "\n".join(node_table(found)),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in tables.items():
        page = replaced(page, name, text.splitlines())
    atomic_write_text(PAGE, page)
    draw(costs)


def draw(costs: Costs) -> None:
    """The slopes: seconds and memory of an image by its size, seconds of a sample by layer."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import (
        FixedLocator,
        FormatStrFormatter,
        LogLocator,
        NullLocator,
        ScalarFormatter,
    )

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    lines = {
        "measure one edit (2 images)": lambda side: costs.measured(side, 1),
        "generate and label": lambda side: costs.seconds("segment", side),
        "generate": costs.render,
    }
    for name, seconds in lines.items():
        known = [(side, value) for side in SIDES if (value := seconds(side)) is not None]
        axes[0].loglog(*zip(*known, strict=True), marker="o", label=name)
    axes[0].set(title="seconds of an image", xlabel="pixels", ylabel="CPU s")
    axes[0].legend(fontsize=7, frameon=False)
    for together, name in ((1, "one at a time"), (4, "four at a time")):
        known = [
            (side, row["peak_mb"])
            for side in SIDES
            if (row := costs.row("render", side, together=together)) is not None
        ]
        axes[1].semilogx(*zip(*known, strict=True), marker="o", label=name)
    axes[1].set(title="peak memory of generating", xlabel="pixels", ylabel="MB", ylim=(0, None))
    axes[1].legend(fontsize=7, frameon=False)
    rows = costs.table[costs.table["work"] == "statistics"]
    rows = rows[(rows["kind"] == "stylegan2") & (rows["pixels"] == 256)].sort_values("layer")
    axes[2].semilogy(rows["layer"], rows["cpu_seconds"], marker="o")
    axes[2].set(title="statistics of a layer, 256 pixels", xlabel="layer", ylabel="CPU s a sample")
    axes[2].xaxis.set_major_locator(FixedLocator(list(rows["layer"])))
    for one in axes[:2]:
        one.xaxis.set_major_locator(FixedLocator(SIDES))
        one.xaxis.set_major_formatter(ScalarFormatter())
        one.xaxis.set_minor_locator(NullLocator())
    for axis in (axes[0].yaxis, axes[2].yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_locator(NullLocator())
    with atomic_path(FIGURE) as unfinished:
        figure.savefig(unfinished, dpi=110, format="png")
    plt.close(figure)
