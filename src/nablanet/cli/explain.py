"""What `nablanet explain` and `nablanet check` do with a saved model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nablanet.cli.blocks import plain, show
from nablanet.cli.console import Console
from nablanet.cli.inputs import Answers, Loaded, open_model
from nablanet.cli.output import check_page
from nablanet.cli.samples import check_sample, compared, find_samples
from nablanet.explain.checking.gradient_check import check_gradients
from nablanet.explain.decision import decision
from nablanet.explain.demon import demon
from nablanet.explain.document import Block, Explanation, Paragraph, to_text
from nablanet.explain.equations import equations
from nablanet.explain.page import PATHS, chosen, page, strongest_weight, told
from nablanet.explain.paths import paths
from nablanet.explain.saturation import saturation
from nablanet.explain.standalone import Section, standalone
from nablanet.explain.trace import of_sample, showing
from nablanet.files.atomic import write_atomically

_CHECKED = 10  # rows together, where no sample is named


def explain(
    model: Path,
    what: str | None,
    labels: Path | None,
    data: Path | None,
    sample: int,
    layer: int | None,
    neuron: int | None,
    html: Path | None,
    console: Console,
) -> None:
    """Tell, or write as a page, what backpropagation does with one sample."""
    if html is not None:
        check_page(html)
    loaded = open_model(model)
    answers = find_samples(loaded, what, labels, data, console)
    place = check_sample(sample, answers)
    network, x, y = loaded.model.network, answers.X[place], answers.Y[place]
    traced = of_sample(network, x, y)
    layer, neuron = chosen(network, traced, layer, neuron)
    traced = showing(traced, layer, neuron)
    weight = strongest_weight(traced, layer, neuron)
    X, Y = answers.X, answers.Y
    about = _about(loaded, answers, sample)
    if html is not None:
        _write(html, page(network, x, y, layer=layer, neuron=neuron, title=about, X=X, Y=Y), console)
        return
    makers: dict[str, Callable[[], Explanation]] = {
        "trace": lambda: traced,
        "equations": lambda: equations(network, x, y, layer=layer, neuron=neuron),
        "demon": lambda: demon(network, x, y, layer, neuron),
        "paths": lambda: paths(network, x, y, weight, limit=PATHS),
        "saturation": lambda: saturation(network, X, Y),
        "decision": lambda: decision(network, x),
    }
    content: dict[str, object] = {"sample": sample, "layer": layer, "neuron": neuron, "of": answers.where}
    blocks: list[Block] = [Paragraph(about)]
    for name, make in makers.items():
        explanation, said = told(make)
        content[name] = plain(explanation) if explanation is not None else {"refused": to_text(said)}
        blocks.extend(said)
    console.result("" if console.as_json else show(blocks), content)


def check(
    model: Path,
    what: str | None,
    labels: Path | None,
    data: Path | None,
    sample: int | None,
    html: Path | None,
    console: Console,
) -> bool:
    """Compare the gradient with numerical derivatives; whether it passed."""
    if html is not None:
        check_page(html)
    loaded = open_model(model)
    answers = find_samples(loaded, what, labels, data, console)
    network = loaded.model.network
    if sample is None:
        X, Y = answers.X[:_CHECKED], answers.Y[:_CHECKED]
        about = f"The gradient of {loaded.path}, for the first {len(X)} of {answers.where}"
        if len(X) == len(answers.X):
            about = f"The gradient of {loaded.path}, for {answers.where}"
    else:
        place = check_sample(sample, answers)
        X, Y = answers.X[place : place + 1], answers.Y[place : place + 1]
        about = f"The gradient of {_about(loaded, answers, sample)}"
    found = check_gradients(network, X, Y)
    if html is not None:
        section = Section("check", "Analytic and numerical derivatives", found.blocks())
        _write(html, standalone(about, [repr(network)], [section]), console)
    else:
        content = {"of": answers.where, "sample": sample, "passed": found.passed, **plain(found)}
        told_in_words = "" if console.as_json else show([Paragraph(about), *found.blocks()])
        console.result(told_in_words, content)
    return found.passed


def _about(loaded: Loaded, answers: Answers, sample: int) -> str:
    row = slice(sample - 1, sample)
    output = loaded.model.network.predict(answers.X[row])[0]
    told = compared(loaded, answers.Y[sample - 1], output)
    return f"{loaded.path}: sample {sample} of {answers.where}, {told}"


def _write(path: Path, text: str, console: Console) -> None:
    write_atomically(path, text.encode())
    console.result(f"Page: {path}", {"page": str(path)})
