"""Promises of the segmenter interface that hold for every segmenter."""

import pytest

from palimpsest.errors import ParameterError
from palimpsest.instruments import Segmenter
from palimpsest.instruments.segmenters.face_parser import FaceParser
from palimpsest.instruments.segmenters.unified_parser import UnifiedParser
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from tests.doubles.plain_segmenter import PlainSegmenter


class Grouped(PlainSegmenter):
    name, classes = "grouped", ("sky", "dome", "spire")

    def _numbers_of(self, name):
        return (1, 2) if name == "top" else super()._numbers_of(name)


@pytest.mark.parametrize("kind", [WorldSegmenter, UnifiedParser, FaceParser])
def test_every_segmenter_has_one_interface(kind):
    assert issubclass(kind, Segmenter) and not kind.__abstractmethods__


def test_numbers_of_several_names_follow_their_order():
    assert Grouped().numbers("spire", "top") == (2, 1, 2)
    assert Grouped().numbers() == ()


def test_an_unknown_class_is_named_beside_the_known_ones():
    for ask in (Grouped().numbers, Grouped().index):
        with pytest.raises(ParameterError, match="grouped has no class 'x'; it has: sky, dome, sp"):
            ask("x")


def test_of_many_classes_an_error_lists_a_few():
    many = PlainSegmenter()
    many.classes = tuple(f"c{i}" for i in range(41))
    with pytest.raises(ParameterError, match="it has 41, such as c1, c2, .*, c8$"):
        many.index("x")
