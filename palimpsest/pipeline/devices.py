"""The device of a stage: the CPU or a GPU.

    def main(..., device: Device = "cpu") -> None:
        place = computing_device(device)
        generator = load_generator(weights).to(place)

Generators and instruments move their inputs to the device of their weights. A generator's outputs
stay on its device; an instrument's labels and features are returned on the CPU.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from palimpsest.errors import ParameterError

if TYPE_CHECKING:
    import torch

Device = Annotated[
    str,
    typer.Option("--device", help="Device to compute on: cpu, cuda, or cuda:1 of several GPUs."),
]


def computing_device(name: str) -> torch.device:
    """The device called ``name``, set up for full float32 precision and deterministic results.

    By default a GPU multiplies in TF32, which has three significant digits, and uses algorithms
    whose sums differ from call to call; both are turned off. cuDNN's default choice among the
    deterministic algorithms may be slow and use gigabytes, so cuDNN times them once for each shape
    and keeps the fastest. Another process may choose another algorithm and differ by rounding.

    Raises `ParameterError` for an unknown name, and for a GPU that PyTorch does not see.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ParameterError(f"--device: {name!r} is none of cpu, cuda, cuda:1")
    import torch

    device = torch.device(name)
    if device.type == "cuda":
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= seen:
            has = f"{seen} of them" if seen else "none"
            raise ParameterError(f"--device: {name} requested, but PyTorch sees {has}; give cpu")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = True
    return device
