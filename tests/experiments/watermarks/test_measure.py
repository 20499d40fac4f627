"""What is left of marks after edits, on images whose marks can be told by eye."""

import numpy as np
import pandas as pd
import pytest
import torch

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.experiments.comparison.measure import RewrittenGenerator
from palimpsest.experiments.watermarks.measure import measure_marks, read_marks, write_marks
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import sample_z
from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.detectors.watermarks import DetectorErrors, Shares
from tests.doubles.plain_segmenter import PlainSegmenter

ERRORS = DetectorErrors(Errors(1, 150, 2, 50), Errors(0, 160, 1, 40))
SHARES = Shares(middle=0.2, strip=0.5)
LAYER = 6


class Shades(PlainSegmenter):
    """Calls bright pixels the word and dark ones the strip."""

    name = "shades"
    classes = ("sky", "watermark_middle", "watermark_strip")

    def labels(self, images):
        mean = images.mean(1)
        return (mean > 0.2).long() + 2 * (mean < -0.2).long()


@pytest.fixture(scope="module")
def methods(small_generator):
    """One that turns a layer's answer off, and one that does it at half strength."""
    weight = small_generator.layer(LAYER).weight
    made = {"off": torch.zeros_like(weight), "turned": -weight}
    return [
        RewrittenGenerator(n, small_generator.with_weight(LAYER, w), LAYER) for n, w in made.items()
    ]


def measured(g, methods, distance, **changes):
    asked = {"n": 9, "seed": 5, "shares": SHARES, "batch": 4, "scale": "mini"} | changes
    return measure_marks(g, Shades(), distance, methods, **asked)


def test_rows_are_those_of_the_images(small_generator, methods, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    table = measured(small_generator, methods, distance, units={"off": 11})
    assert len(table) == 27 and table["method"].tolist()[:3] == ["unmodified", "off", "turned"]
    assert table["sample"].tolist() == [i for i in range(9) for _ in "abc"]
    assert set(table["seed"]) == {5} and set(table["scale"]) == {"mini"}
    assert dict(zip(table["method"], table["units"], strict=True)) == {
        "unmodified": 0,
        "off": 11,
        "turned": 0,
    }
    assert set(table["segmenter"]) == {"shades"}
    assert set(table["perceptual"]) == {"church-segmenter-encoder"}
    z = sample_z(small_generator, 9, 5)
    before = small_generator(z)
    outside = Shades().labels(before) == 0
    for method in methods:
        rows = table[table["method"] == method.name]
        after = method.generator(z)
        labels = Shades().labels(after)
        for number, name in ((1, "middle"), (2, "bottom")):
            share = (labels == number).float().mean((1, 2)).numpy()
            assert np.allclose(rows[f"{name}_share"], share, atol=2e-3)
            least = SHARES[number - 1]
            clear = abs(share - least) > 2e-3
            assert (rows[name].to_numpy() == (share >= least))[clear].all()
        apart = distance.masked(before, after, outside).numpy()
        assert np.allclose(rows["perceptual_outside"], apart, atol=1e-4) and apart.min() > 0
    assert table["middle"].any() and table["bottom"].any() and not table["middle"].all()
    assert (table.loc[table["method"] == "unmodified", "perceptual_outside"] == 0).all()


def test_rows_do_not_depend_on_the_batch(small_generator, methods, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    tables = [measured(small_generator, methods, distance, batch=size) for size in (2, 9)]
    for column in ("middle_share", "bottom_share", "perceptual_outside"):
        assert np.allclose(tables[0][column], tables[1][column], atol=2e-3)


def test_what_cannot_be_measured(small_generator, methods, random_segmenter, brightness):
    distance = PerceptualDistance(random_segmenter)
    for changes, said in (({"n": 0}, "must be at least 1"), ({"batch": 0}, "must be at least 1")):
        with pytest.raises(ParameterError, match=said):
            measured(small_generator, methods, distance, **changes)
    with pytest.raises(ParameterError, match="each can be measured only once"):
        measured(small_generator, [methods[0]] * 2, distance)
    with pytest.raises(ParameterError, match="no class 'watermark_middle'"):
        measure_marks(small_generator, brightness, distance, methods, n=1, seed=5)


def test_rows_and_errors_survive_their_file(small_generator, methods, random_segmenter, tmp_path):
    table = measured(small_generator, methods, PerceptualDistance(random_segmenter))
    write_marks(table, tmp_path / "marks.parquet", ERRORS, {"weights_sha256": "0123"})
    read, errors = read_marks(tmp_path / "marks.parquet")
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert errors == ERRORS


def test_other_files_are_named(tmp_path):
    with pytest.raises(PalimpsestError, match="none.parquet: no such file"):
        read_marks(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(PalimpsestError, match="broken.parquet: damaged"):
        read_marks(tmp_path / "broken.parquet")
    write_measurements(pd.DataFrame({"sample": [0]}), tmp_path / "other.parquet", {})
    with pytest.raises(PalimpsestError, match="other.parquet: has no column bottom"):
        read_marks(tmp_path / "other.parquet")
    from palimpsest.experiments.watermarks.measure import COLUMNS

    bare = pd.DataFrame({name: [0] for name in COLUMNS})
    write_measurements(bare, tmp_path / "bare.parquet", {})
    with pytest.raises(PalimpsestError, match="bare.parquet: has no error rates"):
        read_marks(tmp_path / "bare.parquet")
