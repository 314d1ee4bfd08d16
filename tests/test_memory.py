"""Networks and trainings for which there is no memory are refused before any work."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet import memory
from reliability import bits, posix, run_python


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


GIB = 2**30


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A Linux with 8 GiB left, 1 GiB of it swap, outside all control groups."""
    write(
        tmp_path / "proc/meminfo", "MemTotal: 99999999 kB\nMemAvailable: 7340032 kB\nSwapFree: 1048576 kB\n"
    )
    write(tmp_path / "proc/self/statm", "1000 500 1 1 0 600 0\n")
    return tmp_path


def test_memory_is_what_the_machine_has_left(machine: Path) -> None:
    assert memory.least_of(machine, {}) == 8 * GIB


def test_memory_is_what_a_control_group_leaves(machine: Path) -> None:
    write(machine / "proc/self/cgroup", "0::/slice/job\n")
    groups = machine / "sys/fs/cgroup"
    write(groups / "slice/memory.max", f"{4 * GIB}\n")
    write(groups / "slice/memory.current", f"{3 * GIB}\n")
    write(groups / "slice/job/memory.max", "max\n")
    write(groups / "slice/job/memory.current", f"{GIB}\n")
    assert memory.least_of(machine, {}) == 2 * GIB  # with the swap
    write(groups / "slice/memory.stat", f"anon {GIB}\nactive_file {GIB // 4}\ninactive_file {GIB // 4}\n")
    assert memory.least_of(machine, {}) == 2.5 * GIB


def test_memory_is_what_a_container_leaves(machine: Path) -> None:
    """Of its groups it may see the innermost only, and may be told the name that this has outside."""
    write(machine / "proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/0123\n0::/\n")
    base = machine / "sys/fs/cgroup/memory"
    write(base / "memory.limit_in_bytes", f"{2 * GIB}\n")
    write(base / "memory.usage_in_bytes", f"{GIB}\n")
    assert memory.least_of(machine, {}) == 2 * GIB
    write(machine / "sys/fs/cgroup/memory.max", f"{3 * GIB // 2}\n")
    write(machine / "sys/fs/cgroup/memory.current", f"{GIB}\n")
    assert memory.least_of(machine, {}) == 1.5 * GIB


def test_memory_is_what_the_limits_of_the_process_leave(machine: Path) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    assert memory.least_of(machine, {"address space": GIB}) == GIB - 1000 * page
    assert memory.least_of(machine, {"address space": 6 * GIB, "data": GIB}) == GIB - 600 * page


def test_memory_of_another_system_is_all_it_has(tmp_path: Path) -> None:
    assert memory.least_of(tmp_path, {}) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_this_process_has_memory() -> None:
    left = memory.available()
    assert left is not None
    assert left > 0


def test_a_network_for_which_there_is_no_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: GIB)
    wanted = (
        r"sizes \[31623, 31623, 10\] make 1,000,361,992 parameters, which as float32 do not fit into memory: "
        r"14.9 GiB are needed and 1.0 GiB are free"
    )
    with pytest.raises(MemoryError, match=wanted):
        nn.Network([31623, 31623, 10], dtype="float32")


def test_training_for_which_there_is_no_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Network([2000, 2000, 10], dtype="float32", seed=0)  # 15 MiB
    rows, labels = np.zeros((20, 2000), np.float32), np.arange(20) % 10
    before, generator = bits(net), net._rng.bit_generator.state

    def fit(**arguments: Any) -> None:
        net.fit(rows, labels, epochs=1, dropout=0.0, **arguments)

    cost = nn.EarlyStopping("cost")
    cases: list[tuple[int, dict[str, Any]]] = [
        (60, {"batch_size": 4, "optimizer": "adam"}),
        (90, {"batch_size": 4, "optimizer": "adam", "early_stopping": cost}),
        (200, {"optimizer": "lbfgs"}),
    ]
    for left, arguments in cases:
        monkeypatch.setattr(memory, "available", lambda left=left: left * 2**20)
        with pytest.raises(MemoryError, match=r"do not fit into memory: 0.\d GiB are needed"):
            fit(**arguments)
        assert bits(net) == before
        assert net._rng.bit_generator.state == generator
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    assert len(net.predict(rows)) == 20  # small ones are not asked about
    monkeypatch.setattr(memory, "_SURELY_THERE", 2**20)
    with pytest.raises(MemoryError, match="do not fit into memory"):
        net.predict(rows)
    with pytest.raises(MemoryError, match="do not fit into memory"):
        net.update_mini_batch((rows, labels), 0.1)
    assert bits(net) == before


LIMITED = """
import resource, sys
limit = int(float(sys.argv[1]) * 2**30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


@posix
def test_a_billion_parameters_on_a_small_machine(tmp_path: Path) -> None:
    """In a process that may have 3 GiB; no time passes before the message."""
    code = LIMITED + "import nablanet as nn\nnn.Network([31623, 31623, 10], dtype='float32')"
    done = run_python("-c", code, "3")
    assert "MemoryError: sizes [31623, 31623, 10] make 1,000,361,992 parameters" in done.stderr
    code = LIMITED + "sys.argv[1:] = sys.argv[2:]\nimport nablanet.cli\nnablanet.cli.main()"
    started = time.perf_counter()
    done = run_python("-c", code, "3", "train", "digits", "--hidden", "31623,31623", folder=tmp_path)
    assert done.returncode == 1
    assert re.search(
        r"nablanet: not enough memory: sizes \[64, 31623, 31623, 10\] make 1,002,417,487 parameters, "
        r"which with what adam remembers do not fit into memory: [\d.]+ GiB are needed and [\d.]+ GiB are",
        done.stderr,
    )
    assert time.perf_counter() - started < 20
    assert not list(tmp_path.iterdir())


@posix
@pytest.mark.parametrize(("solver", "who"), [("adam", "adam"), ("sgd", "nesterov"), ("lbfgs", "lbfgs")])
def test_an_estimator_of_a_billion_parameters_draws_none(solver: str, who: str) -> None:
    code = LIMITED + (
        "import numpy as np\nfrom nablanet.estimators import MLPRegressor\n"
        f"net = MLPRegressor(hidden_layer_sizes=(31623, 31623), solver={solver!r})\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    net.fit(np.eye(4), np.arange(4.0))\n"
        "except MemoryError as error:\n    print(error, vars(net).keys() & {'coefs_', 'n_features_in_'})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000)"
    )
    done = run_python("-c", code, "3")
    assert re.fullmatch(
        r"sizes \[4, 31623, 31623, 1\] make 1,000,235,491 parameters, which with what "
        rf"{who} remembers do not fit into memory: [\d.]+ GiB are needed and [\d.]+ GiB are free set\(\)\n"
        r"True\n",
        done.stdout,
    ), done


@posix
def test_what_fits_is_trained_within_the_limit() -> None:
    """The estimate refuses nothing that would have run."""
    code = LIMITED + (
        "import numpy as np\nimport nablanet as nn\n"
        "net = nn.Network([3000, 3000, 10], dtype='float32', seed=0)\n"
        "X, y = np.zeros((64, 3000), np.float32), np.arange(64) % 10\n"
        "net.fit(X, y, epochs=1, batch_size=64, optimizer='adam', n_threads=1, progress=False)\n"
        "print(len(net.predict(X)))"
    )
    done = run_python("-c", code, "2")
    assert done.stdout == "64\n", done.stderr
