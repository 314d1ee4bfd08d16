"""The machine's fused-multiply-add peak, from a small C++ program compiled and timed in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nablanet
from benchmarks.remote import cores_for
from benchmarks.tasks import Task

_SOURCE = Path(__file__).with_name("peak.cpp")
# flags, bytes of a vector register, sums side by side: no -march=native, so that it is known what ran
_BUILDS = {
    "avx512": (["-mavx512f", "-mfma", "-mprefer-vector-width=512"], 64, 24),
    "avx2": (["-mavx2", "-mfma"], 32, 12),
    "neon": ([], 16, 24),
}


class NoPeak(Exception):  # noqa: N818 - says what is the matter
    """The peak cannot be measured here; the message says why."""


class Peak:
    """The compiled program. Raises NoPeak where there is no compiler, or none that can build it."""

    def __init__(self, folder: Path):
        self.isa: str = nablanet.build_info()["supported_isas"][0]
        if self.isa not in _BUILDS:
            raise NoPeak(f"no program for the instruction set {self.isa!r}")
        given = os.environ.get("CXX")
        compiler = given or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
        if compiler is None:
            raise NoPeak("no C++ compiler (c++, g++ or clang++) on the path")
        flags, vector_bytes, chains = _BUILDS[self.isa]
        self._program = folder / "peak"
        defined = [f"-DVECTOR_BYTES={vector_bytes}", f"-DCHAINS={chains}"]
        command = [compiler, "-std=c++20", "-O3", "-ffp-contract=fast", "-pthread", *flags, *defined]
        try:
            subprocess.run(
                [*command, "-o", str(self._program), str(_SOURCE)], check=True, capture_output=True, text=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise NoPeak(f"{compiler} does not compile {_SOURCE.name}: {said.splitlines()[0]}") from None

    def measure(self, dtype: str, cores: list[int], seconds: float = 0.1) -> float:
        """GFLOP/s with one thread on each of these cores."""
        done = subprocess.run(
            [self._program, dtype.removeprefix("float"), str(seconds), *map(str, cores)],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)

    def of(self, task: Task) -> float:
        """GFLOP/s for the task's type and number of threads."""
        return self.measure(task.dtype, cores_for(task))
