"""What the options accept; each refusal says what was wanted and what came."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from nablanet.activations import ACTIVATIONS
from nablanet.cli.console import clean_errors
from nablanet.costs import COSTS
from nablanet.optimizers import OPTIMIZERS

HIDDEN_ACTIVATIONS = [name for name in ACTIVATIONS if name != "softmax"]
DATA_SETS = ("digits", "mnist")


def whole_number(least: int) -> Callable[[Any], int]:
    """A parser of whole numbers from `least`."""

    def parse(text: Any) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise typer.BadParameter(f"wanted a whole number of at least {least}, got {text}")
        return value

    return parse


def learning_rate(text: Any) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"wanted a number above 0, such as 0.01, got {text}")
    return value


def hidden_activation(name: str) -> str:
    return _one_of(HIDDEN_ACTIVATIONS, "activation of hidden layers", name)


def known_cost(name: str) -> str:
    return _one_of(list(COSTS), "cost", name)


def known_optimizer(name: str) -> str:
    return _one_of(list(OPTIMIZERS), "optimizer", name)


def name_in_c(name: str) -> str:
    """What the names in a C file begin with."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise typer.BadParameter(f"wanted letters, digits and _, a letter first, got {name!r}")
    return name


def layer_sizes(text: str) -> list[int]:
    """Neurons of the hidden layers, as 100,50; none for none."""
    if text.strip().lower() == "none":
        return []
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1:
        raise typer.BadParameter(
            f"wanted numbers of neurons such as 100,50, got {text!r}", param_hint="--hidden"
        )
    return sizes


def check_train(
    what: str, target: str | None, data: Path | None, task: str | None, ignore: list[str]
) -> None:
    """Refuse options of `train` that do not go together, and what is neither a data set nor a file."""
    _check_source(what)
    if data is not None and what != "mnist":
        raise typer.BadParameter("goes with mnist only", param_hint="--data")
    if what in DATA_SETS:
        for name, value in (("--target", target), ("--task", task), ("--ignore", ignore)):
            if value:
                raise typer.BadParameter("goes with a table only", param_hint=name)
    elif target is None:
        with clean_errors():
            _refuse_without_target(what)
    elif target in ignore:
        raise typer.BadParameter(f"{target} is what is to be predicted", param_hint="--ignore")


def check_checkpoint(checkpoint: Path | None, every: int, resume: bool) -> None:
    """Refuse options that say something about a checkpoint where there is none."""
    for name, given in (("--resume", resume), ("--every", every != 1)):
        if given and checkpoint is None:
            raise typer.BadParameter("goes with --checkpoint FILE", param_hint=name)


def check_answers(what: str | None, labels: Path | None, data: Path | None) -> None:
    """Refuse options of `evaluate`, `explain` and `check` that do not go together."""
    if labels is not None and (what is None or what in DATA_SETS):
        problem = "goes with a file of images" if what is None else f"{what} brings its own labels"
        raise typer.BadParameter(problem, param_hint="--labels")
    if data is not None and what not in (None, "mnist"):
        raise typer.BadParameter("goes with mnist only", param_hint="--data")


def _check_source(what: str) -> None:
    path = Path(what)
    if what in DATA_SETS or (path.exists() and not path.is_dir()):
        return
    if path.is_dir():
        problem = f"{what} is a folder; train takes digits, mnist or a CSV file"
    elif what.lower() in DATA_SETS:
        problem = f"there is no file {what}; did you mean {what.lower()}?"
    else:
        problem = f"there is no file {what}; train takes digits, mnist or a CSV file"
    raise typer.BadParameter(problem, param_hint="digits|mnist|TABLE.csv")


def _refuse_without_target(what: str) -> None:
    from nablanet.data.tables import read_table

    columns = ", ".join(read_table(what).columns)
    raise typer.BadParameter(
        f"which column of {what} is to be predicted? It has: {columns}", param_hint="--target"
    )


def _one_of(names: list[str], kind: str, name: str) -> str:
    if name not in names:
        raise typer.BadParameter(f"no {kind} {name!r}; there are: {', '.join(names)}")
    return name
