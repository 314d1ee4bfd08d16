"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nablanet.training import Epoch


class Bar(Protocol):
    def advance(self, samples: int) -> None:
        """Count samples learned from."""

    def tell(self, epoch: Epoch, best_epoch: int | None = None) -> None:
        """Show what an epoch came to, and which is the best where early stopping looks for it."""


class _Silent:
    def advance(self, samples: int) -> None:
        pass

    def tell(self, epoch: Epoch, best_epoch: int | None = None) -> None:
        pass


@contextmanager
def progress_bar(total: int, *, enabled: bool) -> Iterator[Bar]:
    """A bar over `total` samples; silent if not enabled or if standard error is no terminal."""
    if not enabled or sys.stderr is None or not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console  # loaded only where a bar is drawn
    from rich.constrain import Constrain
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)

    class Narrow(Progress):
        """A terminal writes ^C behind the bar; were that to wrap, the bar would not be wiped out."""

        def get_renderable(self) -> RenderableType:
            return Constrain(super().get_renderable(), max(1, console.width - 3))

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    # what is printed goes above the bar where both go to a terminal; a file or a pipe gets its own
    above = sys.stdout is not None and sys.stdout.isatty()
    with Narrow(*columns, console=console, transient=True, redirect_stdout=above) as display:
        task = display.add_task("training", total=total)

        class Drawn:
            def advance(self, samples: int) -> None:
                display.advance(task, samples)

            def tell(self, epoch: Epoch, best_epoch: int | None = None) -> None:
                held_out = epoch.validation_accuracy
                accuracy = "" if held_out is None else f", accuracy {held_out:.2%}"
                best = "" if best_epoch is None else f", best epoch {best_epoch}"
                text = f"epoch {epoch.epoch}: cost {epoch.cost:.4f}{accuracy}{best}"
                display.update(task, description=text)

        yield Drawn()
