"""Looks for a file that does harm when it is loaded, for as long as it is told: `make fuzz`.

    python tests/fuzz_files.py SECONDS     ends with 0 if none is found, else it is build/fuzz/file
    python tests/fuzz_files.py FILE        loads one

Needs atheris, which follows the branches that its inputs take through `nablanet.files`. An input is a
row of choices for `file_mutations.mutated`, so that what is changed lies behind a checksum that fits. A
harmful file is one whose loading raises anything but ModelFileError, or takes more memory or time than its
size accounts for, or that is accepted as something else than the library of safetensors finds in it.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nablanet.files", "nablanet.architecture", "nablanet.costs"]):
    from file_mutations import check, mutated, read_training, seeds, training_seed

BUILD = Path("build") / "fuzz"
SLOWEST = 10  # seconds for one file


def main(argument: str) -> None:
    """Fuzz for some seconds, or load one file."""
    # the files to begin with, the kind of each, and what reads it where that is not `check`'s choice
    whole: list[tuple[str, bytes, Callable[[Path], object] | None]]
    whole = [(kind, raw, None) for kind, raw in seeds().items()]
    whole.append(("nablanet.checkpoint", training_seed(), read_training))
    corpus = BUILD / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    if not argument.isdigit():
        raw = Path(argument).read_bytes()
        for kind, _, load in whole:
            print(f"as {kind}: {check(raw, BUILD, kind, load) or 'is accepted'}")  # noqa: T201
        return

    def once(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)

        def choose(n: int) -> int:
            return int(provider.ConsumeIntInRange(0, n - 1))

        kind, raw, load = whole[(0, 0, 1, 2, 2)[choose(5)]]
        check(mutated(choose, raw, kind), BUILD, kind, load)

    os.fsync = lambda fd: None  # nothing here needs to last
    for kind, raw, load in whole:
        assert check(raw, BUILD, kind, load) is None
    for number in range(200):
        (corpus / f"random-{number}").write_bytes(random.Random(number).randbytes(20 + number))
    limits = [f"-max_total_time={argument}", f"-timeout={SLOWEST}", "-rss_limit_mb=1000"]
    options = [*limits, "-len_control=0", "-max_len=600", f"-artifact_prefix={BUILD}/", str(corpus)]
    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1])
