"""The weights that ship name the recipes of params.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest.generators import load_generator
from palimpsest.pipeline.parameters.loading import load_parameters
from palimpsest.training.recipe import recipe_facts

ROOT = Path(__file__).parents[2]
WORLDS = load_parameters(ROOT / "params.yaml", ROOT / "workflow" / "scales").worlds
RECIPES = {
    name: world.recipe_of(name) for own, world in WORLDS.items() for name in (own, *world.others)
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_generator_holds_its_recipe(name: str) -> None:
    g = load_generator(ROOT / "data" / "weights" / "mini" / f"{name}.safetensors")
    assert g.provenance["recipe"] == json.loads(json.dumps(recipe_facts(RECIPES[name])))


def test_a_further_generator_of_a_world_has_a_finish_of_its_own() -> None:
    church = WORLDS["church"]
    other = church.others["church_progressive"]
    recipe = church.recipe_of("church_progressive")
    assert recipe.kind == "progressive" and recipe.finish == other.finish is not None
    without = church.model_copy(
        update={"others": {"church_progressive": other.model_copy(update={"finish": None})}}
    )
    assert without.recipe_of("church_progressive").finish is None
    assert church.recipe.finish is not None
