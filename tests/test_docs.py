"""README and docs/ name files, functions, commands and numbers that exist."""

from __future__ import annotations

import ast
import csv
import importlib
import re
from pathlib import Path

import pytest
from PIL import Image

from palimpsest.files.panels import SHOWS_PHOTOGRAPHS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = ("palimpsest", "stages", "benchmarks")
CHECKED = (*OURS, "tests", "workflow", "docs", "profiles", "data")
"""Folders whose files are committed, but for those in `MADE`."""

MADE = re.compile(
    r"data/(edits|statistics|photographs|studies/\w|sessions/\w+/|weights/(paper|by_hand|stand_ins))"
)
"""Files that the pipeline or the user makes."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def codes_of(page: Path) -> list[str]:
    """What stands in backticks, outside fenced blocks."""
    return re.findall(r"`([^`\n]+)`", prose_of(page))


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def resolve(name: str) -> object:
    """What a dotted name stands for. Raises `ImportError` or `AttributeError` if for nothing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(resolve(module), attribute)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_on_a_page_exists(page: Path) -> None:
    for code in codes_of(page):
        path = re.match(rf"(?:{'|'.join(CHECKED)})/[\w./*-]*", code)
        if path and not MADE.match(path[0]):
            assert list(ROOT.glob(path[0].rstrip("/"))), code
        elif re.fullmatch(r"test_\w+\.py", code):
            assert list((ROOT / "tests").rglob(code)), code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_on_a_page_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = re.findall(r"^```.*?^```|^ {4}[^\n]*", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    for line in [*codes_of(page), *lines]:
        if target := re.match(r"(?:time |FAULT_.* )?make ([a-z-]+)", line):
            assert target[1] in targets, line
    for module in re.findall(r"python -m ((?:stages|benchmarks)\.[a-z]\w*)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_dotted_name_on_a_page_resolves(page: Path) -> None:
    for code in codes_of(page):
        if re.fullmatch(r"palimpsest(\.\w+)+(\(.*\))?", code):
            resolve(code.partition("(")[0])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_imports_of_every_snippet_resolve(page: Path) -> None:
    for snippet in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.DOTALL):
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    resolve(f"{node.module}.{alias.name}")
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    resolve(alias.name)


def test_every_function_of_the_architecture_is_in_its_file() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    stops = re.findall(r"`(palimpsest/[\w/]+)\.py`: ((?:`[\w.]+`(?:, )?)+)", text)
    assert len(stops) >= 10
    for file, names in stops:
        for name in re.findall(r"`([\w.]+)`", names):
            resolve(f"{file.replace('/', '.')}.{name}")


def test_the_architecture_shows_every_package_in_the_order_of_imports() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    shown = re.findall(r"^  (\w+)/ ", text, re.MULTILINE)
    house = ast.parse((ROOT / "tests" / "test_house.py").read_text())
    (order,) = (
        ast.literal_eval(node.value)
        for node in house.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER"
    )
    assert shown == [name for name in order if (ROOT / "palimpsest" / name).is_dir()]


def results(name: str) -> list[dict[str, str]]:
    with open(ROOT / "docs" / "results" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def rounded(text: str, digits: int) -> str:
    return f"{float(text):.{digits}f}" if text else "–"


def percent(row: dict[str, str], column: str) -> str:
    value, low, high = (rounded(row[column + end], 1) for end in ("", "_low", "_high"))
    return f"{value} % ({low}–{high})"


def with_interval(row: dict[str, str], column: str, digits: int) -> str:
    value, low, high = (rounded(row[column + end], digits) for end in ("", "_low", "_high"))
    return f"{value} ({low}–{high})"


def test_no_committed_figure_shows_photographs() -> None:
    pictures = sorted((ROOT / "docs").rglob("*.png"))
    assert pictures
    for file in pictures:
        with Image.open(file) as picture:
            assert SHOWS_PHOTOGRAPHS not in picture.info.get("palimpsest", ""), name_of(file)


def test_the_readme_has_our_figures_and_the_papers_of_the_committed_tables() -> None:
    text = (ROOT / "README.md").read_text().replace("**", "")
    drawn = [row for row in results("table1_smile") if row.get("model", "face") == "face"]
    smile = {row["method"]: row for row in drawn}
    domes = {(row["edit"], row["method"]): row for row in results("table2_domes")}
    for method, row in smile.items():
        effects, distances = [f"`{method}`"], [f"`{method}`"]
        edits = [(row, "smiling_percent")]
        edits += [(domes[edit, method], "modified_percent") for edit in ("dome2spire", "dome2tree")]
        for found, column in edits:
            effects += [with_interval(found, column, 1), rounded(found[f"paper_{column}"], 2)]
            distances.append(rounded(found["perceptual_masked"], 3))
            distances.append(rounded(found["paper_lpips_masked"], 2))
        assert f"| {' | '.join(effects)} |" in text
        assert method == "unmodified" or f"| {' | '.join(distances)} |" in text
    for row in results("table3_watermarks"):
        cells = [f"`{row['method']}`"]
        for mark in ("middle_count", "bottom_count"):
            cells += [with_interval(row, mark, 0), rounded(row[f"paper_{mark}"], 0)]
        assert f"| {' | '.join(cells)} |" in text


NETWORKS = {
    "church": "church (StyleGAN2)",
    "kitchen_stylegan2": "kitchen (StyleGAN2)",
    "church_progressive": "church (Progressive GAN)",
    "kitchen": "kitchen (Progressive GAN)",
}
"""The generators of the table of docs/layers.md."""

OTHERS = ("church_progressive", "kitchen_stylegan2")
ENDS = ("generator", "world")


def test_the_page_of_layers_has_the_committed_choices() -> None:
    text = (ROOT / "docs" / "layers.md").read_text()
    assert set(NETWORKS) <= {row["generator"] for row in results("layer_choice")}
    for row in results("layer_choice"):
        if row["generator"] not in NETWORKS:
            continue
        best, there = row["best_layer"], percent(row, "best_turned_percent")
        named = percent(row, "turned_percent") if row["layer"] != best else "the same"
        cells = (
            NETWORKS[row["generator"]],
            f"{row['layers'].replace(' ', ', ')} ({row['layer']})",
            f"{best}: {there}",
            named,
            row["predicted"],
        )
        assert f"| {' | '.join(cells)} |" in text


CALLED = {
    "watermark_middle": "letters in the middle",
    "watermark_strip": "letters at the bottom",
}
"""Attributes of the world that docs/mini-generators.md calls otherwise."""


@pytest.mark.parametrize("generator", ["church", "face", "horse", "kitchen"])
def test_the_page_of_mini_generators_has_the_committed_grades(generator: str) -> None:
    text = (ROOT / "docs" / "mini-generators.md").read_text()
    part = text.split(f"\n### {generator}\n")[1].split("\n### ")[0]
    rows = {row["figure"]: row for row in results("generator_grades") if row["model"] == generator}

    def cell(figure: str, end: str, digits: int, factor: float = 1) -> str:
        return f"{factor * float(rows[figure][end]):.{digits}f}"

    for figure in rows:
        if figure.endswith("_percent") and not figure.endswith("_agreement_percent"):
            name = figure.removesuffix("_percent")
            shares = [cell(figure, end, 1) + " %" for end in ENDS]
            assert f"| {CALLED.get(name, name)} | {' | '.join(shares)} |" in part
    for start, figure, digits, ending in (
        ("mean IoU of its labels with the scene's", "mean_iou", 3, " (renders)"),
        ("Fréchet distance, segmenter features", "frechet", 2, ""),
        ("mean gradient (edge energy)", "edge_energy", 4, ""),
    ):
        found = [cell(figure, end, digits) for end in ENDS]
        assert f"| {start} | {' | '.join(found)}{ending} |" in part
    exact = [cell("pixel_accuracy", end, 1, 100) + " %" for end in ENDS]
    assert f"| pixels labelled as the scene | {' | '.join(exact)} |" in part
    assert f"| L1 to the render, of [-1, 1] | {cell('l1', 'generator', 3)} | |" in part


def test_the_page_of_mini_generators_has_the_grades_of_the_other_networks() -> None:
    text = (ROOT / "docs" / "mini-generators.md").read_text()
    part = text.split("\n### church_progressive and kitchen_stylegan2\n")[1].split("\n## ")[0]
    grades = {(row["model"], row["figure"]): row for row in results("generator_grades")}
    both = [{f: grades[m, f] for n, f in grades if n == m} for m in OTHERS]
    for start, figure, digits in (
        ("mean IoU of its labels with the scene's", "mean_iou", 3),
        ("L1 to the render, of [-1, 1]", "l1", 3),
        ("Fréchet distance, segmenter features", "frechet", 2),
    ):
        found = [rounded(rows[figure]["generator"], digits) for rows in both]
        assert f"| {start} | {' | '.join(found)} |" in part
    exact = [f"{100 * float(rows['pixel_accuracy']['generator']):.1f} %" for rows in both]
    assert f"| pixels labelled as the scene | {' | '.join(exact)} |" in part
    edges = [", ".join(rounded(r["edge_energy"][end], 4) for end in ENDS) for r in both]
    assert f"| mean gradient (edge energy), world's | {' | '.join(edges)} |" in part


def test_the_page_of_instruments_has_the_committed_grades_of_the_critics() -> None:
    text = (ROOT / "docs" / "instruments.md").read_text()
    preferred: dict[tuple[str, str], list[str]] = {}
    for row in results("critic_grades"):
        share = f"{float(row['preferred_percent']):.1f} %"
        preferred.setdefault((row["model"], row["rule"]), []).append(share)
    for (model, rule), shares in preferred.items():
        assert f"| {model} | {rule} | {' | '.join(shares)} |" in text
