"""Clocks that are wrong: times alone rerun nothing, and files of the future are told."""

from __future__ import annotations

import os
import random
import time

import pytest

from . import small_pipeline as small
from .conftest import Undisturbed
from .small_pipeline import SmallPipeline, said

pytestmark = pytest.mark.pipeline

YEAR = 365 * 24 * 3600.0


def test_any_mixture_of_times_plans_nothing(finished: SmallPipeline) -> None:
    """Contents are compared: each file is up to ten years older or newer than it was."""
    chance = random.Random(0)
    for file in finished.folder.rglob("*"):
        if file.is_file() and ".snakemake" not in file.parts:
            moment = time.time() + chance.uniform(-10, 10) * YEAR
            os.utime(file, (moment, moment))
    assert finished.planned() == {}


def _date(pipeline: SmallPipeline, years: float) -> None:
    """Date what the pipeline reads so many years from now."""
    moment = time.time() + years * YEAR
    for file in (small.WEIGHTS, small.SEGMENTER, small.SESSION):
        os.utime(pipeline.folder / file, (moment, moment))


def test_inputs_of_long_ago_are_read_as_any_other(
    short: SmallPipeline, undisturbed: Undisturbed
) -> None:
    _date(short, -20)
    done = short.run()
    assert done.returncode == 0, said(done)
    assert short.results() == undisturbed.expected(short)
    assert short.planned() == {}


def test_inputs_of_the_future_are_told_and_nothing_is_kept(
    short: SmallPipeline, undisturbed: Undisturbed
) -> None:
    """Snakemake takes an output that is older than its input for a clock that is wrong."""
    _date(short, 2)
    done = short.run()
    assert done.returncode != 0 and "clock skew" in said(done)
    _date(short, -1)
    assert short.run().returncode == 0
    assert short.results() == undisturbed.expected(short)
