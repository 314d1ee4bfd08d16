"""Where the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from nablanet.cli import INTERRUPTED
from nablanet.cli.stopping import Stopped
from nablanet.training import DivergenceError


class Console:
    """What a command says, as the options `--quiet` and `--json` ask for it."""

    def __init__(self, *, quiet: bool = False, as_json: bool = False):
        self.quiet = quiet
        self.as_json = as_json
        self._stdout = sys.stdout

    def result(self, text: str, content: Any) -> None:
        """A result on standard output: `text` for people, or `content` as one line of JSON."""
        if self.as_json:
            text = json.dumps(content, ensure_ascii=False)
        # While a bar is drawn Rich takes over sys.stdout, to print above the bar. That is right on a
        # terminal; a file or pipe must get its lines itself.
        typer.echo(text, file=sys.stdout if self._stdout.isatty() else self._stdout)

    def epoch(self, text: str, content: dict[str, Any]) -> None:
        """An epoch: a line, or a JSON object on standard output; only the latter with --quiet."""
        if self.as_json or not self.quiet:
            self.result(text, content)

    def say(self, text: str) -> None:
        """Something for people: on standard output, or on standard error beside JSON."""
        if not self.quiet:
            typer.echo(text, err=self.as_json)

    def warn(self, text: str) -> None:
        """Something a person must know, also with --quiet."""
        typer.echo(f"nablanet: {text}", err=True)


@contextmanager
def clean_errors() -> Iterator[None]:
    """Turn the errors a user can cause into one paragraph on standard error and exit code 1."""
    try:
        yield
    except KeyboardInterrupt as error:
        _fail("interrupted", error.exit_code if isinstance(error, Stopped) else INTERRUPTED)
    except BrokenPipeError:
        raise  # the reader has gone: nobody to tell
    except OSError as error:
        known = error.filename is not None and error.strerror is not None
        _fail(f"{error.filename}: {error.strerror}" if known else str(error))
    except MemoryError as error:
        _fail(f"not enough memory: {error}" if str(error) else "not enough memory")
    except (ValueError, TypeError, DivergenceError) as error:
        _fail(str(error))


def _fail(message: str, code: int = 1) -> None:
    typer.echo(f"nablanet: {message}", err=True)
    raise typer.Exit(code) from None
