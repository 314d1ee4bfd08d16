"""The commands and their options; what they do is in the other modules of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nablanet.cli.console import Console, clean_errors

INTERRUPTED = 130

app = typer.Typer(
    name="nablanet",
    help="Train feed-forward networks by backpropagation, and use them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors (and JSON).")]
Json = Annotated[
    bool, typer.Option("--json", help="Results as JSON, one object a line; all else on standard error.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="At most that many threads; all cores by default.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that train has saved.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder with the IDX files of MNIST, gzip or not.")]


def main() -> None:
    """The entry point of the `nablanet` command."""
    app(prog_name="nablanet")


@app.command()
def train(
    what: Annotated[str, typer.Argument(metavar="digits|mnist|TABLE.csv", help="What to train on.")],
    target: Annotated[str | None, typer.Option(help="Column of the table to predict.")] = None,
    data: Data = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Model file; NAME.nabla by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes initial weights and shuffles.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often to go through the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples in a mini-batch.")] = None,
    eta: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    hidden: Annotated[
        str | None,
        typer.Option(help="Neurons of the hidden layers, such as 100,50; none for no hidden layer."),
    ] = None,
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, sigmoid, tanh, gelu, ...")
    ] = "relu",
    cost: Annotated[
        str | None, typer.Option(help="cross_entropy (default for classes) or quadratic (for numbers).")
    ] = None,
    optimizer: Annotated[
        Literal["sgd", "adam"] | None,
        typer.Option(help="adam by default, sgd for mnist.", show_default=False),
    ] = None,
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="By default classification for text and for few whole numbers, else regression."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column of the table to leave out; may be repeated.")
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a network, save it, and draw its learning curves.

    One row in five of digits and tables is held out, the same ones in every run; for mnist it is the
    test set.
    """
    is_table = what not in ("digits", "mnist")
    _check_options(what, is_table, target, data, task, ignore)
    from nablanet.cli import tasks
    from nablanet.cli.train import Settings, finish
    from nablanet.cli.train import train as run

    console = Console(quiet=quiet, as_json=as_json)
    settings = Settings(seed, epochs, batch_size, eta, _sizes(hidden), activation, cost, optimizer, threads)
    with clean_errors():
        if is_table:
            chosen = tasks.table_task(Path(what), target or "", task, ignore or [])
        else:
            chosen = tasks.digits_task() if what == "digits" else tasks.mnist_task(data)
        path = output or Path(f"{chosen.name}.nabla")
        _check_can_write(path)
        outcome = run(chosen, settings, console)
        finish(chosen, outcome, path, console)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def predict(
    model: ModelFile,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table, images (IDX, gzip or not), or lines of numbers.")
    ],
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Print a prediction for each row of a file, one a line."""
    from nablanet.cli.answers import predict as run

    with clean_errors():
        run(model, file, threads, Console(as_json=as_json))


@app.command()
def evaluate(
    model: ModelFile,
    what: Annotated[
        str, typer.Argument(metavar="FILE|digits|mnist", help="A file with answers, or a data set.")
    ],
    labels: Annotated[
        Path | None, typer.Option(help="The labels of the images in FILE: IDX, or one label a line.")
    ] = None,
    data: Data = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Print how well a model does: accuracy, or RMSE and R2 for numbers."""
    if what in ("digits", "mnist") and labels is not None:
        raise typer.BadParameter(f"{what} brings its own labels", param_hint="--labels")
    if what != "mnist" and data is not None:
        raise typer.BadParameter("goes with mnist only", param_hint="--data")
    from nablanet.cli.answers import evaluate as run

    with clean_errors():
        run(model, what, labels, data, threads, Console(as_json=as_json))


@app.command()
def info(as_json: Json = False) -> None:
    """Print versions, the compiler, and the instruction sets there are and in use."""
    from nablanet.cli.report import report

    with clean_errors():
        report(Console(as_json=as_json))


def _check_options(
    what: str,
    is_table: bool,
    target: str | None,
    data: Path | None,
    task: str | None,
    ignore: list[str] | None,
) -> None:
    if data is not None and what != "mnist":
        raise typer.BadParameter("goes with mnist only", param_hint="--data")
    if is_table and not Path(what).exists():
        raise typer.BadParameter(
            f"there is no file {what}; train takes digits, mnist or a CSV file",
            param_hint="digits|mnist|TABLE.csv",
        )
    if is_table and target is None:
        with clean_errors():
            _refuse_without_target(what)
    for name, value in (("--target", target), ("--task", task), ("--ignore", ignore)):
        if value and not is_table:
            raise typer.BadParameter("goes with a table only", param_hint=name)


def _refuse_without_target(what: str) -> None:
    from nablanet.data.tables import read_table

    columns = ", ".join(read_table(what).columns)
    raise typer.BadParameter(
        f"which column of {what} is to be predicted? It has: {columns}", param_hint="--target"
    )


def _sizes(hidden: str | None) -> list[int] | None:
    if hidden is None:
        return None
    if hidden.strip().lower() == "none":
        return []
    try:
        sizes = [int(part) for part in hidden.split(",")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1:
        raise typer.BadParameter(
            f"wanted numbers of neurons such as 100,50, got {hidden!r}", param_hint="--hidden"
        )
    return sizes


def _check_can_write(path: Path) -> None:
    """Find out before the training, not after it."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; --output names the model file")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.absolute().parent} to save {path.name} in")
