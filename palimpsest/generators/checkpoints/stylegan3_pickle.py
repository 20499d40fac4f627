"""NVIDIA's pickles of StyleGAN3: tensors as in a state dict, and the constants of its modules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.stylegan3_names import Constants

CONSTANTS = "stylegan3"
"""Entry of a content's metadata that holds `Constants` as JSON."""

CLASSES = {
    *("Generator", "MappingNetwork", "FullyConnectedLayer"),
    *("SynthesisNetwork", "SynthesisInput", "SynthesisLayer"),
}


def is_stylegan3(network: Any) -> bool:
    """Whether a pickled network (`stylegan2_nvidia`) is a StyleGAN3."""
    return any(module.class_name == "SynthesisInput" for module in network.modules.values())


def from_pickle(network: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors of a pickled StyleGAN3, and notes for its metadata, `CONSTANTS` among them.

    Raises `CheckpointError` for other modules or settings than `StyleGAN3` has.
    """
    classes = {module.class_name[:80] for module in network.modules.values()}
    if other := sorted(classes - CLASSES):
        raise _refusal(network, f"a {other[0]}")
    tensors = {name: network.take(name) for name in list(network.tensors)}
    layers = []
    for name, module in network.modules.items():
        if module.class_name == "FullyConnectedLayer":
            tensors |= _rescaled(network, name, tensors)
        elif module.class_name == "SynthesisLayer" and not network.attribute(name, "is_torgb"):
            layers.append(name)
    layers.sort(key=lambda name: int(re.match(r"synthesis\.L(\d+)_|", name).group(1) or 0))
    constants = Constants(
        factors=tuple(
            (_whole(network, name, "up_factor"), _whole(network, name, "down_factor"))
            for name in layers
        ),
        clamp=_clamp(network, layers),
        output_scale=_number(network, "synthesis", "output_scale", 0.25),
    )
    notes = {"source": "a pickle of NVIDIA's StyleGAN3"}
    return tensors, notes | {CONSTANTS: json.dumps(constants.to_json())}


def _refusal(network: Any, what: str) -> CheckpointError:
    return CheckpointError(
        f"{network.path}: {what}, which has no place in the StyleGAN3 that is opened here"
    )


def _rescaled(network: Any, name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight and bias of a linear layer, scaled so that its learning rate is the usual one."""
    mapping = re.fullmatch(r"mapping\.fc\d+", name)
    usual, activation = (0.01, "lrelu") if mapping else (1.0, "linear")
    found = network.attribute(name, "activation", activation)
    rate = network.attribute(name, "bias_gain", usual)
    if found != activation or not isinstance(rate, (int, float)):
        raise _refusal(network, f"activation {str(found)[:40]!r}, gain {str(rate)[:40]} of {name}")
    if rate == usual:
        return {}
    parts = [f"{name}.{part}" for part in ("weight", "bias") if f"{name}.{part}" in tensors]
    return {part: tensors[part] * (rate / usual) for part in parts}


def _whole(network: Any, name: str, attribute: str) -> int:
    found = network.attribute(name, attribute)
    if type(found) is not int or found < 1:
        raise _refusal(network, f"{attribute} {str(found)[:40]} of {name}")
    return found


def _clamp(network: Any, layers: Sequence[str]) -> float | None:
    if all(network.attribute(name, "conv_clamp", 256) is None for name in layers):
        return None
    found = {_number(network, name, "conv_clamp", 256) for name in layers}
    if len(found) > 1:
        raise _refusal(network, f"conv_clamp {min(found)} and {max(found)}")
    return found.pop()


def _number(network: Any, name: str, attribute: str, usual: float) -> float:
    found = network.attribute(name, attribute, usual)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise _refusal(network, f"{attribute} {str(found)[:40]} of {name}")
    return float(found)
