"""What a run of `fit` leaves behind, so that another call can go on where it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nablanet.shapes import Array, describe

if TYPE_CHECKING:
    from nablanet.explain import Saturation
    from nablanet.network import Network
    from nablanet.training import Epoch, Task


@dataclass(frozen=True)
class TrainingState:
    """The state of training between two epochs: plain data, to be copied or pickled.

    epochs: those that are done. trainer: what the optimizer remembers. generator: the state of the
    network's random numbers. best: the number of the best epoch and its parameters, weights then
    biases, where early stopping keeps them. last: the parameters of the last epoch, where the network
    was given the best ones instead. dropout_seed: that of dropout's masks. diagnoses: as many
    as epochs, or none. The other fields say what the state fits.

    The parameters that training goes on from are the network's own, not part of this; only if they
    are still those of `best` do those of `last` take their place.
    """

    epochs: tuple[Epoch, ...]
    trainer: dict[str, Any]
    generator: dict[str, Any]
    best: tuple[int, list[Array]] | None
    last: list[Array] | None
    dropout_seed: int | None
    sizes: tuple[int, ...]
    dtype: str
    optimizer: str
    batch_size: int
    n_samples: int
    diagnoses: tuple[Saturation | None, ...] = ()

    @property
    def epoch(self) -> int:
        """The number of the next epoch."""
        return len(self.epochs)


@dataclass(frozen=True)
class Snapshot:
    """A run between two epochs, with all that another process needs to go on from it.

    parameters: weights then biases, as the network had them. settings: what the run was told, by name, as
    `checkpoints.settings_of` gives it. diverged: whether the next epoch did. source: what messages
    call it, such as the file it was read from.
    """

    parameters: list[Array]
    state: TrainingState
    settings: dict[str, Any]
    diverged: bool = False
    source: str = "the checkpoint"


def described(network: Network, task: Task) -> dict[str, Any]:
    """What a state must fit: the fields of `TrainingState` from `sizes` on."""
    return {
        "sizes": tuple(network.sizes),
        "dtype": str(network.dtype),
        "optimizer": type(task.optimizer).__name__,
        "batch_size": task.batch_size,
        "n_samples": len(task.X),
    }


_WORDS = {
    "sizes": "sizes",
    "dtype": "dtype",
    "optimizer": "optimizer",
    "batch_size": "batch_size",
    "n_samples": "number of samples",
}


def get_state(resume: object, network: Network, task: Task, epochs: int) -> TrainingState | None:
    """The state in a History or a Snapshot, or the state itself, if it fits; None for None.

    Raises TypeError for anything else and ValueError for a state of another run.
    """
    if resume is None:
        return None
    state = resume if isinstance(resume, TrainingState) else getattr(resume, "state", resume)
    if state is None:
        raise ValueError("resume needs a History with a state: one that fit has returned, not of L-BFGS")
    if not isinstance(state, TrainingState):
        raise TypeError(
            "resume must be the History that fit returned, or its state, or the path of a checkpoint, "
            f"got {describe(resume)}"
        )
    for name, wanted in described(network, task).items():
        refuse_other(_WORDS[name], wanted, getattr(state, name))
    # a file may be all that is left of a run that was over: then there is nothing to do but to read it
    if epochs < state.epoch or (epochs == state.epoch and not isinstance(resume, Snapshot)):
        raise ValueError(
            f"epochs counts the whole run, of which {state.epoch} are done: it must be more, got {epochs}"
        )
    return state


def refuse_other(name: str, wanted: object, got: object, advice: str = "") -> None:
    """Raise ValueError where this call has something else than the run that it is to go on from."""
    if got != wanted:
        raise ValueError(f"resume must have the {name} of this call, {wanted!r}; its run had {got!r}{advice}")


def same(parameters: list[Array], others: list[Array]) -> bool:
    """Whether two lists of arrays hold the same bits."""
    return all(
        ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
        for ours, theirs in zip(parameters, others, strict=True)
    )
