"""Statistics of a layer while one paints: a quick estimate at once, the full ones from the
background.

    statistics = LayerStatistics(g, place, layer=6, finished=..., progress=...)
    statistics.n                        # samples of the best statistics there are
    statistics.of(n)                    # `KeyStatistics`; the quick ones are collected when asked
    statistics.begin()                  # read the file, or collect it in the background

The full statistics are the pipeline's: same samples, same file, read if it is there.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from palimpsest.editor.workplace import ModelPlace
from palimpsest.errors import PalimpsestError, StatisticsError
from palimpsest.generators import Generator
from palimpsest.memory import KeyStatistics
from palimpsest.memory.statistics import KEYS_PER_UNIT

QUICK = 100
"""Samples of the quick estimate, if their keys are enough for the layer's units."""


class _Stopped(Exception):
    """Collecting is no longer wanted."""


class LayerStatistics:
    """Quick and full key statistics of one layer of an open generator; used by several threads.

    ``turn``: a lock that all layers share, so that one is collected after the other.
    ``finished``: called without arguments when the full statistics are there. ``progress``: called
    with samples done and samples in all. ``failed``: called with a sentence.
    """

    def __init__(
        self,
        g: Generator,
        place: ModelPlace,
        layer: int,
        turn: threading.Lock,
        finished: Callable[[], None],
        progress: Callable[[int, int], None],
        failed: Callable[[str], None],
    ) -> None:
        self.g, self.place, self.layer = g, place, layer
        self.total = place.statistics_samples
        opened = g.layer(layer)
        cells, units = math.prod(opened.key_shape), opened.weight.shape[1]
        enough = -(-2 * KEYS_PER_UNIT * units // cells)
        self.quick = min(self.total, max(QUICK, enough))
        self.done = 0
        self._turn = turn
        self._finished, self._progress, self._failed = finished, progress, failed
        self._known: dict[int, KeyStatistics] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        with suppress(PalimpsestError):  # of other weights or samples: collected again
            self._known[self.total] = self._load()
            self.done = self.total

    @property
    def ready(self) -> bool:
        """Whether the full statistics are there."""
        return self.total in self._known

    @property
    def n(self) -> int:
        """Samples of the best statistics that there are, or that can be had at once."""
        return self.total if self.ready else self.quick

    def of(self, n: int) -> KeyStatistics:
        """The statistics over ``n`` samples, the quick or the full number.

        Raises `StatisticsError` if the layer's keys determine none.
        """
        with self._lock:
            if n not in self._known:
                self._known[n] = KeyStatistics.collect(
                    self.g, self.layer, n=n, seed=self.place.statistics_seed
                )
            return self._known[n]

    def begin(self) -> None:
        """Collect the full statistics in the background, unless they are there or under way."""
        with self._lock:
            if self.ready or (self._thread is not None and not self._stop.is_set()):
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._collect, args=(self._stop,), daemon=True, name="statistics"
            )
            self._thread.start()

    def pause(self) -> None:
        """End the background's work soon; `begin` begins it anew."""
        self._stop.set()

    def wait(self, stop: threading.Event) -> None:
        """Wait until the background has ended, or ``stop`` is set."""
        while self._thread is not None and self._thread.is_alive() and not stop.is_set():
            self._thread.join(0.2)

    def stop(self) -> None:
        """End the background's work; returns when it has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _load(self) -> KeyStatistics:
        expect = {
            "weights_sha256": self.g.weights_sha256,
            "layer": self.layer,
            "truncation": self.g.truncation,
            "noise": self.g.noise,
            "seed": self.place.statistics_seed,
            "n": self.total,
            "excluding": "",
        }
        return KeyStatistics.load(self.place.statistics_file(self.layer, self.g.truncation), expect)

    def _collect(self, stop: threading.Event) -> None:
        def collected(done: int) -> None:
            if stop.is_set():
                raise _Stopped
            self.done = done
            self._progress(done, self.total)

        with suppress(OSError, AttributeError):  # the pictures come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        try:
            with self._turn:
                collected(0)
                stats = KeyStatistics.collect(
                    self.g,
                    self.layer,
                    n=self.total,
                    seed=self.place.statistics_seed,
                    progress=collected,
                )
        except _Stopped:
            return
        except StatisticsError as problem:
            self._failed(str(problem))
            return
        self._known[self.total] = stats
        try:
            stats.save(self.place.statistics_file(self.layer, self.g.truncation))
        except OSError as problem:
            self._failed(f"the statistics of layer {self.layer} could not be stored ({problem})")
        self._finished()
