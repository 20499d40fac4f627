"""One pass through a network on trial: which convolutions run, in what order and on what maps.

found = tried(network, z, draw)
found.spots                 # a `Spot` for each editable convolution, in the order of running
found.left_out              # {"encoder.conv1": "it does not run", ...}
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.wrapped_convolutions import (
    Convolution,
    convolutions,
    unlike_its_weight,
    unusable,
)

Draw = Callable[[nn.Module, Tensor], Any]
"""From a network and its input (B, *z_shape) to images, or to an output that holds them."""


@dataclass(frozen=True)
class Spot:
    """An editable convolution: its name, and rows and columns of its key and value maps."""

    name: str
    key_shape: tuple[int, int]
    value_shape: tuple[int, int]


@dataclass(frozen=True)
class Trial:
    """What a network did. ``images`` (B, C, H, W); ``left_out``: reasons by name."""

    spots: tuple[Spot, ...]
    left_out: dict[str, str]
    images: Tensor


@dataclass
class _Notes:
    """Notes of one pass: names in the order of their first run, how often each ran."""

    samples: int
    runs: dict[str, int] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def note(
        self, name: str, module: Convolution, args: tuple, kwargs: dict[str, Any], output: Tensor
    ) -> None:
        self.runs[name] = self.runs.get(name, 0) + 1
        if self.runs[name] > 1 or unusable(module):
            return
        k = args[0] if args else kwargs["input"]
        if k.ndim != 4 or len(k) != self.samples:
            self.wrong[name] = f"its input of shape {tuple(k.shape)} is not one map a sample"
        elif reason := unlike_its_weight(module, k, output):
            self.wrong[name] = reason
        self.spots[name] = Spot(name, tuple(k.shape[2:]), tuple(output.shape[2:]))


def tried(network: nn.Module, z: Tensor, draw: Draw, leave_out: Collection[str] = ()) -> Trial:
    """What ``network`` does with the input ``z`` (B, *z_shape).

    Raises `ParameterError` for a name in ``leave_out`` that is no convolution, for a convolution
    that runs twice and is not left out, and for a network without an editable one.
    """
    known = convolutions(network)
    if unknown := sorted(set(leave_out) - set(known)):
        raise ParameterError(f"leave_out: this network has no convolution {unknown[0]!r}")
    notes = _Notes(len(z))
    hooks = [
        one.register_forward_hook(partial(notes.note, name), with_kwargs=True)
        for name, one in known.items()
    ]
    try:
        images = images_of(draw(network, z))
    finally:
        for hook in hooks:
            hook.remove()
    tied = _tied(network)
    left_out = {}
    for name, one in known.items():
        if name in leave_out:
            reason = "it was left out when the network was wrapped"
        elif notes.runs.get(name, 0) > 1:
            raise ParameterError(
                f"convolution {name} runs {notes.runs[name]} times in one pass, so it has no one "
                f"map of keys; wrap the network without it: leave_out=[{name!r}]"
            )
        elif not notes.runs.get(name):
            reason = "it does not run"
        else:
            reason = unusable(one) or notes.wrong.get(name, "") or tied.get(name, "")
        if reason:
            left_out[name] = reason
    spots = tuple(notes.spots[name] for name in notes.runs if name not in left_out)
    if not spots:
        told = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
        raise ParameterError(
            "this network has no convolution that can be edited "
            f"({told or 'no Conv2d and no ConvTranspose2d'})"
        )
    return Trial(spots, left_out, images)


def images_of(output: Any) -> Tensor:
    """The images (B, 3, H, W) in what a network gives; grey ones are repeated.

    The output itself; the entry ``out`` of a dictionary, or its only one; the attribute ``sample``;
    the first of a tuple. Raises `ParameterError` for anything else.
    """
    found = output
    if isinstance(found, dict) and found:
        found = found["out"] if "out" in found else next(iter(found.values()))
    elif isinstance(found, (tuple, list)) and found:
        found = found[0]
    elif isinstance(getattr(found, "sample", None), Tensor):
        found = found.sample
    if not isinstance(found, Tensor) or found.ndim != 4 or not found.is_floating_point():
        what = f"{tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ParameterError(
            f"the network gives {what}, not images (B, 3, H, W); say with draw= how images are made"
        )
    if found.shape[1] == 1:
        return found.expand(-1, 3, -1, -1)
    if found.shape[1] != 3:
        raise ParameterError(
            f"the network gives maps of {found.shape[1]} channels, not images of 1 or 3; say with "
            "draw= how images are made of them"
        )
    return found


def _tied(network: nn.Module) -> dict[str, str]:
    """Convolutions whose weight is also another parameter of the network."""
    places: dict[int, list[str]] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    found = {}
    for name, one in convolutions(network).items():
        own = f"{name}.weight" if name else "weight"
        others = [place for place in places.get(id(one.weight), []) if place != own]
        if others:
            found[name] = f"its weight is also {others[0]}"
    return found


def check_repeatable(network: nn.Module, z: Tensor, draw: Draw, images: Tensor) -> None:
    """Raises `ParameterError` if a sample's image changes from one pass to the next, or with the
    other samples of its batch.

    ``z``: at least two inputs; ``images``: what they gave.
    """
    scale = 1e-3 * float(images.abs().max()) + 1e-6
    again = images_of(draw(network, z))
    if not torch.isfinite(images).all():
        raise ParameterError("the network draws NaN or infinity")
    if float((again - images).abs().max()) > scale:
        raise ParameterError(
            "the network draws another image each time (random noise?); an edit needs the same "
            "image for the same z"
        )
    alone = images_of(draw(network, z[:1]))
    if float((alone - images[:1]).abs().max()) > scale:
        raise ParameterError(
            "the image of a sample depends on the other samples of its batch; an edit needs each "
            "sample by itself"
        )
