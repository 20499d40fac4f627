"""Where a stage computes: on the CPU, or on a GPU.

    def main(..., device: Device = "cpu") -> None:
        place = computing_device(device)
        generator = load_generator(weights).to(place)

Generators and instruments bring what they are shown to where their weights lie. What a generator
makes stays there; labels and features that an instrument tells come back to the CPU.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from palimpsest.errors import ParameterError

if TYPE_CHECKING:
    import torch

Device = Annotated[
    str, typer.Option("--device", help="Where to compute: cpu, cuda, or cuda:1 of several GPUs.")
]


def computing_device(name: str) -> torch.device:
    """The device called ``name``, made ready to compute float32 as float32, and repeatably.

    Left to itself a GPU multiplies in TF32, which has three significant digits, and takes
    algorithms whose sums differ from call to call. Of the repeatable ones cuDNN's first choice may
    be slow and take gigabytes; so it tries them once for each shape, and keeps the fastest. Another
    process may find another one the fastest, and then differs by rounding.

    Raises `ParameterError` for another name, and for a GPU that PyTorch does not see.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ParameterError(f"--device: {name!r} is none of cpu, cuda, cuda:1")
    import torch

    device = torch.device(name)
    if device.type == "cuda":
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= seen:
            has = f"{seen} of them" if seen else "none"
            raise ParameterError(f"--device: {name} asked for, but PyTorch sees {has}; give cpu")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = True
    return device
