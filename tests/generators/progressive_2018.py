"""The generator of Progressive GAN as its authors' code of 2018 computes it, in NumPy.

Written from the paper and the facts of that code: the weight of a dense or convolution layer is
multiplied at run time by gain / √(inputs · kernel²); each layer is ``weights, bias, leaky
rectifier, pixel norm``; `Conv0_up` doubles and convolves in one transposed convolution whose 4x4
kernel is the 3x3 weight added to itself at four places. Arrays are (B, C, h, w), float64.
"""

import math

import numpy as np

RELU = math.sqrt(2)


def random_variables(fused=True, z_dim=6, widths=(8, 6, 4), seed=3):
    """Variables of a generator of 4, 8, ... pixels; ``fused``: with the layers `Conv0_up`."""
    random = np.random.RandomState(seed)

    def drawn(*shape):
        return random.standard_normal(shape).astype(np.float32)

    variables = {
        "lod": np.float32(0),
        "4x4/Dense/weight": drawn(z_dim, 16 * widths[0]),
        "4x4/Dense/bias": 0.3 * drawn(widths[0]),
        "4x4/Conv/weight": drawn(3, 3, widths[0], widths[0]),
        "4x4/Conv/bias": 0.3 * drawn(widths[0]),
    }
    for i, (before, width) in enumerate(zip(widths, widths[1:], strict=False)):
        scope = f"{8 * 2**i}x{8 * 2**i}"
        if fused:
            variables[f"{scope}/Conv0_up/weight"] = drawn(3, 3, width, before)
            variables[f"{scope}/Conv0_up/bias"] = 0.3 * drawn(width)
        else:
            variables[f"{scope}/Conv0/weight"] = drawn(3, 3, before, width)
            variables[f"{scope}/Conv0/bias"] = 0.3 * drawn(width)
        variables[f"{scope}/Conv1/weight"] = drawn(3, 3, width, width)
        variables[f"{scope}/Conv1/bias"] = 0.3 * drawn(width)
    for level, width in enumerate(reversed(widths)):
        variables[f"ToRGB_lod{level}/weight"] = drawn(1, 1, width, 3)
        variables[f"ToRGB_lod{level}/bias"] = 0.3 * drawn(3)
    return variables


def pixel_norm(x):
    return x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + 1e-8)


def convolved(x, weight):
    """The convolution with ``weight`` (k, k, in, out) that keeps the size."""
    edge, (h, w) = weight.shape[0] // 2, x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    return sum(
        np.einsum("bihw,io->bohw", wide[:, :, i : i + h, j : j + w], weight[i, j])
        for i in range(weight.shape[0])
        for j in range(weight.shape[1])
    )


def doubled_and_convolved(x, weight):
    """The transposed convolution, stride 2, of ``weight`` (3, 3, out, in) at four places."""
    wide = np.pad(weight, ((1, 1), (1, 1), (0, 0), (0, 0)))
    kernel = wide[1:, 1:] + wide[:-1, 1:] + wide[1:, :-1] + wide[:-1, :-1]  # (4, 4, out, in)
    b, _, h, w = x.shape
    y = np.zeros((b, kernel.shape[2], 2 * h + 2, 2 * w + 2))
    for i in range(4):
        for j in range(4):
            y[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2] += np.einsum(
                "bihw,oi->bohw", x, kernel[i, j]
            )
    return y[:, :, 1:-1, 1:-1]


def draw(variables, z, use_wscale=True):
    """Images (B, 3, side, side), not limited to [-1, 1], of ``z`` (B, z_dim)."""

    def rate(gain, inputs):
        return gain / math.sqrt(inputs) if use_wscale else 1.0

    def finished(x, scope):
        x = x + variables[f"{scope}/bias"][:, None, None]
        return pixel_norm(np.maximum(x, 0.2 * x))

    def layer(x, scope):
        weight = variables[f"{scope}/weight"].astype(np.float64)
        if scope.endswith("_up"):
            return finished(
                doubled_and_convolved(x, weight * rate(RELU, 9 * weight.shape[3])), scope
            )
        return finished(convolved(x, weight * rate(RELU, 9 * weight.shape[2])), scope)

    dense = variables["4x4/Dense/weight"].astype(np.float64)
    x = pixel_norm(z.astype(np.float64)) @ (dense * rate(RELU / 4, len(dense)))
    x = layer(finished(x.reshape(len(z), -1, 4, 4), "4x4/Dense"), "4x4/Conv")
    size = 8
    while f"{size}x{size}/Conv1/weight" in variables:
        if f"{size}x{size}/Conv0_up/weight" in variables:
            x = layer(x, f"{size}x{size}/Conv0_up")
        else:
            x = layer(x.repeat(2, axis=2).repeat(2, axis=3), f"{size}x{size}/Conv0")
        x, size = layer(x, f"{size}x{size}/Conv1"), 2 * size
    weight = variables["ToRGB_lod0/weight"].astype(np.float64)
    image = convolved(x, weight * rate(1.0, weight.shape[2]))
    return image + variables["ToRGB_lod0/bias"][:, None, None]


def theano_arrays(variables):
    """The same network (of `Conv0` layers) as the Theano code holds it: a list without names."""
    arrays = []
    sizes = sum(name.startswith("ToRGB") and name.endswith("weight") for name in variables)
    scopes = ["4x4/Dense", "4x4/Conv"]
    for size in (2**power for power in range(3, sizes + 2)):
        scopes += [f"{size}x{size}/Conv0", f"{size}x{size}/Conv1"]
    scopes += [f"ToRGB_lod{level}" for level in range(sizes)]
    for scope in scopes:
        weight, bias = variables[f"{scope}/weight"], variables[f"{scope}/bias"]
        gain = {"4x4/Dense": RELU / 4}.get(scope, 1.0 if "RGB" in scope else RELU)
        applied = weight * gain / math.sqrt(math.prod(weight.shape[:-1]))
        scale = np.sqrt(np.square(applied).mean())
        applied = applied / scale
        if scope == "4x4/Dense":
            applied = applied.reshape(len(weight), -1, 4, 4).transpose(1, 0, 2, 3)
        elif "RGB" in scope:
            applied = applied[0, 0]
        else:
            applied = applied[::-1, ::-1].transpose(3, 2, 0, 1)
        arrays += [applied.astype(np.float32), np.array(scale, np.float32), bias]
    return arrays
