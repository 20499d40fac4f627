"""A file is whole or not there, whatever happens while it is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from palimpsest.errors import PalimpsestError, StatisticsError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.files.atomic import atomic_path, atomic_write_bytes, atomic_write_text


def test_text_and_bytes_arrive_as_they_are(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "new" / "a.txt", "é\r\nb\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "é\r\nb\n".encode()
    atomic_write_bytes(tmp_path / "new" / "a.txt", b"\x00")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\x00"


def test_the_temporary_file_stands_beside_its_target(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "table.csv") as path:
        assert path.parent == tmp_path and path.suffix == ".csv" and path.name != "table.csv"
        path.write_text("a")
        assert not (tmp_path / "table.csv").exists()
    assert os.listdir(tmp_path) == ["table.csv"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="without writing"), atomic_path(tmp_path / "a"):
        pass
    assert os.listdir(tmp_path) == []


SLOW_WRITER = """
    import sys, time
    from palimpsest.files.atomic import atomic_path
    with atomic_path(sys.argv[1]) as path:
        path.write_text("half of the new")
        print("writing", flush=True)
        time.sleep(60)
"""


def test_kill_9_leaves_the_old_file_and_the_next_run_clears_up(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW_WRITER), str(target)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert target.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    atomic_write_text(target, "new")
    assert target.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


def test_a_running_writer_is_not_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with atomic_path(target) as slow:
        slow.write_text("slow")
        atomic_write_text(target, "fast")
        assert slow.exists()
    assert target.read_text() == "slow"


def test_two_writers_at_once_never_mix(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    texts = [letter * 200_000 for letter in "abcd"]
    threads = [threading.Thread(target=atomic_write_text, args=(target, t)) for t in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in texts and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="No space left"), atomic_path(target) as path:
        path.symlink_to("/dev/full")
        path.write_text("new")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


ARRAYS = {
    "moment": torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
    "labels": np.arange(5, dtype=np.uint8),
    "count": torch.tensor(7),
    "none": torch.zeros(0, 3),
    "half": torch.ones(2, 2, dtype=torch.bfloat16),
    "mask": np.array([True, False]),
    "turned": torch.arange(6).reshape(2, 3).T,
}


def test_arrays_come_back_with_type_shape_and_metadata(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", ARRAYS, {"layer": "6", "name": "é"})
    arrays, metadata = load_arrays(tmp_path / "a.safetensors")
    assert metadata == {"layer": "6", "name": "é"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        expected = torch.as_tensor(array)
        assert arrays[name].dtype == expected.dtype
        assert torch.equal(arrays[name], expected)


def test_the_library_of_the_format_reads_the_same(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", ARRAYS)
    theirs = load_file(tmp_path / "a.safetensors")
    assert all(torch.equal(theirs[name], torch.as_tensor(a)) for name, a in ARRAYS.items())


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    metadata = {str(i): "x" for i in range(20)}
    save_arrays(tmp_path / "a.safetensors", ARRAYS, metadata)
    shuffled = dict(reversed(ARRAYS.items())), dict(reversed(metadata.items()))
    save_arrays(tmp_path / "b.safetensors", *shuffled)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_metadata_and_types_outside_the_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="layer"):
        save_arrays(tmp_path / "a.safetensors", {}, {"layer": 6})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="complex"):
        save_arrays(tmp_path / "a.safetensors", {"z": torch.zeros(1, dtype=torch.complex64)})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "no header", "header too long", "empty", "text"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "a.safetensors"
    save_arrays(file, ARRAYS)
    whole = file.read_bytes()
    file.write_bytes(
        {
            "cut": whole[:-3],
            "no header": whole[:8],
            "header too long": (2**40).to_bytes(8, "little") + whole[8:],
            "empty": b"",
            "text": b"not what you think",
        }[damage]
    )
    with pytest.raises(StatisticsError, match="a.safetensors: damaged"):
        load_arrays(file, StatisticsError)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PalimpsestError, match="nowhere.safetensors: no such file"):
        load_arrays(tmp_path / "nowhere.safetensors")
