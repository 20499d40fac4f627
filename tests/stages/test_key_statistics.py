"""The stage that collects statistics: several layers in one run, and one line for a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import run
from stages.key_statistics import main

WEIGHTS = Path(__file__).parents[1] / "golden" / "sg2_checkpoint.safetensors"


def called(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        run(main, ["--weights", str(WEIGHTS), *map(str, arguments)])
    return ended.value.code or 0


def test_two_layers_in_one_run(tmp_path: Path) -> None:
    six, seven = tmp_path / "layer6.safetensors", tmp_path / "layer7.safetensors"
    options = ("--samples", 12, "--truncation", 0.5)
    assert called("--layer", 6, "--out", six, "--layer", 7, "--out", seven, *options) == 0
    for number, path in ((6, six), (7, seven)):
        stats = KeyStatistics.load(path, {"layer": number, "n": 12, "seed": 1, "truncation": 0.5})
        assert stats.count == 12 * 256
    before = six.read_bytes()
    assert called("--layer", 6, "--out", six, *options) == 0
    assert six.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layer", 40), "has no layer 40; it has 2 to 10"),
        (("--layer", 6, "--samples", 0), "--samples: 0 must be at least 1"),
        (("--layer", 6, "--layer", 7), "2 layers and 1 files"),
        (("--layer", 6, "--samples", 1), "use more samples"),
    ],
)
def test_mistakes_end_in_one_line_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple, message: str
) -> None:
    out = tmp_path / "out.safetensors"
    assert called(*options, "--out", out) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert message in told[0]
    assert not list(tmp_path.iterdir())
