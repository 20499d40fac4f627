"""The layers that the probe named, as the project uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.errors import ParameterError
from palimpsest.pipeline.adopted_layers import adopted_layers
from palimpsest.pipeline.parameters import load_parameters

ROOT = Path(__file__).parents[2]


def test_every_model_without_a_layer_has_an_adopted_one() -> None:
    parameters = load_parameters(ROOT / "params.yaml", ROOT / "workflow" / "scales")
    without = {name for name, about in parameters.models.items() if about.layer is None}
    assert without and without <= adopted_layers(ROOT / "data" / "layer_choice.csv").keys()


def test_the_adopted_layers_are_those_that_the_published_results_name() -> None:
    adopted = adopted_layers(ROOT / "data" / "layer_choice.csv")
    assert adopted == adopted_layers(ROOT / "docs" / "results" / "layer_choice.csv")


def test_no_file_names_no_layer(tmp_path: Path) -> None:
    assert adopted_layers(tmp_path / "layer_choice.csv") == {}


@pytest.mark.parametrize("text", ["model,layer\nchurch,6\n", "generator,layer\nchurch,six\n"])
def test_a_file_that_is_no_such_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "layer_choice.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match="layer_choice.csv: not a table"):
        adopted_layers(path)
