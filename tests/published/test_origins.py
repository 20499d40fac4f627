"""A file with two origins: the second is taken where the first fails, and must be what is wanted.

The generator is small and random; the first origin has it as the authors published theirs, the
second as NVIDIA's TensorFlow code writes it.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from palimpsest.errors import DownloadError
from palimpsest.files.download import Patience
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.published.catalogue import PUBLISHED_FILES, Origin, PublishedFile
from palimpsest.published.fetching import obtain
from palimpsest.published.paper_generators import PUBLISHED, Published
from tests.generators import tensorflow_files as tensorflow

WIDTHS = {4: 16, 8: 16, 16: 8, 32: 8}
HASTE = Patience(attempts=2, pause=0.01, timeout=5)
get = partial(obtain, patience=HASTE, progress=False)


class Small(Published):
    """A generator of 32 pixels, narrower than the published ones."""

    widths = WIDTHS


@dataclass
class Web:
    """A server: ``answers`` by the path asked for; a path that is missing is not found."""

    url: str
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]]
    asked: list[str]

    def has(self, path: str, content: bytes, cut_to: int | None = None) -> None:
        """``content`` is there; the connection ends after ``cut_to`` bytes."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content[:cut_to])

        self.answers[path] = answer


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web("", {}, [])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.answers.get(self.path, lambda request: request.send_error(404))(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class Stand:
    """A generator, its bytes in the authors' layout and in NVIDIA's, and its file's entry."""

    g: StyleGAN2
    authors: bytes
    nvidia: bytes
    file: PublishedFile

    def images(self, path: Path) -> torch.Tensor:
        opened = load_generator(path, truncation=0.5)
        return opened(sample_z(opened, 3))


def pickled(writer: tensorflow.Writer, g: StyleGAN2) -> bytes:
    network = writer.style(tensorflow.variables_of(g), {})
    return pickle.dumps((writer.discriminator(), writer.discriminator(), network), protocol=4)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, web: Web) -> Stand:
    torch.manual_seed(3)
    g = StyleGAN2(32, WIDTHS).eval().requires_grad_(False)
    g.latent_avg.copy_(torch.randn(512) / 4)
    for number in g.layers:
        g.styled_conv(number).noise.weight.fill_(0.1)
    export_generator(g, tmp_path / "authors.pt")
    content = (tmp_path / "authors.pt").read_bytes()
    nvidia = pickled(tensorflow.Writer(monkeypatch, tmp_path / "ran"), g)
    name = f"stylegan2_small-{hashlib.sha256(content).hexdigest()[:8]}.pt"
    first, second = f"{web.url}/first/{name}", f"{web.url}/second/stylegan2-small-config-f.pkl"
    monkeypatch.setitem(PUBLISHED, name, Small(name, first, "stylegan2", "small", 32, second))
    prefix = PUBLISHED[name].sha256_prefix
    file = PublishedFile(name, first, "a small generator", prefix, 1, (Origin(second),))
    return Stand(g, content, nvidia, file)


def path_of(url: str, web: Web) -> str:
    return url.removeprefix(web.url)


FAILURES: dict[str, Callable[[Web, str, bytes], None]] = {
    "not found": lambda web, path, content: None,
    "cut short": lambda web, path, content: web.has(path, content, cut_to=len(content) // 2),
    "another file": lambda web, path, content: web.has(path, content[:-1] + b"!"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_second_origin_gives_the_images_of_the_first(
    stand: Stand, web: Web, tmp_path: Path, failure: str
) -> None:
    first, second = (path_of(url, web) for url in (stand.file.url, stand.file.others[0].url))
    web.has(first, stand.authors)
    usual = get(stand.file, tmp_path / "usual" / stand.file.name)
    assert usual.read_bytes() == stand.authors and second not in web.asked

    del web.answers[first]
    FAILURES[failure](web, first, stand.authors)
    web.has(second, stand.nvidia)
    told: list[str] = []
    other = get(stand.file, tmp_path / "other" / stand.file.name, tell=told.append)
    assert other.read_bytes() == stand.nvidia
    assert (stand.images(other) - stand.images(usual)).abs().max() < 1e-5
    assert len(told) == 1 and stand.file.others[0].url in told[0]
    assert hashlib.sha256(stand.nvidia).hexdigest() in told[0]
    assert not (tmp_path / "ran").exists()


def test_a_second_origin_with_a_hash_is_held_to_it(stand: Stand, web: Web, tmp_path: Path) -> None:
    other = stand.file.others[0].url
    digest = hashlib.sha256(stand.nvidia).hexdigest()
    file = PublishedFile(
        stand.file.name,
        stand.file.url,
        "small",
        stand.file.sha256_prefix,
        1,
        (Origin(other, digest[:8]),),
    )
    web.has(path_of(other, web), stand.nvidia)
    assert get(file, tmp_path / "a.pt").read_bytes() == stand.nvidia
    web.has(path_of(other, web), stand.nvidia + b" ")
    with pytest.raises(DownloadError, match=f"answered 404; .*not {digest[:8]}"):
        get(file, tmp_path / "b.pt")
    assert not (tmp_path / "b.pt").exists()


def test_without_a_hash_the_second_must_be_the_architecture(
    stand: Stand, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = StyleGAN2(32, WIDTHS | {32: 16}).eval().requires_grad_(False)
    second = path_of(stand.file.others[0].url, web)
    target = tmp_path / stand.file.name
    for content, words in (
        (pickled(tensorflow.Writer(monkeypatch, tmp_path / "ran"), wider), "another network"),
        (b"<html>log in</html>", "cannot be read"),
    ):
        web.has(second, content)
        with pytest.raises(DownloadError, match=f"answered 404; .*{words}") as problem:
            get(stand.file, target, by_hand=tmp_path / "by_hand")
        said = str(problem.value)
        assert "\n" not in said and said.count("run again to go on") == 1
        assert stand.file.url in said and stand.file.others[0].url in said
        assert not list(tmp_path.glob(f"{stand.file.name}*"))


def test_the_hash_of_what_came_first_is_noted_and_then_expected(
    stand: Stand, web: Web, tmp_path: Path
) -> None:
    second = path_of(stand.file.others[0].url, web)
    web.has(second, stand.nvidia)
    target = get(stand.file, tmp_path / stand.file.name)
    note = Path(f"{target}.origins.json")
    digest = hashlib.sha256(stand.nvidia).hexdigest()
    assert json.loads(note.read_text()) == {stand.file.others[0].url: digest}
    asked = len(web.asked)
    assert get(stand.file, target) == target and len(web.asked) == asked  # kept, not fetched again
    target.unlink()
    web.has(second, stand.nvidia + b" ")  # readable, but not what came first
    with pytest.raises(DownloadError, match=f"not {digest[:8]}.* as the first time"):
        get(stand.file, target)
    assert not target.exists()
    web.has(second, stand.nvidia)
    assert get(stand.file, target).read_bytes() == stand.nvidia


def test_a_file_of_the_second_origin_may_be_put_there_by_hand(stand: Stand, tmp_path: Path) -> None:
    hand = tmp_path / "by_hand"
    hand.mkdir()
    (hand / stand.file.others[0].name).write_bytes(stand.nvidia)
    told: list[str] = []
    target = get(stand.file, tmp_path / stand.file.name, by_hand=hand, tell=told.append)
    assert target.read_bytes() == stand.nvidia and len(told) == 1


def test_nvidia_has_five_of_the_published_generators() -> None:
    others = {name: file.others for name, file in PUBLISHED_FILES.items() if file.others}
    assert {name.partition("-")[0] for name in others} == {
        f"stylegan2_{subject}" for subject in ("car", "cat", "church", "faces", "horse")
    }
    for origins in others.values():
        (other,) = origins
        assert other.url.startswith("https://nvlabs-fi-cdn.nvidia.com/stylegan2/networks/")
        assert other.sha256_prefix is None  # NVIDIA published none
