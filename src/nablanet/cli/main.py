"""The commands and their options; what they do is in the other modules of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nablanet.cli import options
from nablanet.cli.console import Console, clean_errors
from nablanet.cli.stopping import StopSignals
from nablanet.version import __version__

app = typer.Typer(
    name="nablanet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors (and JSON).")]
Json = Annotated[
    bool, typer.Option("--json", help="Results as JSON, one object a line; all else on standard error.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        parser=options.whole_number(1), metavar="N", help="At most that many threads; all cores by default."
    ),
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that train has saved.")]
Samples = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|digits|mnist",
        help="A file with answers, or a data set; by default the digits or MNIST, for a model of those.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The labels of the images in FILE: IDX, or one label a line."),
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Write a page that opens in any browser, and print nothing else."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder with the IDX files of MNIST, gzip or not; by default the folder mnist in "
        "NABLANET_DATA, if that is set, else a cache that is filled from the network.",
    ),
]


def main() -> None:
    """The entry point of the `nablanet` command."""
    app(prog_name="nablanet")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nablanet {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train feed-forward networks by backpropagation, and use them."""


@app.command()
def train(
    what: Annotated[str, typer.Argument(metavar="digits|mnist|TABLE.csv", help="What to train on.")],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the table to predict.")
    ] = None,
    data: Data = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Model file; by default digits.nabla, mnist.nabla or TABLE.nabla in this folder. "
            "The picture goes to FILE.png.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(parser=options.whole_number(0), metavar="N", help="Fixes initial weights and shuffles."),
    ] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(1),
            metavar="N",
            help="How often to go through the data; by default 30 for digits, 15 for mnist, "
            "50 for tables (more for small ones).",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(1),
            metavar="N",
            help="Samples in a mini-batch; by default 32, 64 for mnist.",
        ),
    ] = None,
    eta: Annotated[
        float | None,
        typer.Option(
            parser=options.learning_rate,
            metavar="X",
            help="Learning rate; by default 0.001 for adam, adamw and rmsprop, 0.1 for sgd (0.5 for mnist "
            "as it is), 0.01 for momentum and nesterov.",
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Neurons of the hidden layers, such as 100,50; none for no hidden layer. "
            "By default 256,128 for digits, 256 for mnist, 64,64 for tables.",
        ),
    ] = None,
    activation: Annotated[
        str,
        typer.Option(
            parser=options.hidden_activation,
            metavar="NAME",
            help=f"Of the hidden layers: {', '.join(options.HIDDEN_ACTIVATIONS)}.",
        ),
    ] = "relu",
    cost: Annotated[
        str | None,
        typer.Option(
            parser=options.known_cost,
            metavar="NAME",
            help="By default cross_entropy for classes, quadratic for numbers; "
            f"there are {', '.join(options.COSTS)}.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            parser=options.known_optimizer,
            metavar="NAME",
            help=f"adam by default, sgd for mnist; there are {', '.join(options.OPTIMIZERS)}.",
        ),
    ] = None,
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="By default classification for text and for few whole numbers, else regression."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Column of the table to leave out; may be repeated."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep there, while training, what --resume needs, whatever ends the run."
        ),
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            parser=options.whole_number(1), metavar="N", help="Epochs from one checkpoint to the next."
        ),
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the file of --checkpoint, if it is there already."),
    ] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a network, save it, and draw its learning curves.

    One row in five of digits and tables is held out, the same ones in every run; mnist has its test set.
    """
    options.check_train(what, target, data, task, ignore or [])
    options.check_checkpoint(checkpoint, every, resume)
    sizes = None if hidden is None else options.layer_sizes(hidden)
    console = Console(quiet=quiet, as_json=as_json)
    with clean_errors(), StopSignals() as signals:
        console.say(f"Reading {what}")  # the imports below, too, take a moment
        from nablanet.cli import tasks
        from nablanet.cli.output import check_output
        from nablanet.cli.train import Settings, finish
        from nablanet.cli.train import train as run

        settings = Settings(
            seed,
            epochs,
            batch_size,
            eta,
            sizes,
            activation,
            cost,
            optimizer,
            threads,
            checkpoint,
            every,
            resume,
        )
        if what == "digits":
            chosen = tasks.digits_task()  # which is little but imports
        with signals.raising():
            if what == "mnist":
                chosen = tasks.mnist_task(data)
            elif what != "digits":
                chosen = tasks.table_task(Path(what), target or "", task, ignore or [])
        path = output or Path(f"{chosen.name}.nabla")
        replaces = check_output(path, checkpoint)
        outcome = run(chosen, settings, console, signals)
        interrupted = finish(chosen, outcome, path, replaces, console, signals)
    if interrupted is not None:
        raise typer.Exit(interrupted)


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
    with clean_errors():
        from nablanet.cli.answers import predict as run

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
    options.check_answers(what, labels, data)
    with clean_errors():
        from nablanet.cli.answers import evaluate as run

        run(model, what, labels, data, threads, Console(as_json=as_json))


@app.command()
def explain(
    model: ModelFile,
    what: Samples = None,
    sample: Annotated[
        int,
        typer.Option(parser=options.whole_number(1), metavar="N", help="Which row, counting from 1."),
    ] = 1,
    layer: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(1),
            metavar="L",
            help="The layer of the neuron to look at, counting from 1, the input layer; so from 2. "
            "By default the last hidden layer.",
        ),
    ] = None,
    neuron: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(1),
            metavar="J",
            help="The neuron in that layer, counting from 1; by default the one with the largest error.",
        ),
    ] = None,
    html: Page = None,
    labels: Labels = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what backpropagation does with one sample: every z, a, error and derivative, with the equations.

    The four equations, the demon and the sum over paths are about one neuron.
    """
    options.check_answers(what, labels, data)
    if neuron is not None and layer is None:
        raise typer.BadParameter("goes with --layer", param_hint="--neuron")
    with clean_errors():
        from nablanet.cli.explain import explain as run

        run(model, what, labels, data, sample, layer, neuron, html, Console(as_json=as_json))


@app.command()
def check(
    model: ModelFile,
    what: Samples = None,
    sample: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(1),
            metavar="N",
            help="Which row, counting from 1; by default the first ten together.",
        ),
    ] = None,
    html: Page = None,
    labels: Labels = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compare the gradient with numerical derivatives; exit code 1 where one of them is wrong."""
    options.check_answers(what, labels, data)
    with clean_errors():
        from nablanet.cli.explain import check as run

        passed = run(model, what, labels, data, sample, html, Console(as_json=as_json))
    if not passed:
        raise typer.Exit(1)


@app.command()
def export(
    model: ModelFile,
    to: Annotated[
        Literal["onnx", "json", "npz", "c"],
        typer.Option(help="ONNX; the JSON of the book's program; NumPy's arrays; C for small devices."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="By default MODEL.onnx, and so on, in this folder."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            parser=options.name_in_c,
            metavar="NAME",
            help="Of the function in C, NAME_predict; by default that of the file.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a model in another format, with the scaling of its inputs and its classes."""
    if name is not None and to != "c":
        raise typer.BadParameter("goes with --to c", param_hint="--name")
    with clean_errors():
        from nablanet.cli.export import export as run

        run(model, to, output, name, Console(quiet=quiet))


@app.command()
def info(as_json: Json = False) -> None:
    """Print versions, the compiler, and the instruction sets there are and in use."""
    with clean_errors():
        from nablanet.cli.report import report

        report(Console(as_json=as_json))
