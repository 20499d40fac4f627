"""The contents of `params.yaml`: one model of the whole file, composed of settings models.

::

    parameters = load_parameters("params.yaml", "workflow/scales")
    parameters.measure.samples

`document.py` is the whole file, the other modules are its sections. `loading.py` reads it. The
schema in `workflow/schemas/` is generated from the model::

    python -m palimpsest.pipeline.parameters --schema > workflow/schemas/params.schema.json
"""

from palimpsest.pipeline.parameters.document import Parameters
from palimpsest.pipeline.parameters.loading import (
    load_parameters,
    merge,
    overlays,
    parse_parameters,
    schema_text,
)

__all__ = [
    "Parameters",
    "load_parameters",
    "merge",
    "overlays",
    "parse_parameters",
    "schema_text",
]
