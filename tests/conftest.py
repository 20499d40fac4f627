"""Fixtures that tests of several packages use; a folder's own conftest.py may override them."""

import pytest

from tests.doubles.golden_session import g, stats
from tests.doubles.report_sources import measurements, pictures, sources
from tests.doubles.small_networks import brightness, church, random_segmenter, small_generator
from tests.doubles.square_session import generator, session

__all__ = [
    "brightness",
    "church",
    "g",
    "generator",
    "measurements",
    "pictures",
    "random_segmenter",
    "session",
    "small_generator",
    "sources",
    "stats",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run Snakemake first: they take longest, and one process would wait for the other
    if they came last, as pytest-xdist has it (it begins with the files of most tests)."""
    long = {item.path for item in items if item.get_closest_marker("pipeline")}
    items.sort(key=lambda item: item.path not in long)
