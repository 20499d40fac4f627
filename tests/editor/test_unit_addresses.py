"""The units of a painted place over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from palimpsest.editor.desk import Desk
from palimpsest.editor.server import make_app
from palimpsest.sessions import Selection
from tests.editor.conftest import DOMES, change, select

SAMPLE = DOMES[0]


@pytest.fixture
def client(desk) -> Iterator[TestClient]:
    class Shared:
        """The desk that the test holds as well."""

        def __getattr__(self, name):
            return getattr(desk, name)

        def close(self) -> None:
            """The fixture closes it."""

    app = make_app(lambda publish: Shared(), ["localhost"])
    with TestClient(app, base_url="http://localhost:8000") as client:
        yield client


def test_the_units_that_a_rule_would_silence_come_first_with_their_energy(
    client, desk: Desk, domes
) -> None:
    desk.change(select("units", SAMPLE, domes[SAMPLE]))
    found = client.get(f"/units/6/{SAMPLE}.json?count=8").json()
    energies = [one["energy"] for one in found["units"]]
    assert len(energies) == 8 and energies == sorted(energies, reverse=True)
    assert energies[0] > 3, "times its usual energy"
    desk.change(change("settings", erase=8))
    desk.change(select("mark", SAMPLE, domes[SAMPLE]))
    recipe = desk.engine.recipe(desk.history.present)
    silent = desk.engine.edit(recipe, recipe.parts[-1]).metadata["silent"]
    assert silent == ",".join(str(one["unit"]) for one in found["units"])


def test_units_switched_elsewhere_are_listed_too(client, desk: Desk, domes) -> None:
    for sample in DOMES[:2]:
        desk.change(select("units", sample, domes[sample]))
    first = [one["unit"] for one in client.get(f"/units/6/{SAMPLE}.json?count=4").json()["units"]]
    other = next(unit for unit in range(144) if unit not in first)
    desk.change(change("switch", sample=DOMES[1], units=[other], to="on"))
    found = client.get(f"/units/6/{SAMPLE}.json?count=4").json()["units"]
    assert [(one["unit"], one["fits"]) for one in found[4:]] == [(other, False)]


def test_a_map_is_strongest_at_the_place_that_its_unit_fits(client, desk: Desk, domes) -> None:
    desk.change(select("units", SAMPLE, domes[SAMPLE]))
    best = client.get(f"/units/6/{SAMPLE}.json").json()["units"][0]
    answer = client.get(best["map"])
    assert "immutable" in answer.headers["cache-control"]
    opacity = np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3]
    share = Selection(sample=SAMPLE, mask=domes[SAMPLE]).area((16, 16)).numpy()
    assert opacity.shape == (16, 16) and opacity.max() == 255
    assert opacity[share > 0.5].mean() > 2 * opacity[share == 0].mean()


@pytest.mark.parametrize("address", ["/units/6/5.json", "/units/{h}/99/5/0.png"])
def test_what_there_is_not_is_a_sentence(client, desk: Desk, address) -> None:
    desk.engine.recipe(desk.history.present)
    answer = client.get(address.format(h=desk.snapshot().original))
    assert answer.status_code == 404 and json.loads(answer.content)["message"]
    unknown = client.get(f"/units/{desk.snapshot().original}/6/5/144.png")
    assert "144 units" in unknown.json()["message"]
