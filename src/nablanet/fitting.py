"""`Network.fit` behind the checks of its data: the epochs, and what happens between them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from nablanet import lbfgs, memory, outputs, resuming, training, training_memory
from nablanet.checkpoints import Checkpoints, Destination, check_same, check_trainer, settings_of
from nablanet.dropout import dropout_rates, start_dropout
from nablanet.lbfgs import LBFGS
from nablanet.monitoring import MODES
from nablanet.progress import Bar, progress_bar
from nablanet.resuming import Snapshot, TrainingState
from nablanet.samples import Samples
from nablanet.schedules import Plateau, Rates, Schedule, get_schedule
from nablanet.shapes import Array, describe
from nablanet.state import assign
from nablanet.stopping import EarlyStopping, Stopper, get_early_stopping
from nablanet.training import Callback, Epoch, History, Metric, Task

if TYPE_CHECKING:
    from nablanet.explain import Saturation
    from nablanet.network import Network

_TAKEN = {f.name for f in fields(Epoch)}


def fit(
    network: Network,
    task: Task,
    *,
    epochs: int,
    dropout: object,
    generator: np.random.Generator,
    validation: Samples | None,
    schedule: object,
    metrics: object,
    early_stopping: object,
    callbacks: Iterable[Callback],
    progress: bool,
    resume: object,
    diagnose: Callable[[float | None], Saturation] | None = None,
    checkpoint: Destination | None = None,
) -> History:
    """Train the network on the task until `epochs` are done, or something ends it before.

    generator: where the shuffles come from. The arguments of type object are checked here; see
    `Network.fit`. diagnose: called with the eta of each epoch after it.
    """
    rates = dropout_rates(dropout, network.sizes)
    if any(rates) and network.overrides("backprop"):
        raise ValueError(
            "dropout must be 0 for a network that overrides backprop, which knows nothing of dropped "
            f"neurons; got {describe(dropout)}"
        )
    functions = _checked_metrics(metrics, validation)
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of functions of an Epoch, got {describe(callbacks)}")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be functions of an Epoch, got {describe(callback)}")
    rules = get_early_stopping(early_stopping)
    plan = get_schedule(schedule)
    for who, user in (("early_stopping", rules), ("schedule", plan)):
        if isinstance(user, (EarlyStopping, Plateau)):
            _check_measured(who, user.metric, validation, functions)
    full_batch = isinstance(task.optimizer, LBFGS)
    if full_batch:
        lbfgs.check_task(task)
        refused = {"schedule": schedule, "resume": resume, "dropout": any(rates) or None}
        for who, given in {**refused, "checkpoint": checkpoint}.items():
            if given is not None:
                raise ValueError(f"L-BFGS takes no steps on mini-batches and goes without {who}")
    state = resuming.get_state(resume, network, task, epochs)
    settings = settings_of(network, task, epochs, rates, plan, rules, validation)
    if isinstance(resume, Snapshot):
        check_same(resume, settings)
    check_trainer(checkpoint, network, task)
    _check_memory(network, task, rules)

    stopper = Stopper(rules)
    past = () if state is None else state.epochs
    with progress_bar((epochs - len(past)) * len(task.X), enabled=progress) as bar:
        between = _BetweenEpochs(network, task, validation, functions, callbacks, stopper, bar, diagnose)
        history = between.history
        if full_batch:
            said = lbfgs.minimize(network, task, epochs, between.end_iteration)
            history.stopped = history.stopped or said
            between.restore_best()
        else:
            history.epochs.extend(past)
            if state is not None:
                history.diagnoses.extend(state.diagnoses or [None] * len(past))
            checkpoints = Checkpoints(checkpoint, network, settings)
            history.state = _mini_batches(
                network, task, epochs, rates, generator, plan, resume, state, between, checkpoints
            )
    if len(history) == epochs:
        history.stopped = None
    history.best_epoch = stopper.best_epoch
    return history


def _mini_batches(
    network: Network,
    task: Task,
    epochs: int,
    rates: tuple[float, ...],
    generator: np.random.Generator,
    plan: Schedule,
    resume: object,
    state: TrainingState | None,
    between: _BetweenEpochs,
    checkpoints: Checkpoints,
) -> TrainingState:
    history, stopper = between.history, between.stopper
    # a state sets the generator below, once it is found to fit; until then that is left as it is
    dropped = start_dropout(rates, generator if state is None else copy.deepcopy(generator))
    if dropped is not None and state is not None and state.dropout_seed is not None:
        dropped = replace(dropped, seed=state.dropout_seed)
    task = replace(task, dropout=dropped)
    trainer = training.make_trainer(network, task)
    learning_rates = Rates(plan, task.optimizer.eta, training.n_batches(task), epochs, history.epochs)
    if state is not None:
        stopper.replay(state.epochs, state.best)
        history.stopped = stopper.verdict()
        trainer.restore(state.trainer)
        generator.bit_generator.state = state.generator
        parameters = network.weights + network.biases
        if isinstance(resume, Snapshot):
            assign(parameters, resume.parameters)
        if state.best and state.last and resuming.same(parameters, state.best[1]):
            assign(parameters, state.last)
        checkpoints.begin(state, resume)

    def reached(last: list[Array] | None = None) -> TrainingState:
        return TrainingState(
            epochs=tuple(history.epochs),
            trainer=trainer.state(),
            generator=copy.deepcopy(dict(generator.bit_generator.state)),
            best=stopper.best,
            last=last,
            dropout_seed=None if task.dropout is None else task.dropout.seed,
            diagnoses=tuple(history.diagnoses),
            **resuming.described(network, task),
        )

    try:
        while len(history) < epochs and history.stopped is None:
            number = len(history)
            etas = learning_rates.of(number)
            order = generator.permutation(len(task.X))
            cost = training.run_epoch(trainer, number, order, etas, between.bar.advance)
            between.end(cost, float(etas[-1]))
            learning_rates.see(history.epochs[-1])
            checkpoints.end_epoch(reached)
        state = reached(between.restore_best())
        checkpoints.end(state)
    except BaseException as error:
        checkpoints.rescue(error)
        raise
    return state


class _BetweenEpochs:
    """Measures, records, shows and tells what an epoch came to, and whether training goes on."""

    def __init__(
        self,
        network: Network,
        task: Task,
        validation: Samples | None,
        metrics: Mapping[str, Metric],
        callbacks: list[Callback],
        stopper: Stopper,
        bar: Bar,
        diagnose: Callable[[float | None], Saturation] | None,
    ):
        self.history = History()
        self.stopper = stopper
        self.bar = bar
        self._network = network
        self._task = task
        self._validation = validation
        self._metrics = metrics
        self._callbacks = callbacks
        self._diagnose = diagnose
        self._started = perf_counter()

    def end(self, cost: float, eta: float | None) -> None:
        """Called after each epoch; sets `history.stopped` where training is not to go on."""
        seconds = perf_counter() - self._started
        cost_held_out = accuracy = None
        measured: dict[str, float] = {}
        if self._validation is not None:
            X, Y, weights = self._validation
            a, cost_held_out = outputs.evaluate(self._network, X, Y, weights, self._task.n_threads)
            accuracy = training.accuracy(a, Y)
            measured = {name: _number(name, metric(Y, a)) for name, metric in self._metrics.items()}
        epoch = Epoch(len(self.history), cost, seconds, cost_held_out, accuracy, eta, measured)
        self.history.epochs.append(epoch)
        self.history.diagnoses.append(None if self._diagnose is None else self._diagnose(eta))
        self.stopper.see(epoch, self._network.weights + self._network.biases)
        self.bar.tell(epoch, self.stopper.best_epoch)
        asked = [_is_true(callback(epoch)) for callback in self._callbacks]
        self.history.stopped = self.stopper.verdict()
        if self.history.stopped is None and any(asked):
            self.history.stopped = f"A callback ended training after epoch {epoch.epoch}."
        self._started = perf_counter()

    def end_iteration(self, cost: float) -> bool:
        """The end of an epoch that is one step on all samples; whether to stop."""
        self.bar.advance(len(self._task.X))
        self.end(cost, None)
        return self.history.stopped is not None

    def restore_best(self) -> list[Array] | None:
        """Give the network the best parameters, if early stopping kept them; returns those it had."""
        self._network.check_parameters()  # a callback may have changed them
        parameters = self._network.weights + self._network.biases
        if self.stopper.best is None or resuming.same(parameters, self.stopper.best[1]):
            return None
        last = [p.copy() for p in parameters]
        assign(parameters, self.stopper.best[1])
        return last


def _check_memory(network: Network, task: Task, rules: EarlyStopping | None) -> None:
    """Refuse a training for which there is no memory, before anything has changed: MemoryError."""
    batch_size = min(task.batch_size, len(task.X))
    needed = training_memory.training_bytes(
        network.sizes,
        network.dtype.itemsize,
        task.optimizer,
        batch_size,
        average=task.average is not None,
        remembered=True,
    )
    if rules is not None and rules.restore_best:
        needed += sum(p.nbytes for p in network.weights + network.biases)
    memory.require(
        needed, f"what training with {task.optimizer.name} remembers and mini-batches of {batch_size} rows"
    )


def _is_true(answer: object) -> bool:
    """Whether it is True itself, or NumPy's, which a comparison of its numbers gives."""
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


def _checked_metrics(metrics: object, validation: object) -> Mapping[str, Metric]:
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics must be a mapping from names to functions (Y, outputs), got {describe(metrics)}"
        )
    for name, metric in metrics.items():
        if not isinstance(name, str) or not callable(metric):
            raise TypeError(
                "metrics must map names to functions (Y, outputs), "
                f"got {describe(name)} with {describe(metric)}"
            )
        if name in _TAKEN:
            raise ValueError(f"metrics has the name {name!r}, which every epoch has already; take another")
    if metrics and validation is None:
        raise ValueError("metrics are measured on held-out data: pass validation=(X, Y)")
    return dict(metrics)


def _check_measured(
    who: str, metric: str, validation: Samples | None, functions: Mapping[str, Metric]
) -> None:
    """Refuse to watch what no epoch is going to hold."""
    if metric == "cost" or metric in functions:
        return
    if metric not in MODES:
        known = ", ".join([*MODES, *functions])
        raise ValueError(f"{who} watches {metric!r}, which is not measured; there are: {known}")
    if validation is None:
        raise ValueError(f"{who} watches {metric!r}: pass validation=(X, Y), or watch metric='cost'")
    if metric == "validation_accuracy" and not training.holds_classes(validation[1]):
        raise ValueError(f"{who} watches 'validation_accuracy', but the Y of validation holds no classes")


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"metric {name!r} must return a number, got {describe(value)}") from None
