"""The networks of the genforce library, written down once more from their formulas (float64).

Tensors go by that library's names: ``synthesis.layerN.weight`` (out, in, 3, 3) and so on.
"""

import math

import torch
import torch.nn.functional as F


def random_stylegan2(z_dim=6, w_dim=12, widths=(8, 6, 4), layers=3):
    """Tensors of a small network, 4 to 16 pixels for three widths."""
    torch.manual_seed(7)
    t = {}
    for i in range(layers):
        t[f"mapping.dense{i}.weight"] = 100 * torch.randn(w_dim, w_dim if i else z_dim)
        t[f"mapping.dense{i}.bias"] = 10 * torch.randn(w_dim)
    t["truncation.w_avg"] = 0.3 * torch.randn(w_dim)
    t["synthesis.early_layer.const"] = torch.randn(1, widths[0], 4, 4)
    shapes = {"layer0": (widths[0], widths[0], 3, 4)}
    for i in range(1, len(widths)):
        shapes[f"layer{2 * i - 1}"] = (widths[i - 1], widths[i], 3, 4 * 2**i)
        shapes[f"layer{2 * i}"] = (widths[i], widths[i], 3, 4 * 2**i)
    for i, width in enumerate(widths):
        shapes[f"output{i}"] = (width, 3, 1, 0)
    for name, (inputs, outputs, kernel, side) in shapes.items():
        at = f"synthesis.{name}"
        t[f"{at}.weight"] = torch.randn(outputs, inputs, kernel, kernel)
        t[f"{at}.bias"] = 0.2 * torch.randn(outputs)
        t[f"{at}.style.weight"] = torch.randn(inputs, w_dim)
        t[f"{at}.style.bias"] = 0.2 * torch.randn(inputs)
        if side:
            t[f"{at}.noise"] = torch.randn(1, 1, side, side)
            t[f"{at}.noise_strength"] = 0.3 * torch.randn(())
        if name.startswith("layer") and int(name[5:]) % 2:
            t[f"{at}.filter.kernel"] = low_pass()[None, None]
    t["synthesis.upsample.kernel"] = low_pass()[None, None]
    return t


def low_pass():
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 16


def dense(t, name, x, rate=1.0):
    weight = t[f"{name}.weight"] * rate / math.sqrt(x.shape[1])
    return x @ weight.T + t[f"{name}.bias"] * rate


def activate(x):
    return torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def filtered(x, before, after):
    x = F.pad(x, (before, after, before, after))
    return F.conv2d(x, low_pass().to(x).expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def spread(x):
    """Zeros after each cell, then the filter."""
    b, c, h, w = x.shape
    wide = torch.zeros(b, c, 2 * h, 2 * w, dtype=x.dtype)
    wide[:, :, ::2, ::2] = x
    return filtered(wide, 2, 1)


def layer(t, name, x, w, doubles=False, plain=False):
    out = []
    weight = t[f"{name}.weight"] / math.sqrt(t[f"{name}.weight"][0].numel())
    styles = dense(t, f"{name}.style", w) + 1
    for one, style in zip(x, styles, strict=True):
        own = weight * style[None, :, None, None]
        if not plain:
            own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if doubles:
            turned = own.flip(2, 3).transpose(0, 1)
            out.append(filtered(F.conv_transpose2d(one[None], turned, stride=2), 1, 1))
        else:
            out.append(F.conv2d(one[None], own, padding=own.shape[2] // 2))
    x = torch.cat(out)
    if plain:
        return x + t[f"{name}.bias"][:, None, None]
    x = x + t[f"{name}.noise"] * t[f"{name}.noise_strength"]
    return activate(x + t[f"{name}.bias"][:, None, None])


def draw_stylegan2(tensors, z, psi):
    """Images (B, 3, H, W) of z (B, z_dim), all layers truncated."""
    t = {name: tensor.double() for name, tensor in tensors.items()}
    x = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    for i in range(sum(name.startswith("mapping.") for name in t) // 2):
        x = activate(dense(t, f"mapping.dense{i}", x, rate=0.01))
    w = t["truncation.w_avg"] + psi * (x - t["truncation.w_avg"])
    x = t["synthesis.early_layer.const"].expand(len(z), -1, -1, -1)
    x = layer(t, "synthesis.layer0", x, w)
    image = layer(t, "synthesis.output0", x, w, plain=True)
    for i in range(1, sum(name.endswith("filter.kernel") for name in t) + 1):
        x = layer(t, f"synthesis.layer{2 * i - 1}", x, w, doubles=True)
        x = layer(t, f"synthesis.layer{2 * i}", x, w)
        image = spread(image) + layer(t, f"synthesis.output{i}", x, w, plain=True)
    return image


def random_progressive(z_dim=6, widths=(8, 6, 4)):
    torch.manual_seed(8)
    t = {"lod": torch.zeros(())}
    before = z_dim
    for i, width in enumerate(widths):
        for number, inputs in ((2 * i, before), (2 * i + 1, width)):
            kernel = 4 if number == 0 else 3
            t[f"layer{number}.weight"] = torch.randn(width, inputs, kernel, kernel)
            t[f"layer{number}.bias"] = 0.2 * torch.randn(width)
        t[f"output{i}.weight"] = 0.2 * torch.randn(3, width, 1, 1)
        t[f"output{i}.bias"] = 0.1 * torch.randn(3)
        before = width
    return t


def normed(x):
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def draw_progressive(tensors, z):
    t = {name: tensor.double() for name, tensor in tensors.items()}
    x = (normed(z) * math.sqrt(z.shape[1]))[:, :, None, None]
    sizes = sum(name.startswith("output") for name in t) // 2
    for number in range(2 * sizes):
        weight = t[f"layer{number}.weight"]
        x = normed(x)
        if number % 2 == 0 and number:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        scale = math.sqrt(2) / math.sqrt(weight[0].numel())
        x = F.conv2d(x, weight * scale, padding=1 if number else 3)
        x = F.leaky_relu(x + t[f"layer{number}.bias"][:, None, None], 0.2)
    weight = t[f"output{sizes - 1}.weight"]
    image = F.conv2d(normed(x), weight / math.sqrt(weight.shape[1]))
    return image + t[f"output{sizes - 1}.bias"][:, None, None]
