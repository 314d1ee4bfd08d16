"""How much memory is left for this process, and the refusal of what would not fit.

Linux grants more memory than there is, and kills the process that then uses it. So what is large is asked
for here first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_SURELY_THERE = 2**26  # bytes that are allocated without asking first


def require(needed: int, what: str) -> None:
    """Raise MemoryError, which begins with `what`, where `needed` bytes are more than there are left."""
    if needed < _SURELY_THERE:
        return
    left = available()
    if left is None or needed <= left:
        try:
            np.empty(needed, np.uint8)  # counts against limits that are not known here
            return
        except (MemoryError, ValueError, OverflowError):
            pass
    free = "" if left is None else f": {_gib(needed)} are needed and {_gib(max(0, left))} are free"
    raise MemoryError(f"{what} do not fit into memory{free}")


def available() -> int | None:
    """Bytes that this process can still take, by all that limits it; None where the system does not say.

    That is what the machine has left, with its swap, and on Linux also what control groups, as of a
    container, and the limits of the process (`ulimit`) leave to it.
    """
    return least_of(Path("/"), _limits())


def least_of(root: Path, limits: dict[str, int]) -> int | None:
    """`available` for a system whose /proc and /sys lie in `root`, and limits of the process by name."""
    meminfo = _fields(root / "proc/meminfo")
    if "MemAvailable" not in meminfo:
        return _physical()
    swap = 1024 * meminfo.get("SwapFree", 0)
    left = [1024 * meminfo["MemAvailable"] + swap]
    left += [room + swap for room in _left_in_groups(root)]
    try:
        pages = [int(word) for word in (root / "proc/self/statm").read_text().split()]
    except (OSError, ValueError):
        pages = []
    if len(pages) > 5:
        used = {"address space": pages[0], "data": pages[5]}
        left += [limit - used[name] * os.sysconf("SC_PAGE_SIZE") for name, limit in limits.items()]
    return min(left)


def _limits() -> dict[str, int]:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return {}
    kinds = {"address space": resource.RLIMIT_AS, "data": resource.RLIMIT_DATA}
    soft = {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}
    return {name: limit for name, limit in soft.items() if limit != resource.RLIM_INFINITY}


def _physical() -> int | None:
    """All memory of the machine, where that is all that it tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _left_in_groups(root: Path) -> Iterator[int]:
    """What each control group of this process, and each group around that, has left."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":  # version 2
            base, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        # within a container the place may be one that only the outside knows; its own group is the base
        group = base / place.lstrip("/")
        for folder in {base, group, *(p for p in group.parents if base in p.parents)}:
            most, used = _number(folder / limit), _number(folder / usage)
            if most is not None and used is not None:
                files = _fields(folder / "memory.stat")
                # what is kept of files gives way
                yield most - used + files.get("active_file", 0) + files.get("inactive_file", 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such limit, or "max"
        return None


def _fields(path: Path) -> dict[str, int]:
    """Lines such as "MemAvailable:  123 kB" or "active_file 123"."""
    try:
        lines = [line.replace(":", " ").split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _gib(n: int) -> str:
    return f"{n / 2**30:,.1f} GiB"
