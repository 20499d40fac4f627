"""What another network is, in words: its input and images, and which convolutions are layers."""

from __future__ import annotations

from palimpsest.commands.contents import Contents
from palimpsest.generators.wrapped import WrappedGenerator

LEFT_OUT = 12
"""Convolutions that are no layers and are told one by one."""


def contents_of_network(g: WrappedGenerator, made_by: str) -> Contents:
    """The network that ``made_by`` makes, as `contents_of` tells of a file."""
    height, width = g.image_size
    shape = " x ".join(map(str, g.z_shape))
    facts = {
        "network": f"{type(g.network).__name__} of {made_by}, {height} x {width} pixels",
        "z": f"{g.z_dim} numbers" if len(g.z_shape) == 1 else f"{g.z_dim} numbers, {shape}",
        "layers": f"{g.layers[0]} to {g.layers[-1]}",
        "weights": g.weights_sha256[:12],
        "truncation": "not possible: such a network has no mean latent",
        **{f"layer {number}": _layer(g, number) for number in g.layers},
        **_left_out(g.left_out),
    }
    return Contents("generator", facts, g.weights_sha256)


def _layer(g: WrappedGenerator, number: int) -> str:
    layer = g.layer(number)
    module = layer.module
    kernel = " x ".join(map(str, module.kernel_size))
    step = module.stride[0]
    stride = f", stride {step}" if step != 1 else ""
    keys, values = (" x ".join(map(str, one)) for one in (layer.key_shape, layer.value_shape))
    return (
        f"{layer.name}: {type(module).__name__} {kernel}{stride}, keys {keys} of "
        f"{module.in_channels} units, values {values} of {module.out_channels}"
    )


def _left_out(reasons: dict[str, str]) -> dict[str, str]:
    told = dict(list(reasons.items())[:LEFT_OUT])
    found = {f"no layer: {name}": reason for name, reason in told.items()}
    if more := len(reasons) - len(told):
        found["no layers"] = f"{more} more convolutions"
    return found
