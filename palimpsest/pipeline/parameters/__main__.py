"""`python -m palimpsest.pipeline.parameters --schema` prints the JSON schema of `params.yaml`."""

from __future__ import annotations

import sys

from palimpsest.pipeline.parameters.loading import schema_text

if sys.argv[1:] != ["--schema"]:
    sys.exit("usage: python -m palimpsest.pipeline.parameters --schema")
sys.stdout.write(schema_text())
