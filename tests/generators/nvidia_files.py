"""Pickles as NVIDIA's code writes them, made from nothing but tensors by NVIDIA's names.

The stream names `torch_utils.persistence._reconstruct_persistent_obj` and `dnnlib.util.EasyDict`,
and every module carries source that leaves a mark when it is run.
"""

import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.generators import load_generator

CLASSES = {
    "": "Generator",
    "mapping": "MappingNetwork",
    "synthesis": "SynthesisNetwork",
    "block": "SynthesisBlock",
    "conv": "SynthesisLayer",
    "torgb": "ToRGBLayer",
    "linear": "FullyConnectedLayer",
    "skip": "Conv2dLayer",
}
BUFFERS = ("resample_filter", "noise_const", "w_avg")


def class_of(name):
    last = name.split(".")[-1]
    if last in CLASSES:
        return CLASSES[last]
    if last.startswith("conv"):
        return CLASSES["conv"]
    return CLASSES["block" if last.startswith("b") else "linear"]


def run_source(meta):
    """What NVIDIA's unpickling does, as far as it is dangerous."""
    exec(meta["module_src"], {})
    return meta


def install(monkeypatch):
    """Modules under NVIDIA's names, so that `pickle` can write references to them."""
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")

    class EasyDict(dict):
        pass

    run_source.__module__, run_source.__qualname__ = (
        persistence.__name__,
        "_reconstruct_persistent_obj",
    )
    EasyDict.__module__, EasyDict.__qualname__ = util.__name__, "EasyDict"
    run_source.__name__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj, util.EasyDict = run_source, EasyDict
    for name in ("torch_utils", "dnnlib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, persistence.__name__, persistence)
    monkeypatch.setitem(sys.modules, util.__name__, util)
    return EasyDict


class Pickled:
    """One module with its source."""

    def __init__(self, class_name, state, source):
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": source,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self):
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


def module(tensors, source, attributes, name=""):
    """The module ``name`` with all that is below it; ``attributes``: {name: {attribute: value}}."""
    dot = f"{name}." if name else ""
    below = [n[len(dot) :] for n in tensors if n.startswith(dot)]
    state = {
        "training": False,
        "_parameters": OrderedDict(),
        "_buffers": OrderedDict(),
        "_non_persistent_buffers_set": set(),
        "_forward_hooks": OrderedDict(),
        "_modules": OrderedDict(),
        "weight_gain": np.float64(0.25) / np.sqrt(3.0),
        "_init_args": (),
    }
    for part in below:
        first, _, rest = part.partition(".")
        if rest:
            if first not in state["_modules"]:
                state["_modules"][first] = module(tensors, source, attributes, dot + first)
        elif first in BUFFERS:
            state["_buffers"][first] = tensors[dot + first]
        else:
            state["_parameters"][first] = torch.nn.Parameter(tensors[dot + first])
    own = attributes.get(name, {})
    state.update({key: value for key, value in own.items() if key != "class"})
    return Pickled(own.get("class", class_of(name)), state, source)


def network_pickle(path, tensors, easy_dict, mark, attributes=None, protocol=4, beside=None):
    """Write a snapshot whose G_ema has ``tensors``; running its source would make ``mark``.

    ``beside``: other things in the file, by key."""
    source = f"open({str(mark)!r}, 'w').close()\n"
    attributes = {"": {"c_dim": 0, "img_channels": 3}} | (attributes or {})
    other = {"mapping.fc0.weight": torch.zeros(2, 2)}
    kwargs = easy_dict(class_name="training.dataset.ImageFolderDataset", resolution=np.int64(16))
    content = {
        "training_set_kwargs": kwargs,
        "G": module(other, source, {}),
        "D": module(other, source, {}),
        "augment_pipe": None,
        **(beside or {}),
        "G_ema": module(tensors, source, attributes),
    }
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def low_pass():
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 64


def random_tensors(z_dim=6, w_dim=12, channels=(8, 6, 4), layers=3, rate=0.01):
    """A small network at random, by NVIDIA's names: 4 to 16 pixels."""
    torch.manual_seed(5)
    tensors = {}
    for i in range(layers):
        tensors[f"mapping.fc{i}.weight"] = torch.randn(w_dim, w_dim if i else z_dim) / rate
        tensors[f"mapping.fc{i}.bias"] = torch.randn(w_dim) / rate * 0.1
    tensors["mapping.w_avg"] = torch.randn(w_dim) * 0.3
    before = None
    for i, width in enumerate(channels):
        size = 4 * 2**i
        block = f"synthesis.b{size}"
        tensors[f"{block}.resample_filter"] = low_pass()
        convs = {"conv1": (width, width)}
        if before is None:
            tensors[f"{block}.const"] = torch.randn(width, 4, 4)
        else:
            convs = {"conv0": (width, before), "conv1": (width, width)}
        for name, (m, n) in convs.items():
            tensors[f"{block}.{name}.weight"] = torch.randn(m, n, 3, 3)
            tensors[f"{block}.{name}.noise_strength"] = torch.randn([]) * 0.3
            tensors[f"{block}.{name}.noise_const"] = torch.randn(size, size)
            tensors[f"{block}.{name}.resample_filter"] = low_pass()
        convs["torgb"] = (3, width)
        tensors[f"{block}.torgb.weight"] = torch.randn(3, width, 1, 1)
        for name, (m, n) in convs.items():
            tensors[f"{block}.{name}.bias"] = torch.randn(m) * 0.2
            tensors[f"{block}.{name}.affine.weight"] = torch.randn(n, w_dim)
            tensors[f"{block}.{name}.affine.bias"] = 1 + 0.2 * torch.randn(n)
        before = width
    return tensors


def refused(path, content=None):
    """The message with which ``path`` (holding ``content``) is refused."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert len(message) < 500 + len(str(path))
    return message
