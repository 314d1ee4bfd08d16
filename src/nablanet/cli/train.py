"""What `nablanet train` does: train, tell each epoch, save the model, draw the picture."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nablanet.cli.checkpoints import describe_run, find_checkpoint, how_to_go_on
from nablanet.cli.console import Console
from nablanet.cli.output import picture_path
from nablanet.cli.stopping import Stopped, StopSignals
from nablanet.cli.tasks import Task
from nablanet.cli.words import count_of, duration, measure
from nablanet.files import CheckpointFile, Model, save_model
from nablanet.network import Network
from nablanet.optimizers import get_optimizer
from nablanet.training import DivergenceError, Epoch, History, diverged
from nablanet.training_memory import check_trainable

# of the optimizers that have none of their own; momentum of 0.9 takes steps that are ten times as long
_ETAS = {"sgd": 0.1, "momentum": 0.01, "nesterov": 0.01}
_RELU_LIKE = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus")


@dataclass(frozen=True)
class Settings:
    """What the user asked for; None where the task decides."""

    seed: int = 0
    epochs: int | None = None
    batch_size: int | None = None
    eta: float | None = None
    hidden: list[int] | None = None
    activation: str = "relu"
    cost: str | None = None
    optimizer: str | None = None
    threads: int | None = None
    checkpoint: Path | None = None
    every: int = 1
    resume: bool = False


@dataclass(frozen=True)
class Outcome:
    """How training ended. interrupted: by Ctrl-C or SIGTERM, as the exit code that says so.

    advice: how to go on then, if that is possible.
    """

    model: Model
    interrupted: int | None
    advice: str = ""


def train(task: Task, settings: Settings, console: Console, signals: StopSignals) -> Outcome:
    """Train a network for the task, which saves nothing. Raises ValueError, TypeError or DivergenceError.

    `signals` are raised in `fit` only, so that nothing ends the command before the network is saved.
    """
    defaults = task.defaults
    name = settings.optimizer or defaults.optimizer
    epochs = settings.epochs or defaults.epochs
    batch_size = settings.batch_size or defaults.batch_size
    eta = settings.eta
    if eta is None and (name, batch_size) == (defaults.optimizer, defaults.batch_size):
        eta = defaults.eta
    if eta is None:
        eta = _ETAS.get(name)
    optimizer = get_optimizer(name, eta)
    rows = min(batch_size, len(task.X_train))
    check_trainable(layer_sizes(task, settings), np.dtype(np.float32), optimizer, rows)
    network = make_network(task, settings)
    for line in task.about:
        console.say(line)
    console.say(
        f"{network!r}; {name}, eta {optimizer.eta:g}; {count_of(epochs, 'epoch')} of mini-batches of "
        f"{min(batch_size, len(task.X_train)):,}; "
        f"seed {settings.seed}"
    )
    run = describe_run(task, network, optimizer, batch_size, settings.seed)
    path = settings.checkpoint
    found = None if path is None else find_checkpoint(path, settings.resume, run)
    history = History([] if found is None else list(found.state.epochs))
    if found is not None:
        console.say(f"Going on from {path}, after {count_of(found.state.epoch, 'epoch')}")
    elif settings.resume:
        console.say(f"There is no {path} yet: starting from the beginning")

    def tell(epoch: Epoch) -> None:
        history.epochs.append(epoch)
        console.epoch(describe_epoch(epoch, task, network), epoch_content(epoch, task, network))

    interrupted = None
    try:
        with signals.raising():
            network.fit(
                task.X_train,
                task.Y_train,
                epochs=epochs,
                batch_size=batch_size,
                optimizer=optimizer,
                validation=(task.X_test, task.Y_test),
                n_threads=settings.threads,
                progress=not console.quiet,
                callbacks=[tell],
                checkpoint=None if path is None else CheckpointFile(str(path), run),
                every=settings.every,
                resume=None if found is None else path,
            )
    except Stopped as stopped:
        signals.hold()
        interrupted = stopped.exit_code
    except DivergenceError as error:
        advice = how_to_go_on(path, diverged=True)
        raise DivergenceError(f"{error} No model is saved. {advice}".rstrip()) from None
    except OSError:  # of the checkpoint; the one before it is whole
        if advice := how_to_go_on(path):
            console.warn(advice)
        raise
    _check_last_epoch(network, task, history)
    model = Model(
        network,
        task.preprocessing,
        task.kind,
        task.class_names,
        task.feature_names,
        task.target_name,
        history,
    )
    return Outcome(model, interrupted, how_to_go_on(path) if interrupted else "")


def _check_last_epoch(network: Network, task: Task, history: History) -> None:
    """Refuse a network that diverged in the last step, which no later epoch could notice."""
    if not history.epochs or math.isfinite(history.epochs[-1].validation_cost or 0.0):
        return
    if not math.isfinite(network.mean_cost(task.X_train, task.Y_train)):
        last = history.epochs[-1]
        raise DivergenceError(f"{diverged(last.epoch, last.eta or 0.0)} No model is saved.")


def layer_sizes(task: Task, settings: Settings) -> list[int]:
    """The neurons of the layers: as asked for, between the task's numbers of inputs and outputs."""
    hidden = task.defaults.hidden if settings.hidden is None else settings.hidden
    return [task.X_train.shape[1], *hidden, 1 if task.class_names is None else len(task.class_names)]


def make_network(task: Task, settings: Settings) -> Network:
    """A network with the task's numbers of inputs and outputs."""
    cost = settings.cost or ("quadratic" if task.class_names is None else "cross_entropy")
    return Network(
        layer_sizes(task, settings),
        activation=settings.activation,
        # the chapter's output is a sigmoid, which cannot reach every number
        output="identity" if task.class_names is None and cost not in ("cross_entropy", "poisson") else None,
        cost=cost,
        init="he" if settings.activation in _RELU_LIKE else "xavier",
        dtype="float32",
        seed=settings.seed,
    )


def finish(
    task: Task, outcome: Outcome, output: Path, replaces: bool, console: Console, signals: StopSignals
) -> int | None:
    """Save the model, say what was reached, and draw the picture. replaces: an older model.

    Returns the exit code of an interruption, or None.
    """
    save_model(outcome.model, output)
    epochs = outcome.model.history.epochs
    saved = f"{output} (replaced)" if replaces else str(output)
    if outcome.interrupted:
        console.warn(
            f"interrupted after {count_of(len(epochs), 'finished epoch')}; the network, with the weights "
            f"of the last finished mini-batch, is saved in {saved}"
        )
        if outcome.advice:
            console.warn(outcome.advice)
        return outcome.interrupted
    seconds = math.fsum(epoch.seconds for epoch in epochs)
    reached = held_out_text(epochs[-1], task, outcome.model.network)
    console.say(
        f"Reached {reached} on held-out data after {count_of(len(epochs), 'epoch')}, "
        f"{duration(seconds)} of training"
    )
    console.say(f"Model: {saved}")
    picture = picture_path(output)
    try:
        from nablanet.cli.picture import draw
    except ModuleNotFoundError:
        console.say('Picture: none, for it needs matplotlib: pip install "nablanet[plot]"')
        return None if signals.received is None else Stopped(signals.received).exit_code
    try:
        with signals.raising():
            draw(task, outcome.model, picture)
    except Stopped as stopped:
        console.warn("interrupted before there was a picture; the model is saved")
        return stopped.exit_code
    console.say(f"Picture: {picture}")
    return None


def describe_epoch(epoch: Epoch, task: Task, network: Network) -> str:
    """One line, in the manner of the book."""
    held_out = held_out_text(epoch, task, network)
    return f"Epoch {epoch.epoch}: cost {epoch.cost:.4f}, {held_out}, {duration(epoch.seconds)}"


def held_out_text(epoch: Epoch, task: Task, network: Network) -> str:
    """How good the network is on the held-out rows, as far as that was measured."""
    if epoch.validation_accuracy is not None and task.class_names is not None:
        total = len(task.Y_test)
        right = round(epoch.validation_accuracy * total)
        return f"accuracy {right} / {total} ({100 * epoch.validation_accuracy:.2f} %)"
    if (error := root_mean_square(epoch, task, network)) is not None:
        return f"RMSE {measure(error)}"
    return f"held-out cost {epoch.validation_cost:.4f}"


def epoch_content(epoch: Epoch, task: Task, network: Network) -> dict[str, Any]:
    """The JSON object of an epoch; null for what is not finite or was not measured."""
    content: dict[str, Any] = asdict(epoch)
    del content["metrics"]  # the command measures none
    if task.class_names is None:
        content["validation_rmse"] = root_mean_square(epoch, task, network)
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in content.items()}


def root_mean_square(epoch: Epoch, task: Task, network: Network) -> float | None:
    """Root mean square error in the unit of the target: the quadratic cost is half the mean square."""
    if task.class_names is not None or network.cost.name != "quadratic" or epoch.validation_cost is None:
        return None
    return task.unit * math.sqrt(2 * epoch.validation_cost)
