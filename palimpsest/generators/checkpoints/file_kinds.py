"""What a file is that holds no weights which can be read here, in words for a message."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

STATE_DICT = "save the network's state dict with torch.save(model.state_dict(), path)"

STARTS = (
    (b"\x89HDF\r\n", f"an HDF5 file (Keras?); {STATE_DICT}, or as .safetensors"),
    (b"\x93NUMPY", "one NumPy array (.npy)"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GGUF", "a GGUF file of a language model"),
    (b"\x7fELF", "a program or a library"),
)
"""First bytes of files of other kinds, and what these are."""

TENSORFLOW = (
    "a part of a TensorFlow checkpoint; export the generator's variables under the names of a "
    "PyTorch state dict"
)
NESTED = (".pt", ".pth", ".pkl", ".ckpt", ".safetensors", ".bin")


def described_file(path: Path, head: bytes, readable: str) -> str:
    """What the file ``path`` is, which begins with ``head``; ``readable``: what could be read."""
    if path.is_dir():
        return _described_folder(path)
    start = head[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")) or b"<html" in start:
        return f"a web page, not weights: the download went wrong, or needs a login; {readable}"
    if start.startswith(b"<?xml"):
        return f"an XML answer of a server, not weights: the download went wrong; {readable}"
    if head.startswith(b"version https://git-lfs"):
        return f"a Git LFS pointer, not the weights themselves (run git lfs pull); {readable}"
    for mark, kind in STARTS:
        if head.startswith(mark):
            return f"{kind}; {readable}"
    if head[257:262] == b"ustar":
        return f"a tar archive; unpack it first; {readable}"
    if head[4:8] == b"TFL3":
        return f"a TensorFlow Lite model; {readable}"
    if start.startswith((b"{", b"[")):
        return f"{_described_json(head)}; {readable}"
    if head.startswith(b"model_checkpoint_path:") or _is_tensorflow(path):
        return f"{TENSORFLOW}; {readable}"
    if _is_onnx(head):
        return f"an ONNX model, whose names and graph are not read here; {STATE_DICT}; {readable}"
    return f"no weights file known here (it starts with {head[:8]!r}); {readable}"


def described_zip(path: Path, readable: str) -> str:
    """What the zip archive ``path`` is, or "" for what ``torch.save`` wrote.

    Raises `zipfile.BadZipFile` for a damaged one.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    last = [name.rpartition("/")[2] for name in names]
    if "data.pkl" in last:
        return ""
    if names and all(name.endswith(".npy") for name in names):
        arrays = ", ".join(name.removesuffix(".npy") for name in names[:3])
        return (
            f"NumPy's .npz with {len(names)} arrays ({arrays[:100]} ...), not weights that are "
            f"read here; save them as .safetensors (safetensors.numpy.save_file); {readable}"
        )
    if "model.weights.h5" in last:
        return f"a Keras model; {readable}"
    if inside := [name for name in names if name.endswith(NESTED)]:
        return f"a zip archive that holds {inside[0][-80:]}; unpack it and give that file"
    found = ", ".join(names[:3])[:100] or "nothing"
    return f"a zip archive of other files ({found}), not weights; {readable}"


def is_torchscript(path: Path) -> bool:
    """Whether ``torch.jit.save`` wrote the file: code lies beside the tensors, and stays unread."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _described_folder(path: Path) -> str:
    if (path / "model_index.json").is_file():
        return (
            "a folder with a diffusers pipeline, which is no generator that is opened here; "
            "wrap() takes its decoder"
        )
    if (path / "saved_model.pb").is_file():
        return "a folder with a TensorFlow model (SavedModel), which is not read here"
    if (path / "checkpoint").is_file():
        return "a folder with a TensorFlow checkpoint, which is not read here"
    if (path / "data.pkl").is_file():
        return "an unpacked PyTorch file; give the file as torch.save wrote it"
    return "give the path of a generator's weights"


def _described_json(head: bytes) -> str:
    try:
        content = json.loads(head)
    except ValueError:
        return "a JSON text, not weights"
    if isinstance(content, dict) and "weight_map" in content:
        return "the index of weights in several files; the files that it names hold the weights"
    if isinstance(content, dict) and ("_class_name" in content or "architectures" in content):
        return "a JSON configuration of a model; its weights are in another file"
    return "a JSON text, not weights"


def _is_tensorflow(path: Path) -> bool:
    """Whether it is one of a checkpoint's files; the one with numbers tells it by its name only."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 8))
        table = file.read() == (0xDB4775248B80FB57).to_bytes(8, "little")
    return table or ".data-0000" in path.name or path.suffix == ".meta"


def _is_onnx(head: bytes) -> bool:
    """A message of protocol buffers: version of the format, then the name of its producer."""
    return head[:1] == b"\x08" and head[2:3] == b"\x12" and 0 < head[3:4][0] < 64
