"""Train the letter detector on letters that are laid over pictures.

    pictures = backgrounds(recipe, generator)       # (n, 128, 128) uint8, grey
    training = LetterTraining(recipe, pictures)
    training.run(checkpoint=Path("letters.checkpoint.pt"))
    detector = training.finished()                  # a `LetterDetector`, thresholds chosen

Backgrounds are renders of all worlds without marks, and pictures of the generator whose marks are
to be counted. The latter may bear marks themselves, so they are turned by a quarter: their letters
then do not stand in lines, and are examples of what is not to be found, as are grids, bars and
turned words. Texts, fonts, sizes, colours, opacity and places are random. The world whose truth
grades the detector draws its letters in a font that is not among these.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.detectors.letters import CELL, SIDE, LetterDetector, LetterNetwork
from palimpsest.instruments.detectors.watermarks import (
    MARKS,
    SHARES,
    Shares,
    best_cut,
    mark_shares,
)
from palimpsest.training.degradation import blur
from palimpsest.training.instrument_recipes import LetterRecipe
from palimpsest.training.supervised import SupervisedTraining
from palimpsest.worlds import get_world, world_names
from palimpsest.worlds.scene import World

FONTS = ("DejaVuSans-Bold", "DejaVuSans", "DejaVuSerif-Bold", "DejaVuSansMono-Bold")
CHARACTERS = string.ascii_uppercase * 3 + string.ascii_lowercase * 2 + string.digits + ".-@&"
BARE = {"church": {"watermark": False}}
"""Changes of a world's scenes that remove its marks."""

POSITIVE_WEIGHT = 2.0
"""Weight of a cell with letters; fewer cells have some."""

CUTS = (0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0)
"""Logits of a cell that are tried as the least one in a line."""

TUNING = 700_001
"""Added to the recipe's seed for the pictures on which thresholds are chosen."""


def backgrounds(
    recipe: LetterRecipe,
    generator: Generator | None = None,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Grey pictures (n, 128, 128) uint8 to lay letters on: of every world, and of a generator."""
    parts = []
    for number, name in enumerate(world_names()):
        world = get_world(name)
        stream = np.random.RandomState([recipe.seed, number])
        scene = world.scene(stream.standard_normal((recipe.backgrounds, world.z_dim)))
        drawn = world.render(scene.with_(**BARE.get(name, {})), SIDE)
        parts.append(_grey(drawn.images))
        if progress is not None:
            progress(recipe.backgrounds)
    if generator is not None and recipe.generated:
        with torch.no_grad():
            for z in sample_z(generator, recipe.generated, recipe.seed + TUNING).split(8):
                scaled = F.interpolate(
                    generator(z).cpu(), size=(SIDE, SIDE), mode="bilinear", antialias=True
                )
                parts.append(_grey(as_picture(scaled.rot90(1, (2, 3)))))
                if progress is not None:
                    progress(len(z))
    return np.concatenate(parts)


def _grey(images: np.ndarray) -> np.ndarray:
    """The mean of the channels of ``images`` (n, H, W, 3) uint8, as the network takes it."""
    return images.mean(3).round().astype(np.uint8)


@lru_cache(maxsize=128)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"{name}.ttf"), size)


def word(stream: np.random.RandomState, size: int) -> np.ndarray:
    """The coverage (h, w) in [0, 1] of a random line of letters, ``size`` pixels to the em."""
    text = "".join(stream.choice(list(CHARACTERS), stream.randint(4, 14)))
    if stream.random_sample() < 0.3:
        text = f"{text[: len(text) // 2]} {text[len(text) // 2 :]}"
    # drawn at four times the size and scaled down, as stroke widths are then not whole pixels
    font = _font(FONTS[stream.randint(len(FONTS))], 4 * size)
    left, top, right, bottom = font.getbbox(text)
    page = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(page).text((4 - left, 4 - top), text, fill=255, font=font)
    scaled = page.resize((max(2, page.width // 4), max(2, page.height // 4)), Image.Resampling.BOX)
    return np.asarray(scaled, dtype=np.float32) / 255


class LetteredPictures(Dataset):
    """The batch of each step: grey pictures (B, 1, 128, 128) in [-1, 1], and where letters stand,
    (B, 1, 32, 32), 1 for a cell in a line."""

    def __init__(self, recipe: LetterRecipe, pictures: np.ndarray) -> None:
        self.recipe, self.pictures = recipe, pictures

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        stream = np.random.RandomState([self.recipe.seed, step])
        images, _, lines = self.drawn(stream, self.recipe.batch)
        return images, F.avg_pool2d(lines, CELL).round()

    def drawn(self, stream: np.random.RandomState, count: int) -> tuple[Tensor, np.ndarray, Tensor]:
        """Pictures (B, 1, 128, 128), whether each bears either mark (B, 2), and the pixels of
        lines (B, 1, 128, 128)."""
        chosen = self.pictures[stream.randint(len(self.pictures), size=count)]
        images = chosen.astype(np.float32)
        lines = np.zeros((count, 1, SIDE, SIDE), dtype=np.float32)
        bears = np.zeros((count, len(MARKS)), dtype=bool)
        for place in range(count):
            if stream.random_sample() < 0.5:
                images[place] = images[place, :, ::-1]
            if stream.random_sample() < 0.5:
                _distract(stream, images[place])
            if stream.random_sample() < self.recipe.lettered:
                bears[place] = _letter(stream, images[place], lines[place, 0])
        shown = torch.from_numpy(np.clip(images, 0, 255) / 127.5 - 1)[:, None]
        softened = blur(shown, float(stream.uniform(0, 1.6)))
        noise = torch.from_numpy(stream.standard_normal(shown.shape).astype(np.float32))
        softened = softened + noise * float(stream.uniform(0, 0.05))
        return softened.clamp(-1, 1), bears, torch.from_numpy(lines)


def _letter(stream: np.random.RandomState, image: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Lay a line of letters in the middle, at the bottom or at both places; which of them, (2,)."""
    which = np.array([(True, False), (False, True), (True, True)][stream.randint(3)])
    for strip in np.flatnonzero(which):
        size = stream.randint(5, 19) if strip else stream.randint(9, 22)
        cover = word(stream, size)
        height, width = min(cover.shape[0], SIDE // 4), min(cover.shape[1], SIDE - 4)
        cover = cover[:height, :width]
        row = stream.uniform(0.84, 0.97) if strip else stream.uniform(0.36, 0.66)
        top = int(np.clip(row * SIDE - height / 2, 0, SIDE - height))
        left = stream.randint(1, SIDE - width)
        here = np.s_[top : top + height, left : left + width]
        bright = (
            stream.uniform(190, 255) if stream.random_sample() < 0.75 else stream.uniform(0, 60)
        )
        if strip and stream.random_sample() < 0.4:  # a bar under the letters
            image[max(0, top - 2) : top + height + 2] = 255 - bright + stream.uniform(-20, 20)
        elif stream.random_sample() < 0.5:  # a halo
            halo = np.asarray(
                Image.fromarray((cover * 255).astype(np.uint8)).resize((width, height)), np.float32
            )
            soft = F.max_pool2d(torch.from_numpy(halo)[None, None], 3, 1, 1)[0, 0].numpy() / 255
            image[here] *= 1 - stream.uniform(0.1, 0.4) * soft
        opacity = stream.uniform(0.3, 0.95)
        image[here] += (bright - image[here]) * (opacity * cover)
        lines[here] = 1
    return which


def _distract(stream: np.random.RandomState, image: np.ndarray) -> None:
    """Paint what looks like letters and is not: a row of windows, a grid, bars, a turned word."""
    kind = stream.randint(4)
    height, width = stream.randint(8, 40), stream.randint(20, 100)
    top, left = stream.randint(0, SIDE - height), stream.randint(0, SIDE - width)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    pitch = stream.uniform(4, 14)
    if kind == 0:  # upright windows, all alike
        cover = (columns % pitch < pitch * stream.uniform(0.3, 0.6)).astype(np.float32)
    elif kind == 1:
        cover = ((columns % pitch < 1.5) | (rows % pitch < 1.5)).astype(np.float32)
    elif kind == 2:
        angle = stream.uniform(0, np.pi)
        wave = np.sin((rows * np.cos(angle) + columns * np.sin(angle)) * 2 * np.pi / pitch)
        cover = (wave > 0).astype(np.float32)
    else:
        cover = word(stream, stream.randint(6, 18)).T[:SIDE, :SIDE]
        height, width = cover.shape
        top, left = stream.randint(0, SIDE - height + 1), stream.randint(0, SIDE - width + 1)
    here = np.s_[top : top + height, left : left + width]
    image[here] += (stream.uniform(0, 255) - image[here]) * (stream.uniform(0.2, 0.9) * cover)


class LetterTraining(SupervisedTraining):
    """A run of the recipe on lettered pictures; see `SupervisedTraining`."""

    def __init__(self, recipe: LetterRecipe, pictures: np.ndarray) -> None:
        self.pictures = LetteredPictures(recipe, pictures)
        super().__init__(recipe, recipe.model_dump(), self.pictures)

    def build(self) -> nn.Module:
        return LetterNetwork()

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            predicted, truth, pos_weight=torch.tensor(POSITIVE_WEIGHT)
        )

    def finished(self) -> LetterDetector:
        """The detector as trained so far, with the thresholds that tuning pictures choose."""
        detector = LetterDetector(self.trained_network(), SHARES, facts=self.facts())
        stream = np.random.RandomState([self.recipe.seed, TUNING])
        images, bears, _ = self.pictures.drawn(stream, self.recipe.tuned)
        return tuned(detector, images.expand(-1, 3, -1, -1), bears)


def tuned(detector: LetterDetector, images: Tensor, bears: np.ndarray) -> LetterDetector:
    """The detector with the thresholds that err least on ``images`` (n, 3, H, W) that show each
    mark or not, ``bears`` (n, 2) bool: the logit of a cell, then the share of each mark."""
    best, least = detector, np.inf
    for cut in CUTS:
        now = detector.with_thresholds(SHARES, cut)
        measured = mark_shares(now, images)
        shares = chosen_shares(measured, bears)
        wrong = int(((measured >= np.array(shares)) != bears).sum())
        if wrong < least:
            best, least = detector.with_thresholds(shares, cut), wrong
    return best


def generated_truth(
    generator: Generator, world: World, n: int, seed: int
) -> tuple[Tensor, np.ndarray]:
    """``n`` images (n, 3, R, R) of a generator that learned a world, and whether their z has each
    mark (n, 2) bool."""
    z = sample_z(generator, n, seed)
    shown = world.attribute_presence(world.scene(z.cpu().numpy()))
    with torch.no_grad():
        images = torch.cat([generator(part) for part in z.split(8)])
    return images, np.stack([shown[name] for name in MARKS.values()], axis=1)


def chosen_shares(measured: np.ndarray, bears: np.ndarray) -> Shares:
    """Thresholds of either mark from shares (n, 2) and truth (n, 2); the usual ones where all
    shares are equal, as they are before any training."""
    chosen = [
        best_cut(measured[:, mark], bears[:, mark])
        if len(np.unique(measured[:, mark])) > 1
        else SHARES[mark]
        for mark in range(len(MARKS))
    ]
    return Shares(*chosen)
