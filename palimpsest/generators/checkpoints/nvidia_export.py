"""Write a StyleGAN2 as a ``network.pkl`` of NVIDIA's code: stylegan2-ada-pytorch and stylegan3.

    content = nvidia_pickle(edit.apply(g))

Their loader wants three networks, and runs the Python source that the file brings for each class.
The source here is this project's own: two lines that take the classes from the checkout that the
loader belongs to, so none of NVIDIA's code is in the file. ``G`` and ``G_ema`` are the generator;
``D`` is an empty module, as there is no discriminator. Attributes are those that the classes of
both projects set. Everything is computed in float32 and without a limit on activations, as here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints.pickle_writer import Call, Named, parameter, written
from palimpsest.generators.noise import layer_noise
from palimpsest.generators.stylegan2 import MAPPING_RATE, StyleGAN2
from palimpsest.generators.stylegan2_parts import SQRT2, EqualLinear, StyledConv, ToRGB, blur_kernel

RECONSTRUCT = Named("torch_utils.persistence", "_reconstruct_persistent_obj")
VERSION = 6
"""Version of the pickled objects, which their loader checks."""

NETWORKS = '''"""Classes of the StyleGAN2 code that loads this file (written by Palimpsest)."""
try:
    from training.networks_stylegan2 import *  # stylegan3
except ImportError:
    from training.networks import *  # stylegan2-ada-pytorch
'''
NO_DISCRIMINATOR = '''"""Written by Palimpsest: the generator was exported alone."""
import torch


class NoDiscriminator(torch.nn.Module):
    def __init__(self, **settings):  # those of a discriminator, given to make one in half precision
        super().__init__()

    def forward(self, *args, **kwargs):
        raise RuntimeError("this file holds no discriminator")
'''
HOOKS = (
    *("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks"),
    "_load_state_dict_pre_hooks",
)


def nvidia_pickle(g: Generator) -> bytes:
    """``g`` with its present weights as the content of a ``network.pkl``.

    Raises `ParameterError` for another network than StyleGAN2, one with an encoded z, and one with
    another constant input than 4x4: NVIDIA's code cannot hold them.
    """
    if not isinstance(g, StyleGAN2):
        raise ParameterError(
            f"a {g.kind} generator has no place in NVIDIA's .pkl; export it as .safetensors"
        )
    if g.encoding is not None:
        raise ParameterError(
            "a generator with an encoded z (a mini generator) has no place in NVIDIA's .pkl; "
            "export it as .safetensors"
        )
    if g.first_shape != (4, 4):
        raise ParameterError(
            f"a constant input of {g.first_shape[0]} x {g.first_shape[1]} cells has no place in "
            "NVIDIA's .pkl, which knows 4 x 4; export it as .safetensors"
        )
    generator = _Export(g).generator()
    empty = _module("NoDiscriminator", {}, source=NO_DISCRIMINATOR)
    about = {"training_set_kwargs": None, "augment_pipe": None}
    return written(about | {"G": generator, "D": empty, "G_ema": generator})


class _Export:
    """The modules of one generator as NVIDIA's code has them."""

    def __init__(self, g: StyleGAN2) -> None:
        self.g = g
        self.style_dim = g.latent_avg.numel()
        self.sizes = sorted(g.channels)
        self.filter = blur_kernel() / 4  # NVIDIA's sums to one

    def generator(self) -> Call:
        g = self.g
        rows, last = g.latent_rows, g.resolution
        synthesis = {
            "w_dim": self.style_dim,
            "img_resolution": last,
            "img_resolution_log2": int(math.log2(last)),
            "img_channels": g.image_channels,
            "num_fp16_res": 0,
            "block_resolutions": self.sizes,
            "num_ws": rows,
        }
        blocks = {f"b{size}": self.block(size) for size in self.sizes}
        about = {
            "z_dim": g.z_dim,
            "c_dim": g.classes,
            "w_dim": self.style_dim,
            "img_resolution": last,
            "img_channels": g.image_channels,
        }
        parts = {
            "synthesis": _module("SynthesisNetwork", synthesis, modules=blocks),
            "mapping": self.mapping(rows),
        }
        made_by = about | {
            "mapping_kwargs": {"num_layers": len(g.style) - 1},
            "synthesis_kwargs": self.widths() | {"architecture": g.architecture},
        }
        state = about | {"num_ws": rows, "_init_kwargs": made_by}
        return _module("Generator", state, modules=parts)

    def widths(self) -> dict[str, int]:
        """Their two numbers that give the width of each resolution; {} if no two do."""
        channels = self.g.channels
        base, most = max(size * width for size, width in channels.items()), max(channels.values())
        fits = all(min(base // size, most) == width for size, width in channels.items())
        return {"channel_base": base, "channel_max": most} if fits else {}

    def mapping(self, rows: int) -> Call:
        g = self.g
        known = bool(g.latent_avg.isfinite().all())
        about = {
            "z_dim": g.z_dim,
            "c_dim": g.classes,
            "w_dim": self.style_dim,
            "num_ws": rows,
            "num_layers": len(g.style) - 1,
            "w_avg_beta": 0.995 if known else None,
            "trainable_layers": len(g.style) - 1,
        }
        layers = {} if not g.classes else {"embed": _linear(g.embed, "linear", 1.0)}
        for i, layer in enumerate(g.style[1:]):
            layers[f"fc{i}"] = _linear(layer, "lrelu", MAPPING_RATE)
        buffers = {"w_avg": g.latent_avg} if known else {}
        return _module("MappingNetwork", about, modules=layers, buffers=buffers)

    def block(self, size: int) -> Call:
        g, first = self.g, size == 4
        place = self.sizes.index(size)
        is_last = size == g.resolution
        to_rgb = g.to_rgb1 if first else g.to_rgbs[place - 1]
        about = {
            "in_channels": 0 if first else g.channels[size // 2],
            "w_dim": self.style_dim,
            "resolution": size,
            "img_channels": g.image_channels,
            "is_last": is_last,
            "architecture": g.architecture,
            "use_fp16": False,
            "channels_last": False,
            "fused_modconv_default": True,
            "num_conv": 1 if first else 2,
            "num_torgb": 0 if to_rgb is None else 1,
        }
        modules = {} if first else {"conv0": self.styled(2 * place + 1, size)}
        modules["conv1"] = self.styled(2 * place + 2, size)
        if to_rgb is not None:
            modules["torgb"] = self.to_rgb(to_rgb)
        if g.architecture == "resnet" and not first:
            modules["skip"] = self.skip(g.skips[place - 1].weight)
        return _module(
            "SynthesisBlock",
            about,
            {"const": g.input.input[0]} if first else {},
            {"resample_filter": self.filter},
            modules,
        )

    def styled(self, number: int, size: int) -> Call:
        conv: StyledConv = self.g.styled_conv(number)
        outputs, inputs = conv.conv.weight.shape[:2]
        fixed = layer_noise("single", 1, (size, size), (0, 0, size, size), None)
        noise = getattr(self.g.noises, f"noise_{number - 2}", fixed)
        about = {
            "in_channels": inputs,
            "out_channels": outputs,
            "w_dim": self.style_dim,
            "resolution": size,
            "up": 2 if conv.upsample else 1,
            "use_noise": True,
            "activation": "lrelu",
            "conv_clamp": None,
            "padding": 1,
            "act_gain": SQRT2,
        }
        return _module(
            "SynthesisLayer",
            about,
            {
                "weight": conv.conv.weight,
                "noise_strength": conv.noise.weight.reshape(()),
                "bias": conv.activate.bias,
            },
            {"resample_filter": self.filter, "noise_const": noise[0, 0]},
            {"affine": _linear(conv.conv.modulation, "linear", 1.0)},
        )

    def to_rgb(self, to_rgb: ToRGB) -> Call:
        outputs, inputs = to_rgb.conv.weight.shape[:2]
        about = {
            "in_channels": inputs,
            "out_channels": outputs,
            "w_dim": self.style_dim,
            "conv_clamp": None,
            "weight_gain": 1 / math.sqrt(inputs),
        }
        return _module(
            "ToRGBLayer",
            about,
            {"weight": to_rgb.conv.weight, "bias": to_rgb.bias.flatten()},
            modules={"affine": _linear(to_rgb.conv.modulation, "linear", 1.0)},
        )

    def skip(self, weight: Tensor) -> Call:
        outputs, inputs = weight.shape[:2]
        about = {
            "in_channels": inputs,
            "out_channels": outputs,
            "activation": "linear",
            "up": 2,
            "down": 1,
            "conv_clamp": None,
            "padding": 0,
            "weight_gain": 1 / math.sqrt(inputs),
            "act_gain": 1.0,
            "bias": None,
        }
        return _module("Conv2dLayer", about, {"weight": weight}, {"resample_filter": self.filter})


def _linear(layer: EqualLinear, activation: str, rate: float) -> Call:
    outputs, inputs = layer.weight.shape
    about = {
        "in_features": inputs,
        "out_features": outputs,
        "activation": activation,
        "weight_gain": rate / math.sqrt(inputs),
        "bias_gain": rate,
    }
    return _module("FullyConnectedLayer", about, {"weight": layer.weight, "bias": layer.bias})


def _module(
    class_name: str,
    attributes: dict[str, Any],
    parameters: dict[str, Tensor] | None = None,
    buffers: dict[str, Tensor] | None = None,
    modules: dict[str, Call] | None = None,
    source: str = NETWORKS,
) -> Call:
    """One module as their loader rebuilds it: class, source and state."""
    state = {
        "training": False,
        "_parameters": OrderedDict((n, parameter(t)) for n, t in (parameters or {}).items()),
        "_buffers": OrderedDict((n, t.to(torch.float32)) for n, t in (buffers or {}).items()),
        "_non_persistent_buffers_set": set(),
        **{name: OrderedDict() for name in HOOKS},
        "_modules": OrderedDict(modules or {}),
        "_init_args": (),
        "_init_kwargs": {},
        **attributes,
    }
    meta = {
        "type": "class",
        "version": VERSION,
        "module_src": source,
        "class_name": class_name,
        "state": state,
    }
    return Call(RECONSTRUCT, (meta,))
