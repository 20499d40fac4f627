"""The contact sheet of a world: scenes, labels, and every counterfactual of the same scenes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from palimpsest.files.panels import load_panel
from palimpsest.worlds import get_world, world_names
from stages.preview_world import class_colours

ROOT = Path(__file__).resolve().parents[2]


def preview(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "stages.preview_world", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_panel_shows_the_scenes_and_each_new_rule(tmp_path: Path) -> None:
    out = tmp_path / "kitchen.npz"
    done = preview("--world", "kitchen", "--scenes", "3", "--seed", "2", "--out", str(out))
    assert done.returncode == 0, done.stderr
    panel = load_panel(out)
    world = get_world("kitchen")
    z = np.random.RandomState(2).standard_normal((3, world.z_dim))
    scene = world.scene(z)
    assert np.array_equal(panel.arrays["scenes"], world.render(scene).images)
    assert panel.facts["rules"] == list(world.counterfactuals)
    for rule, changes in world.counterfactuals.items():
        assert np.array_equal(panel.arrays[rule], world.render(scene.with_(**changes)).images)
    shades = {tuple(colour) for colour in panel.arrays["labels"].reshape(-1, 3)}
    assert len(shades) == len(np.unique(world.render(scene).labels))
    assert list(panel.facts["classes"]) == sorted(world.classes)


@pytest.mark.parametrize("name", world_names())
def test_the_colours_of_classes_are_told_apart(name: str) -> None:
    colours = class_colours(len(get_world(name).classes)).astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=2)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 40


def test_an_unknown_world_ends_in_one_line(tmp_path: Path) -> None:
    done = preview("--world", "atlantis", "--out", str(tmp_path / "x.npz"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "atlantis" in done.stderr and "kitchen" in done.stderr
    assert list(tmp_path.iterdir()) == []
