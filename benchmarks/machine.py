"""Where and when the figures were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import nablanet
from benchmarks.remote import ROOT, cores


@dataclass(frozen=True)
class Machine:
    """load: of the last minute, before the run; on a quiet machine it is near zero."""

    date: str
    commit: str
    cpu: str
    cores: int
    system: str
    python: str
    numpy: str
    nablanet: str
    compiler: str
    isa: str
    supported_isas: list[str]
    load: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def describe_machine() -> Machine:
    """Ask the system, NumPy and nablanet."""
    build = nablanet.build_info()
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        cpu=_cpu(),
        cores=len(cores()),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        numpy=np.__version__,
        nablanet=nablanet.__version__,
        compiler=build["compiler"],
        isa=build["isa"],
        supported_isas=build["supported_isas"],
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The commit of the working tree, with a plus where files have changed since; empty without git."""
    answers = []
    for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "src", "cpp"]):
        try:
            done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
        except OSError:
            return ""
        if done.returncode:
            return ""
        answers.append(done.stdout.strip())
    return answers[0] + ("+" if answers[1] else "")
