"""Stages run on the CPU and `elsewhere`, and the comparison of what they write.

step = Step(render_panel, lambda made, out: {"edit": made / "e.safetensors", "out": out / "p"})
step.run(folder, folder)
assert_same_elsewhere(step, folder, tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from palimpsest.files.arrays import load_arrays
from tests.devices.elsewhere import elsewhere


@dataclass(frozen=True)
class Step:
    """A stage, and its options: from the folder of what the CPU made, and that of the outputs."""

    stage: ModuleType
    options: Callable[[Path, Path], dict[str, Any]]

    def run(self, made: Path, out: Path) -> None:
        self.stage.main(**self.options(made, out))


@contextmanager
def plain_adam() -> Iterator[None]:
    """One kernel of Adam everywhere.

    Adam's fused kernel knows only real devices. It rounds differently from the plain one, and Adam
    turns rounding of gradients near zero into whole steps: both sides take the plain one.
    """
    adam = torch.optim.Adam
    with patch.object(torch.optim, "Adam", lambda *args, fused=False, **rest: adam(*args, **rest)):
        yield


def assert_same_elsewhere(step: Step, made: Path, out: Path) -> None:
    """Run ``step`` elsewhere, into the empty folder ``out``: it writes what is in ``made``."""
    with elsewhere() as place, patch.object(step.stage, "computing_device", lambda name: place):
        step.run(made, out)
    written = sorted(path.name for path in out.iterdir())
    assert written
    for file in written:
        assert_same(out / file, made / file)


def assert_same(found: Path, wanted: Path) -> None:
    """The same content but for times that were taken.

    The same operations in the same order, on one machine, thread count and batch shape: equal but
    for sums that depend on where a tensor lies in memory.
    """
    match found.suffix:
        case ".safetensors":
            (ours, _), (theirs, _) = load_arrays(found), load_arrays(wanted)
            assert ours.keys() == theirs.keys()
            for name in ours:
                torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
        case ".npz":
            with np.load(found) as ours, np.load(wanted) as theirs:
                assert set(ours) == set(theirs)
                for name in ours:
                    if ours[name].dtype.kind in "iuf":
                        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)
        case ".parquet":
            tables = map(pd.read_parquet, (found, wanted))
            ours, theirs = (table.drop(columns="seconds", errors="ignore") for table in tables)
            if "features" in ours and "layer" not in ours:  # arrays
                features = (np.stack(table.pop("features")) for table in (ours, theirs))
                np.testing.assert_allclose(*features, rtol=1e-4)
            pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4)
        case ".csv":
            pd.testing.assert_frame_equal(pd.read_csv(found), pd.read_csv(wanted), rtol=1e-4)
        case _:
            assert found.read_bytes() == wanted.read_bytes()
