"""The shards of a measurement joined into the rows that one job for all samples would write.

    python -m stages.join_measurements --shard 1-of-2.parquet --shard 2-of-2.parquet \
        --out dome2spire.parquet --features 1-of-2_features.parquet \
        --features 2-of-2_features.parquet --out-features dome2spire_features.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shard_joining import join_shards
from palimpsest.pipeline.shared_options import Measurements


def main(
    shard: Annotated[
        list[Path], typer.Option(help="Measurements of one shard (.parquet); repeatable.")
    ],
    out: Measurements,
    features: Annotated[
        list[Path] | None, typer.Option(help="Features of one shard (.parquet); repeatable.")
    ] = None,
    out_features: Annotated[
        Path | None, typer.Option(help="Features of all images to write (.parquet).")
    ] = None,
) -> None:
    """Check that the shards belong together and are complete, and write all their rows."""
    if bool(features) != bool(out_features):
        raise ParameterError("--features and --out-features: give both or neither")
    joined = join_shards(shard)
    if features and out_features:
        join_shards(features).write(out_features)
    joined.write(out)
    print(f"{out}: {joined.rows.num_rows} rows of {len(shard)} shards")


if __name__ == "__main__":
    run(main)
