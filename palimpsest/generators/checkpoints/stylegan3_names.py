"""StyleGAN3 from tensors under NVIDIA's names, those of `StyleGAN3` but for the mean of w.

    generator = assembled(path, tensors, Constants())

Sizes come from the tensors: ``synthesis.L{i}_{size}_{channels}`` names the size of a map, the
length of a filter tells the factor that it resamples by. What no tensor tells (`Constants`) is
NVIDIA's usual value, or in a pickle the attribute of the module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.assembly import assemble, sized
from palimpsest.generators.stylegan3 import StyleGAN3
from palimpsest.generators.stylegan3_parts import LayerPlan, NetworkPlan

FREQS = "synthesis.input.freqs"
WEIGHT = re.compile(r"synthesis\.L(\d{1,3})_(\d{1,5})_(\d{1,6})\.weight")
FILTER_SIZE = 6  # taps of a filter for each cell of the coarser grid
LARGEST = 8192  # cells along an axis
Namer = Callable[[str], str]


@dataclass(frozen=True)
class Constants:
    """What the tensors of a network do not tell.

    ``factors``: (up, down) of each layer, None if they are to be found by the filters' lengths.
    ``clamp``: limit of the activations, None for none. ``output_scale``: of the images.
    """

    factors: tuple[tuple[int, int], ...] | None = None
    clamp: float | None = 256.0
    output_scale: float = 0.25

    @classmethod
    def of(cls, g: StyleGAN3) -> Constants:
        """The constants of a network."""
        factors = tuple((layer.up, layer.down) for layer in g.plan.layers)
        return cls(factors, g.plan.clamp, g.plan.output_scale)

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Constants:
        """From what `to_json` gives. Raises `ValueError`, `KeyError` or `TypeError`."""
        factors = held["factors"]
        if factors is not None:
            factors = tuple((int(up), int(down)) for up, down in factors)
        clamp = None if held["clamp"] is None else float(held["clamp"])
        return cls(factors, clamp, float(held["output_scale"]))

    def to_json(self) -> dict[str, Any]:
        """As a JSON value."""
        return asdict(self)


def assembled(
    path: Path,
    tensors: Mapping[str, Tensor],
    constants: Constants,
    file_name: Namer = str,
    provenance: Mapping[str, Any] | None = None,
) -> StyleGAN3:
    """A network from ``tensors`` under the names of `StyleGAN3`; `assemble` has the arguments.

    Raises `CheckpointError`.
    """
    plan = _plan(path, tensors, constants, file_name)
    return assemble(path, lambda: StyleGAN3(plan), tensors, file_name, provenance)


def state_dict(g: StyleGAN3) -> dict[str, Tensor]:
    """The tensors of ``g`` under NVIDIA's names; the mean of w is left out where it is unknown."""
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in g.state_dict().items()}
    mean = tensors.pop("latent_avg")
    return tensors | ({"mapping.w_avg": mean} if mean.isfinite().all() else {})


def _plan(
    path: Path, tensors: Mapping[str, Tensor], constants: Constants, file_name: Namer
) -> NetworkPlan:
    style_dim, inputs = sized(path, tensors, "mapping.fc0.weight", file_name, 2).shape
    classes = 0
    if "mapping.embed.weight" in tensors:
        classes = sized(path, tensors, "mapping.embed.weight", file_name, 2).shape[1]
        inputs -= style_dim
    elif inputs == 2 * style_dim:
        raise CheckpointError(
            f"{path}: tensor {file_name('mapping.fc0.weight')} reads {inputs} numbers, z and an "
            f"embedding of the class, and tensor {file_name('mapping.embed.weight')} is missing; "
            "save the whole network"
        )
    layers, last = _layers(path, tensors, constants, file_name)
    final = tensors[last]
    freqs = sized(path, tensors, FREQS, file_name, 2)
    plan = NetworkPlan(
        resolution=layers[-1].out_size,
        layers=layers,
        kernel=tensors[_weight_name(0, layers[0])].shape[-1],
        z_dim=inputs,
        style_dim=style_dim,
        mapping_layers=sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", n)) for n in tensors),
        classes=classes,
        image_channels=final.shape[0],
        clamp=constants.clamp,
        output_scale=constants.output_scale,
        # the disc that the frequencies were drawn from; it matters under a transform that enlarges
        bandwidth=max(2.0, float(freqs.norm(dim=1).max())),
    )
    margins = [size - seen for size, seen in zip(_sizes(layers), plan.picture_cells, strict=True)]
    regular = min(margins) >= 0 and len(set(margins) - {0.0}) <= 1
    if inputs < 1 or not regular or plan.rates[0] <= 2 * plan.bandwidth:
        raise CheckpointError(
            f"{path}: maps of {', '.join(map(str, _sizes(layers)))} cells with filters that give "
            f"{', '.join(f'{rate:g}' for rate in plan.rates)} of them to the picture, which is no "
            "StyleGAN3"
        )
    return plan


def _weight_name(number: int, layer: LayerPlan) -> str:
    return f"synthesis.L{number}_{layer.out_size}_{layer.outputs}.weight"


def _sizes(layers: Sequence[LayerPlan]) -> list[int]:
    return [layers[0].in_size, *(layer.out_size for layer in layers)]


def _layers(
    path: Path, tensors: Mapping[str, Tensor], constants: Constants, file_name: Namer
) -> tuple[tuple[LayerPlan, ...], str]:
    """The layers but for the last, in order, and the name of the last one's weight."""
    found = {}
    for name in tensors:
        if match := WEIGHT.fullmatch(name):
            number, size, channels = map(int, match.groups())
            found[number] = (name, size, channels)
    count = len(found) - 1
    if count < 2 or sorted(found) != list(range(count + 1)):
        raise CheckpointError(
            f"{path}: layers {sorted(found)} of a StyleGAN3, which must be L0, L1 and so on; save "
            "the whole network"
        )
    if constants.factors is not None and len(constants.factors) != count:
        raise CheckpointError(f"{path}: factors for {len(constants.factors)} of {count} layers")
    layers = []
    before = found[0][1]
    for number in range(count + 1):
        name, size, channels = found[number]
        outputs, inputs, *kernel = sized(path, tensors, name, file_name, 4).shape
        wanted = tensors[found[0][0]].shape[-1] if number < count else 1
        if outputs != channels or kernel != [wanted] * 2 or wanted % 2 == 0 or size > LARGEST:
            raise CheckpointError(
                f"{path}: tensor {file_name(name)} has shape {tuple(tensors[name].shape)}, which "
                "does not fit its name or the other layers"
            )
        if number == count:
            return tuple(layers), name
        stem = name.removesuffix("weight")
        up_taps, _ = _filter(path, tensors, f"{stem}up_filter", file_name)
        down_taps, radial = _filter(path, tensors, f"{stem}down_filter", file_name)
        if constants.factors is None:
            up, down = _factors(path, file_name(stem), up_taps, down_taps)
        else:
            up, down = constants.factors[number]
        if not (1 <= up <= 64 and 1 <= down <= 64):
            raise CheckpointError(f"{path}: factors {up} and {down} of {file_name(stem)[:-1]}")
        layers.append(
            LayerPlan(inputs, outputs, before, size, up, down, up_taps, down_taps, radial)
        )
        before = size
    raise AssertionError("the last layer returns")


def _filter(
    path: Path, tensors: Mapping[str, Tensor], name: str, file_name: Namer
) -> tuple[int, bool]:
    """Taps of a filter along an axis, 1 where there is none, and whether it is one of two axes."""
    if name not in tensors:
        return 1, False
    shape = tensors[name].shape
    if len(shape) not in (1, 2) or len(set(shape)) != 1 or not 1 <= shape[0] <= 1024:
        raise CheckpointError(
            f"{path}: tensor {file_name(name)} has shape {tuple(shape)}, which is no filter"
        )
    return shape[0], len(shape) == 2


def _factors(path: Path, name: str, up_taps: int, down_taps: int) -> tuple[int, int]:
    """The factors that usual filters of these lengths resample by."""
    up, down = up_taps / FILTER_SIZE, down_taps / FILTER_SIZE
    # the rectifier runs at twice the higher of the two rates, so one of the factors is two
    whole = all(number.is_integer() for number in (up, down, math.log2(up / down)))
    if not whole or min(up, down) != 2:
        raise CheckpointError(
            f"{path}: filters of {up_taps} and {down_taps} taps in {name[:-1]}; by how much they "
            "resample is known for NVIDIA's usual lengths only, multiples of 12 and 6, so give its "
            ".pkl"
        )
    return int(up), int(down)
