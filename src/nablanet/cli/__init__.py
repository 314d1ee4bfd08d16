"""The command line: `nablanet train`, `predict`, `evaluate`, `explain`, `check`, `export` and `info`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """The entry point of the `nablanet` command, light so that nothing slow comes before the `try`."""
    try:
        try:
            from nablanet.cli.main import main as run
        except ImportError as error:  # such as a NABLANET_ISA that this machine does not run
            sys.exit(f"nablanet: {error}")
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
