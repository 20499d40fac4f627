"""Statistics, edits and checkpoints on S3: made in one clone, pulled in another, not made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ..pipeline.conftest import ROOT, Checkout
from .conftest import CHECKPOINT, EDITS, STATISTICS

pytestmark = pytest.mark.pipeline

BUCKET = "palimpsest"
IDENTITY = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Store:
    """A bucket of an S3 server."""

    address: str

    def sizes(self) -> dict[str, int]:
        """Bytes of every object, by its key."""
        client = boto3.client("s3", endpoint_url=self.address)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
    yield Store(address)
    server.stop()


def call(checkout: Checkout, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=checkout.folder,
        env=os.environ | {"PATH": checkout.path},
        capture_output=True,
        text=True,
        timeout=1500,
    )


def succeed(checkout: Checkout, *command: str) -> None:
    done = call(checkout, *command)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_what_one_clone_pushes_another_need_not_make(
    checkout: Checkout, store: Store, tmp_path: Path
) -> None:
    succeed(checkout, "git", "init", "--quiet")
    succeed(checkout, "dvc", "init", "--quiet")
    shutil.copy2(ROOT / ".dvc/config", checkout.folder / ".dvc/config")
    succeed(checkout, "dvc", "remote", "add", "--default", "store", f"s3://{BUCKET}/shared")
    succeed(checkout, "dvc", "remote", "modify", "store", "endpointurl", store.address)

    succeed(checkout, "dvc", "repro", "edits")
    succeed(checkout, "git", "add", "--all")
    succeed(checkout, "git", *IDENTITY, "commit", "--quiet", "--message", "made")
    assert store.sizes() == {}
    succeed(checkout, "dvc", "push", "--quiet")
    made = {
        file: (checkout.folder / file).read_bytes() for file in (CHECKPOINT, STATISTICS, *EDITS)
    }
    assert {len(content) for content in made.values()} <= set(store.sizes().values())

    clone = Checkout(tmp_path / "clone", checkout.path)
    succeed(checkout, "git", "clone", "--quiet", str(checkout.folder), str(clone.folder))
    assert not [file for file in made if (clone.folder / file).exists()]
    # what `make pull STAGES=edits` does
    succeed(clone, "dvc", "pull", "--quiet", "--with-deps", "edits")
    succeed(clone, "dvc", "status", "--quiet", "--with-deps", "edits")
    succeed(
        clone,
        sys.executable,
        "-m",
        "snakemake",
        "--cores=1",
        "--touch",
        "--forceall",
        "--",
        "edits",
    )
    assert {file: (clone.folder / file).read_bytes() for file in made} == made
    assert clone.plan("--", "edits") == {}

    clone.edit("params.yaml", "statistics:\n  samples: 40", "statistics:\n  samples: 50")
    assert call(clone, "dvc", "status", "--quiet", "--with-deps", "edits").returncode == 1
