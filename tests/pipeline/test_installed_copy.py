"""An installed copy, far from any checkout: what is in the wheel, and that every command works."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('wheels'))"
CALL = "from palimpsest.cli import main; main()"

EVERY = """
import palimpsest, sys
from palimpsest.cli import main
assert palimpsest.__file__.startswith(sys.argv[1]), palimpsest.__file__
for line in sys.stdin.read().splitlines():
    try:
        main(line.split())
    except SystemExit as ended:
        print('ended', ended.code or 0, line, flush=True)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The wheel of this checkout, unpacked as an installer does."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "palimpsest", folder / "palimpsest", ignore=leave)
    (folder / "wheels").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    unpacked = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(folder / "wheels" / done.stdout.split()[-1]) as wheel:
        wheel.extractall(unpacked)
    return unpacked


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with files of its own, among them another project's `params.yaml`."""
    for file in ("sg2_checkpoint.pt", "pg_checkpoint.pth", "sg2_session.json"):
        shutil.copy(GOLDEN / file, tmp_path)
    (tmp_path / "params.yaml").write_text("train: {lr: 0.1}\n")
    return tmp_path


def started(site: Path, folder: Path, code: str, *words: str, **options) -> subprocess.Popen:
    """A process in which only the installed copy can be imported."""
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(site: Path, folder: Path, lines: list[str]) -> tuple[list[str], str, str]:
    """How each command ended, the output and the errors, all in one process."""
    process = started(site, folder, EVERY, str(site))
    told, errors = process.communicate("\n".join(lines), timeout=240)
    assert process.returncode == 0, errors
    ended = re.findall(r"^ended (.*)$", told, re.MULTILINE)
    return ended, told, errors


def test_the_wheel_holds_all_files_of_the_package(site: Path) -> None:
    def files(folder: Path) -> set[str]:
        found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        return {name for name in found if "__pycache__" not in name}

    packed = files(site / "palimpsest")
    assert packed == files(ROOT / "palimpsest")
    wanted = {
        "editor/static/index.html",
        "editor/static/main.js",
        "editor/examples/church/domes_become_spires.json",
        "published/photograph_set.json",
        "report/templates/report.html.j2",
    }
    assert wanted <= packed
    beside = {path.name.split("-")[0] for path in site.iterdir()}
    assert beside == {"palimpsest"}, "nothing but the library goes into site-packages"
    entry = next(site.glob("*.dist-info")) / "entry_points.txt"
    assert "palimpsest = palimpsest.cli:main" in entry.read_text()


def test_the_commands_work_on_files_in_any_folder(site: Path, elsewhere: Path) -> None:
    weights, few = "--weights sg2_checkpoint.pt", "--samples 20"
    lines = [
        "--help",
        "--version",
        "info sg2_checkpoint.pt",
        "info sg2_session.json",
        f"samples {weights} --samples 2 --out a.png",
        f"statistics {weights} --layer 6 {few} --out six.safetensors",
        f"rewrite sg2_session.json {weights} --layer 6 {few} --out a.safetensors",
        f"rewrite sg2_session.json {weights} --statistics six.safetensors --out b.safetensors",
        f"apply {weights} --edit a.safetensors --samples 2 --out b.png",
        f"export {weights} --edit a.safetensors --out with.pt",
        "export --weights pg_checkpoint.pth --out pg.safetensors",
        "edits list .",
        "edits compose a.safetensors b.safetensors --out both.safetensors",
        "edits remove both.safetensors --edit b.safetensors --out left.safetensors",
        "info with.pt",
    ]
    ended, told, errors = run(site, elsewhere, lines)
    assert ended == [f"0 {line}" for line in lines], errors
    assert "  edit  " not in told and told.count("StyleGAN2, 64 x 64 pixels") == 2
    first = elsewhere / "a.safetensors"
    assert (elsewhere / "left.safetensors").read_bytes() == first.read_bytes()


def test_what_needs_the_checkout_says_so(site: Path, elsewhere: Path) -> None:
    lines = {
        "samples --weights church --out a.png": "--weights: church: no such file",
        "editor": "give the file of a generator with --weights",
        "photo a.png --out b.png": "give the file of a StyleGAN2 with --weights",
    }
    ended, _, errors = run(site, elsewhere, list(lines))
    assert ended == [f"2 {line}" for line in lines], errors
    for said, wanted in zip(errors.splitlines(), lines.values(), strict=True):
        assert wanted in said and "in its checkout, and this is none" in said
        assert str(site) not in said


def test_the_editor_serves_its_page(site: Path, elsewhere: Path) -> None:
    words = ("editor", "--weights", "sg2_checkpoint.pt", "--port", "0")
    process = started(site, elsewhere, CALL, *words)
    try:
        address = re.search(r"http://\S+", process.stderr.readline())[0]
        page = urllib.request.urlopen(address, timeout=60).read().decode()
        for name in re.findall(r'(?:href|src)="(static/[^"]+)"', page):
            assert urllib.request.urlopen(address + name, timeout=60).status == 200
        assert "static/main.js" in page
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert (elsewhere / "results" / "editor" / "sg2_checkpoint").is_dir()
