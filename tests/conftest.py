"""Fixtures that tests of several packages use; a folder's own conftest.py may override them."""

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
