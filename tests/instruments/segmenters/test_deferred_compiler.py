"""The compiler stays out while a segmenter's network is built, and is there when it is wanted."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import torch
from palimpsest.instruments.segmenters.world_segmenter import Architecture

def built():
    torch.manual_seed(3)
    return Architecture(channels=(16, 16, 8, 8, 8)).build(4).state_dict(), torch.rand(3)

first, after = built()
assert "torch._dynamo" not in sys.modules
roi_align = sys.modules["torchvision.ops.roi_align"]
answer = roi_align.is_compile_supported("cpu")
import torch._dynamo

assert answer is torch._dynamo.utils.is_compile_supported("cpu")
second, later = built()
assert torch.equal(after, later)
assert all(torch.equal(first[name], second[name]) for name in first)
disabled = torch.compiler.disable(lambda x: x + 1)
assert disabled(2) == 3
"""


def test_a_network_is_the_same_with_and_without_the_compiler() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


WHILE_IMPORTING = """
import sys
from palimpsest.instruments.segmenters.deferred_compiler import compiler_deferred
import torch

with compiler_deferred():
    import torch._dynamo  # as another thread might

    assert sys.modules["torch._dynamo.utils"].__file__.endswith("utils.py")
    twice = torch.compiler.disable(lambda x: 2 * x)
    assert twice(4) == 8
assert torch._dynamo.utils is sys.modules["torch._dynamo.utils"]
"""


def test_whoever_wants_the_compiler_meanwhile_gets_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WHILE_IMPORTING], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
