"""Ctrl-C, and SIGTERM alike: what ends a training never ends the saving of what it came to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """What a signal raises. exit_code: 128 and its number, as the shell gives it."""

    def __init__(self, number: int):
        super().__init__()
        self.exit_code = 128 + number


class StopSignals:
    """Within `with`, the two signals are kept in mind, and raise `Stopped` where `raising` says so.

    received: the signal that came while none was raised, or None. An import that one cuts short may fail in
    ways of its own, so imports are best made where none is raised.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._raises = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            # a shell lets a command in the background ignore Ctrl-C, and so it stays
            for number, usual in (
                (signal.SIGINT, signal.default_int_handler),
                (signal.SIGTERM, signal.SIG_DFL),
            ):
                if signal.getsignal(number) == usual:
                    self._before[number] = signal.signal(number, self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _answer(self, number: int, _: FrameType | None) -> None:
        if self._raises:
            raise Stopped(number)
        self.received = number

    def hold(self) -> None:
        """Keep signals in mind again, where a second one came just at the end of `raising`."""
        self._raises = False

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Where a signal raises, also one that came before."""
        self._raises = True
        try:
            if self.received is not None:
                raise Stopped(self.received)
            yield
        finally:
            self._raises = False
