"""The checkpoint of `nablanet train`: which run it belongs to, and what is said about going on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nablanet.cli.tasks import Task
from nablanet.cli.words import count_of
from nablanet.files import Checkpoint, is_checkpoint, read_checkpoint
from nablanet.network import Network
from nablanet.optimizers import Optimizer


def describe_run(
    task: Task, network: Network, optimizer: Optimizer, batch_size: int, seed: int
) -> dict[str, Any]:
    """What the bits of a run depend on, by the option that sets it."""
    table = task.preprocessing.get("table_sha256")
    return {
        "data": task.name if table is None else f"the table with SHA-256 {table}",
        "--target": task.target_name,
        "--task": task.kind,
        "--ignore": task.feature_names,
        "--seed": seed,
        "--hidden": network.sizes[1:-1],
        "--activation": network.activations[0].name,
        "--cost": str(network.cost),
        "--optimizer": optimizer.name,
        "--batch-size": batch_size,
        "--eta": optimizer.eta,
    }


def find_checkpoint(path: Path, resume: bool, run: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint to go on from; None where there is none yet.

    Raises ValueError where one is there and is not to be resumed, or is another run's.
    """
    if not path.exists():
        return None
    if path.is_file() and not is_checkpoint(path) and (resume or path.stat().st_size):
        raise ValueError(f"{path} exists and is no checkpoint; --checkpoint names another file")
    if not resume:
        raise ValueError(
            f"{path} exists: with --resume the run goes on from it; to begin anew, remove it or let "
            "--checkpoint name another file"
        )
    checkpoint = read_checkpoint(path)
    about = checkpoint.about
    if about.keys() != run.keys():
        raise ValueError(f"{path} is no checkpoint of nablanet train; go on from it with Network.fit")
    for name, wanted in run.items():
        if about[name] != wanted and not (name == "--eta" and checkpoint.diverged):
            raise ValueError(_mismatch(path, name, about[name], wanted))
    return checkpoint


def how_to_go_on(path: Path | None, *, diverged: bool = False) -> str:
    """A sentence about what the checkpoint is good for; none where there is no checkpoint."""
    if path is None or not is_checkpoint(path):
        return ""
    done = read_checkpoint(path).state.epoch
    change = " and a smaller --eta" if diverged else ""
    return (
        f"{path} holds the run after {count_of(done, 'epoch')}: the same command with --resume{change} "
        "goes on from there."
    )


def _mismatch(path: Path, name: str, got: Any, wanted: Any) -> str:
    if name == "data":
        return f"{path} is the checkpoint of a run on other data: {got}; here it is {wanted}"
    if name == "--ignore":
        return f"{path} is the checkpoint of a run on other columns; --ignore must name the same ones"
    told, here = (",".join(map(str, v)) or "none" if isinstance(v, list) else v for v in (got, wanted))
    return f"{path} is the checkpoint of a run with {name} {told}, this one has {here}; they must agree"
