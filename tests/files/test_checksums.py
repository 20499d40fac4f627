"""A file of arrays is what was written, bit for bit, or it is refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from palimpsest.errors import EditError, PalimpsestError
from palimpsest.files import checksums
from palimpsest.files.arrays import load_arrays, peek, save_arrays
from palimpsest.files.zipped_arrays import load_zipped, save_zipped

ARRAYS = {
    "moment": torch.arange(6, dtype=torch.float64).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.float16),
    "mask": torch.tensor([True, False]),
    "none": torch.zeros(0, 3),
    "count": torch.tensor(7),
}
NOTES = {"layer": "6", "about": '{"made by": "Ä, ü", "rate": 1e-05}', "empty": ""}
FEW = {name: ARRAYS[name] for name in ("moment", "none")}


def flips(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The content with each of its bits flipped."""
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            yield place, bit, bytes(changed)


def test_every_single_bit_of_a_safetensors_file_counts(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_arrays(whole, FEW, NOTES)
    file = tmp_path / "a.safetensors"
    for place, bit, changed in flips(whole.read_bytes()):
        file.write_bytes(changed)
        with pytest.raises(EditError) as caught:
            load_arrays(file, EditError)
            pytest.fail(f"bit {bit} of byte {place} was not noticed")
        assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)


def test_every_single_bit_of_an_npz_file_counts(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    save_zipped(whole, {"before": np.arange(4, dtype=np.uint8)})
    file = tmp_path / "a.npz"
    for place, bit, changed in flips(whole.read_bytes()):
        file.write_bytes(changed)
        with pytest.raises(EditError) as caught:
            load_zipped(file, EditError)
            pytest.fail(f"bit {bit} of byte {place} was not noticed")
        assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)


def test_any_reader_of_the_formats_reads_them(tmp_path: Path) -> None:
    pictures = np.arange(12, dtype=np.uint8)
    save_zipped(tmp_path / "a.npz", {"before": pictures})
    with np.load(tmp_path / "a.npz") as theirs:
        assert (theirs["before"] == pictures).all() and theirs.files == ["before"]
    save_arrays(tmp_path / "a.safetensors", ARRAYS, NOTES)
    theirs = load_file(tmp_path / "a.safetensors")
    assert theirs.keys() == ARRAYS.keys()
    assert all(torch.equal(theirs[name], ARRAYS[name]) for name in theirs)


def test_the_formats_own_library_may_write_the_file_again(tmp_path: Path) -> None:
    first, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_arrays(first, ARRAYS, NOTES)
    with safe_open(first, framework="pt") as file:
        held = file.metadata()
    assert list(held) == ["palimpsest"]  # one entry, so that the library writes it in one way
    save_file(load_file(first), again, held)
    assert load_arrays(again)[1] == NOTES
    save_file(load_file(first) | {"half": torch.zeros(3).half()}, again, held)
    with pytest.raises(PalimpsestError, match="damaged: another checksum"):
        load_arrays(again)


def test_the_checksum_is_the_sha256_that_the_docs_describe(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", {"b": torch.ones(2), "a": torch.tensor(3)}, {"x": "y"})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        text = file.metadata()["palimpsest"]
    written = json.loads(text)["checksum"]
    digest = hashlib.sha256(text.replace(written, "0" * 64).encode())
    digest.update(b"\0a\0torch.int64\0()\0" + torch.tensor(3).numpy().tobytes())
    digest.update(b"\0b\0torch.float32\0(2,)\0" + torch.ones(2).numpy().tobytes())
    assert digest.hexdigest() == written


def test_files_of_version_1_still_load(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "a.safetensors", NOTES)
    arrays, metadata = load_arrays(tmp_path / "a.safetensors")
    assert metadata == NOTES and torch.equal(arrays["moment"], ARRAYS["moment"])
    save_file(ARRAYS, tmp_path / "b.safetensors")
    assert load_arrays(tmp_path / "b.safetensors")[1] == {}
    np.savez_compressed(tmp_path / "a.npz", before=np.arange(3))
    assert load_zipped(tmp_path / "a.npz")["before"].tolist() == [0, 1, 2]


def test_a_later_version_asks_for_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = checksums.FORMAT
    monkeypatch.setattr(checksums, "FORMAT", known + 1)
    save_arrays(tmp_path / "a.safetensors", ARRAYS, NOTES)
    monkeypatch.undo()
    wanted = f"version {known + 1}; this release reads versions up to {known}, so update"
    with pytest.raises(PalimpsestError, match=wanted):
        load_arrays(tmp_path / "a.safetensors")


def test_a_peek_tells_names_and_metadata_only(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", ARRAYS, NOTES)
    assert peek(tmp_path / "a.safetensors") == (frozenset(ARRAYS), NOTES)
    with pytest.raises(EditError, match=r"b\.safetensors: no such file"):
        peek(tmp_path / "b.safetensors", EditError)


def test_every_shipped_file_carries_a_checksum() -> None:
    shipped = sorted((Path(__file__).parents[2] / "data/weights/mini").glob("*.safetensors"))
    assert shipped
    for file in shipped:
        with safe_open(file, framework="pt") as held:
            assert held.metadata()["palimpsest"].startswith('{"checksum":"'), file.name
        load_arrays(file)
