"""The samples that `nablanet explain` and `nablanet check` are about."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nablanet.cli.answers import find_answers
from nablanet.cli.console import Console
from nablanet.cli.inputs import Answers, ImageFormat, Loaded
from nablanet.cli.words import count_of
from nablanet.data.tables import read_numbers
from nablanet.shapes import Array
from nablanet.training import classes

_DIGITS, _MNIST = ImageFormat(8, 8, 16), ImageFormat(28, 28, 255)
_TEN = [str(digit) for digit in range(10)]


def find_samples(
    loaded: Loaded, what: str | None, labels: Path | None, data: Path | None, console: Console
) -> Answers:
    """The rows that are asked for, or those of the data set that the model is made for."""
    if what is None:
        what = _own_data(loaded)
    plain = loaded.model.preprocessing is None and what not in ("digits", "mnist")
    if plain and labels is not None:
        raise ValueError("--labels goes with images; here the desired outputs follow the inputs in each line")
    return (
        _read_plain(loaded, Path(what), console)
        if plain
        else find_answers(loaded, what, labels, data, console)
    )


def check_sample(number: int, answers: Answers) -> int:
    """The place of a sample that a person counts from 1. Raises ValueError where there is none."""
    if number > len(answers.X):
        raise ValueError(
            f"--sample must be from 1 to {len(answers.X)}, got {number}: there are {answers.where}"
        )
    return number - 1


def compared(loaded: Loaded, desired: Array, output: Array) -> str:
    """What a sample should give, a label or (n_L,), and what the network gives, (n_L,), in words."""
    if loaded.target is not None and loaded.target.class_names is None:
        wanted, got = (loaded.target.decode(row[np.newaxis])[0] for row in (desired, output))
        return (
            f"desired {float(wanted):.7g}, answer {float(got):.7g} (standardised, as the network has them: "
            f"{float(desired[0]):.5g} and {float(output[0]):.5g})"
        )
    if desired.ndim == 0:
        got = classes(output[np.newaxis])[0]
        return f"desired {_class(loaded, int(desired))}, answer {_class(loaded, int(got))}"
    wanted, got = (", ".join(f"{value:.7g}" for value in row) for row in (desired, output))
    return f"desired {wanted}; output {got}"


def _class(loaded: Loaded, place: int) -> str:
    """The output neuron is told too: neurons count from 1, and so have other numbers than digits."""
    names = loaded.model.class_names
    if names is None or loaded.model.network.sizes[-1] == 1:
        return str(place if names is None else names[place])
    return f"{names[place]} (output neuron {place + 1})"


def _own_data(loaded: Loaded) -> str:
    if loaded.images in (_DIGITS, _MNIST) and loaded.model.class_names == _TEN:
        return "digits" if loaded.images == _DIGITS else "mnist"
    if loaded.table is not None:
        raise ValueError(
            f"{loaded.path} was trained on a table that it does not hold: give TABLE.csv after it"
        )
    if loaded.images is not None:
        raise ValueError(
            f"{loaded.path} does not hold the images it was trained on: give a file of images after it, "
            "and their labels by --labels FILE"
        )
    n_in, n_out = loaded.n_inputs, loaded.model.network.sizes[-1]
    raise ValueError(
        f"{loaded.path} does not say what it was trained on: give digits, mnist, or a file after it, in each "
        f"line {count_of(n_in, 'input')} and {count_of(n_out, 'desired output')}"
    )


def _read_plain(loaded: Loaded, path: Path, console: Console) -> Answers:
    """Lines of inputs and desired outputs, for a network that says nothing about its data."""
    numbers, header = read_numbers(path)
    if header is not None:
        console.warn(f"{path}: the first line is taken as a header, not as numbers: {', '.join(header)[:60]}")
    n_in, n_out = loaded.n_inputs, loaded.model.network.sizes[-1]
    if numbers.shape[1] != n_in + n_out:
        raise ValueError(
            f"{path} has {numbers.shape[1]} numbers a line; wanted {n_in + n_out}: "
            f"{count_of(n_in, 'input')} and {count_of(n_out, 'desired output')}"
        )
    where = f"{count_of(len(numbers), 'line')} of {path}"
    return Answers(numbers[:, :n_in], numbers[:, n_in:], where, held_out=False)
