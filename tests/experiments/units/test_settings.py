"""Settings of the switched units."""

import pytest

from palimpsest.errors import ParameterError
from palimpsest.experiments.units.settings import UnitSettings
from palimpsest.settings import validated

GIVEN = {
    "switched_off": {"thing": "tree", "layer": 6, "units": 24},
    "switched_on": {
        **{"thing": "door", "layer": 8, "units": 20, "rows": 4, "columns": 2},
        **{"fits": ["nave"], "unfit": "sky", "steps": 3},
    },
    **{"dissected": 20, "dissection_seed": 1, "samples": 10, "seed": 3, "shown": 2},
}


def test_units_are_measured_on_other_samples_than_they_are_found_on():
    assert validated("units", GIVEN, UnitSettings).seed == 3
    for seed in (1, 2):
        with pytest.raises(ParameterError, match="measure on others"):
            validated("units", GIVEN | {"seed": seed}, UnitSettings)
