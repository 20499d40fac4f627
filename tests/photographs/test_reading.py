"""Pictures of every kind are read as a viewer shows them, or refused in one line."""

import io

import numpy as np
import pytest
from PIL import Image

from palimpsest.errors import ParameterError
from palimpsest.photographs.reading import Box, as_images, read_photograph, read_picture


def ramp(width=80, height=60):
    """A picture whose red grows to the right and whose green grows downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 90)], 2).astype(np.uint8))


def difference(a, b):
    return np.abs(np.asarray(a, float) - np.asarray(b, float)).mean()


def saved(tmp_path, picture, name, **options):
    picture.save(tmp_path / name, **options)
    return tmp_path / name


def test_a_plain_photograph_is_its_middle_square(tmp_path):
    pixels = read_photograph(saved(tmp_path, ramp(), "a.png"), 32)
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    expected = ramp().crop((10, 0, 70, 60)).resize((32, 32), Image.Resampling.LANCZOS)
    assert difference(pixels, expected) < 1
    images = as_images([pixels, pixels])
    assert images.shape == (2, 3, 32, 32) and images.min() >= -1 and images.max() <= 1


def test_a_box_chooses_another_square(tmp_path):
    path = saved(tmp_path, ramp(), "a.png")
    pixels = read_photograph(path, 16, Box.parse("40,20,32"))
    expected = ramp().crop((40, 20, 72, 52)).resize((16, 16), Image.Resampling.LANCZOS)
    assert difference(pixels, expected) < 1
    with pytest.raises(ParameterError, match="not inside the picture of 80 x 60"):
        read_photograph(path, 16, Box.parse("60,0,32"))
    with pytest.raises(ParameterError, match="under 16 pixels"):
        read_photograph(path, 16, Box.parse("0,0,8"))
    with pytest.raises(ParameterError, match="not left,top,size"):
        Box.parse("1,2")


def test_exif_turns_the_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    path = saved(tmp_path, ramp(), "a.jpg", exif=exif, quality=95)
    picture = read_picture(path)
    assert picture.size == (60, 80)
    assert difference(picture, ramp().transpose(Image.Transpose.ROTATE_270)) < 4


def test_alpha_lies_over_a_neutral_ground(tmp_path):
    picture = ramp().convert("RGBA")
    picture.putalpha(0)
    assert set(np.asarray(read_picture(saved(tmp_path, picture, "a.png"))).ravel()) == {128}
    palette = ramp().quantize(16)
    path = saved(tmp_path, palette, "p.png", transparency=0)
    assert read_picture(path).mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA", "RGBA", "YCbCr"])
def test_any_colour_space_is_read(tmp_path, mode):
    name = "a.tif" if mode in ("CMYK", "YCbCr") else "a.png"
    picture = read_picture(saved(tmp_path, ramp().convert(mode), name))
    assert picture.mode == "RGB" and picture.size == (80, 60)
    # dithering and a palette change single pixels, not the mean of ten by ten
    read, drawn = (one.convert("L").reduce(10) for one in (picture, ramp()))
    assert difference(read, drawn) < 8


def test_sixteen_bits_become_eight(tmp_path):
    grey = np.asarray(ramp().convert("L")).astype(np.uint16) * 257
    for name in ("a.png", "a.tif"):
        picture = read_picture(saved(tmp_path, Image.fromarray(grey), name))
        assert difference(picture.convert("L"), ramp().convert("L")) < 2


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [ramp(), Image.new("RGB", (80, 60), "white")]
    for name in ("a.gif", "a.webp", "a.png"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert difference(read_picture(path), ramp()) < 12


def test_a_truncated_file_is_refused(tmp_path):
    noise = np.random.RandomState(0).randint(0, 255, (200, 200, 3), np.uint8)
    for suffix in ("jpg", "png", "gif"):
        whole = saved(tmp_path, Image.fromarray(noise), f"a.{suffix}").read_bytes()
        path = tmp_path / f"short.{suffix}"
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ParameterError, match=f"short.{suffix}: a damaged or truncated"):
            read_picture(path)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name, words in {
        "a.jpg": "not a picture in a known format",
        "empty.jpg": "not a picture in a known format",
        "none.jpg": "no such file",
        "": "a folder, not a picture",
    }.items():
        with pytest.raises(ParameterError, match=words):
            read_picture(tmp_path / name)


def test_tiny_and_huge_pictures_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="15 x 60 pixels; a face needs at least 16"):
        read_picture(saved(tmp_path, ramp(15, 60), "a.png"))
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    (tmp_path / "bomb.png").write_bytes(bomb.getvalue())
    with pytest.raises(ParameterError, match="more than 100 million pixels"):
        read_picture(tmp_path / "bomb.png")
    wide = saved(tmp_path, Image.new("1", (11_000, 10_000)), "wide.png")
    with pytest.raises(ParameterError, match="11000 x 10000 pixels, more than 100 million"):
        read_picture(wide)


def test_a_large_photograph_is_read(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (9_000, 6_000), (10, 200, 30)), "a.jpg", quality=50)
    assert read_photograph(path, 64).shape == (64, 64, 3)
