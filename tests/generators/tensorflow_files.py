"""Pickles as NVIDIA's TensorFlow code writes them, made of arrays by the names of that code.

The classes are made for the moment of writing. Each object carries source that leaves a mark when
it is run, and runs it as it is unpickled, as NVIDIA's class does.
"""

import pickle
import re
import sys
import types

import numpy as np


def make_class(path):
    """A class of the name ``path`` (module.Class) that runs the source in its state."""

    def unpickled(self, state):
        exec(state["build_module_src"], {})

    module, name = path.rsplit(".", 1)
    return type(
        name, (), {"__module__": module, "__setstate__": unpickled, "__getstate__": vars_of}
    )


def vars_of(thing):
    return thing.__dict__


class Writer:
    """Writes pickles whose objects are of the class ``path``; ``mark`` is made by their source."""

    def __init__(self, monkeypatch, mark, path="dnnlib.tflib.network.Network"):
        self.kind, self.source = make_class(path), f"open({str(mark)!r}, 'w').close()\n"
        names = path.split(".")
        for depth in range(1, len(names)):
            name = ".".join(names[:depth])
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        setattr(sys.modules[".".join(names[:-1])], names[-1], self.kind)

    def network(self, variables, settings=None, components=None, version=4, **more):
        """One object; ``components``: {name: object}."""
        thing = self.kind.__new__(self.kind)
        thing.__dict__ |= {
            "version": version,
            "name": "G",
            "static_kwargs": dict(settings or {}),
            "build_module_src": self.source,
            "build_func_name": "G_main",
            "variables": list(variables.items()),
            **more,
        }
        if version >= 3:
            thing.__dict__["components"] = dict(components or {})
        return thing

    def style(self, variables, settings):
        """A StyleGAN2 of variables whose names begin with their component's."""
        parts = {
            part: self.network(within(variables, part), settings)
            for part in ("mapping", "synthesis")
        }
        own = {n: a for n, a in variables.items() if not n.startswith(("mapping/", "synthesis/"))}
        return self.network(own, settings, parts)

    def discriminator(self):
        return self.network({"4x4/Dense0/weight": np.zeros((2, 2), np.float32)})


def within(variables, part):
    """The variables of one component, under their own names."""
    return {n[len(part) + 1 :]: a for n, a in variables.items() if n.startswith(part + "/")}


def write(path, content, protocol=4):
    """Pickle ``content`` to ``path``; protocols up to 3 name NumPy's modules as they were then."""
    raw = pickle.dumps(content, protocol=protocol)
    if protocol < 4:
        raw = raw.replace(b"cnumpy._core.", b"cnumpy.core.")
    path.write_bytes(raw)
    return path


# --- from the names of NVIDIA's PyTorch code --------------------------------------------------

LAYERS = {"conv1": "Conv1", "conv0": "Conv0_up", "torgb": "ToRGB", "skip": "Skip"}


def tensorflow_variables(state):
    """The variables of a TensorFlow pickle with the tensors of NVIDIA's PyTorch network."""
    variables = {"lod": np.float32(0)}
    for name, tensor in state.items():
        if name.endswith("resample_filter"):
            continue
        array = tensor.numpy()
        if name == "mapping.w_avg":
            variables["dlatent_avg"] = array
        elif found := re.fullmatch(r"mapping\.(embed|fc(\d+))\.(weight|bias)", name):
            layer = f"Dense{found[2]}" if found[2] else "LabelEmbed"
            variables[f"mapping/{layer}/{found[3]}"] = array.T if array.ndim == 2 else array
        elif name == "synthesis.b4.const":
            variables["synthesis/4x4/Const/const"] = array[None]
        else:
            size, layer, part = re.fullmatch(r"synthesis\.b(\d+)\.(\w+)\.(.+)", name).groups()
            if part == "noise_const":
                number = 2 * int(np.log2(int(size))) - (5 if layer == "conv0" else 4)
                variables[f"synthesis/noise{number}"] = array[None, None]
                continue
            scope = f"synthesis/{size}x{size}/{'Conv' if size == '4' else LAYERS[layer]}"
            if layer == "torgb":
                scope = f"synthesis/{size}x{size}/ToRGB"
            if part == "weight":
                if layer in ("conv0", "skip"):
                    array = array[:, :, ::-1, ::-1]
                array = array.transpose(2, 3, 1, 0)
            elif part == "affine.bias":
                array = array - 1
            elif part == "affine.weight":
                array = array.T
            elif part == "noise_strength":
                array = np.float32(array)
            part = part.replace("affine.", "mod_")
            variables[f"{scope}/{part}"] = array
    return variables


# --- from the names of the common PyTorch port ------------------------------------------------


def variables_of(g):
    """The variables of a TensorFlow pickle with the weights of the `StyleGAN2` ``g``."""
    variables = {"lod": np.float32(0), "dlatent_avg": g.latent_avg.numpy()}
    for i, layer in enumerate(g.style[1:]):
        variables[f"mapping/Dense{i}/weight"] = layer.weight.numpy().T
        variables[f"mapping/Dense{i}/bias"] = layer.bias.numpy()
    variables["synthesis/4x4/Const/const"] = g.input.input.numpy()
    variables |= _styled("4x4/Conv", g.conv1) | _styled("4x4/ToRGB", g.to_rgb1)
    for i, layer in enumerate(g.convs):
        size = 8 * 2 ** (i // 2)
        variables |= _styled(f"{size}x{size}/{'Conv1' if i % 2 else 'Conv0_up'}", layer)
    for i, layer in enumerate(g.to_rgbs):
        variables |= _styled(f"{8 * 2**i}x{8 * 2**i}/ToRGB", layer)
    for number in g.layers:
        shape = (1, 1, *g.layer(number).value_shape)
        variables[f"synthesis/noise{number - 2}"] = np.zeros(shape, np.float32)
    return variables


def _styled(scope, layer):
    weight = layer.conv.weight.detach().numpy()
    weight = weight[0] if weight.ndim == 5 else weight
    weight = weight[:, :, ::-1, ::-1] if scope.endswith("_up") else weight
    arrays = {
        "weight": weight.transpose(2, 3, 1, 0),
        "mod_weight": layer.conv.modulation.weight.detach().numpy().T,
        "mod_bias": layer.conv.modulation.bias.detach().numpy() - 1,
        "bias": (layer.bias if hasattr(layer, "bias") else layer.activate.bias).detach().numpy(),
    }
    arrays["bias"] = arrays["bias"].reshape(-1)
    if hasattr(layer, "noise"):
        arrays["noise_strength"] = layer.noise.weight.detach().numpy().reshape(())
    return {f"synthesis/{scope}/{name}": array for name, array in arrays.items()}
