"""What stands out in the measures of a network: one sentence each, with its equation and what to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from nablanet.activations import SOFTMAX
from nablanet.explain.measures import NEARLY_ALL, OFF_CENTRE, SMALL, SMALL_SCALE, WRONG, Inputs, LayerMeasures
from nablanet.explain.notation import number, symbol
from nablanet.explain.slopes import FRACTION

# Half of the pairs (neuron, sample) of a hidden layer: most of the error that comes back is lost there.
MANY_SATURATED = 0.5
# Of a layer's neurons: some that are dead or always saturated are common, and the others do without them.
MANY_NEURONS = 0.25
# Of the samples: networks that learn well leave fewer than that confidently wrong.
MANY_WRONG = 0.2
# δ² beside δ^L: a hundred times less or more, and no one eta suits both ends of the network.
VANISHING = 0.01
EXPLODING = 100.0
# A step longer than the weights themselves leaves nothing of what they had learned.
LARGE_UPDATE = 1.0
# So small, an epoch of a thousand steps changes the weights by less than a hundredth.
SMALL_UPDATE = 1e-5
# ‖∂C/∂b^L‖ beside the errors it averages: at a minimum of C they cancel, and small updates are right.
AT_MINIMUM = 0.1
# An input weight's gradient is 0 in each sample whose input is 0 (BP4).
MANY_ZEROS = 0.95
# Standardised inputs have a root mean square of 1; ten times as much saturates what is initialised for them.
LARGE_INPUTS = 10.0
# Of the inputs: a pixel that is hardly ever lit is no fault of the data.
MANY_INPUTS = 0.05
_CALMER = "try a smaller eta, smaller initial weights, or smaller inputs."
_NAMED = 8  # neurons that a sentence names


@dataclass(frozen=True)
class Finding:
    """Something that slows learning down.

    layer: from 1 (the inputs) to L. kind: "saturated", "dead", "saturated outputs", "vanishing", "exploding",
    "small activations", "small inputs", "sparse inputs", "large inputs", "off-centre inputs", "large
    updates", "small updates" or "not finite". value: the number it rests on, which is in the text.
    equation: "BP1", "BP2" or "BP4", which the text cites.
    text: a sentence.
    """

    layer: int
    kind: str
    value: float
    equation: str
    text: str


def find(inputs: Inputs, layers: Sequence[LayerMeasures], eta: float | None) -> tuple[Finding, ...]:
    """What stands out: inputs first, then layer by layer, then through depth."""
    found = [*_not_finite(layers), *_inputs(inputs)]
    for layer in layers[:-1]:
        found.extend(_hidden(layer))
    found.extend(_outputs(layers[-1]))
    for layer in layers[1:]:
        found.extend(_small_activations(layer))
    found.extend(_depth(layers))
    found.extend(_updates(layers, eta))
    return tuple(found)


def _not_finite(layers: Sequence[LayerMeasures]) -> Iterator[Finding]:
    """The first layer with an activation that is not finite, or else the last with such an error."""
    for layer in layers[1:]:
        if not isfinite(layer.input_rms):
            l = layer.number - 1  # noqa: E741 - the book's letter
            a, w = symbol("a", l), symbol("w", l + 1)
            text = f"Activations {a} are not finite, and ∂C/∂{w} carries them (BP4): {_CALMER}"
            yield Finding(l, "not finite", layer.input_rms, "BP4", text)
            return
    for layer in reversed(layers):
        if layer.delta_rms is not None and not isfinite(layer.delta_rms):
            l = layer.number  # noqa: E741
            equation = "BP1" if layer is layers[-1] else "BP2"
            text = f"Errors {symbol('δ', l)} are not finite, nor what comes from them ({equation}): {_CALMER}"
            yield Finding(l, "not finite", layer.delta_rms, equation, text)
            return


def _inputs(inputs: Inputs) -> Iterator[Finding]:
    if inputs.zeros >= MANY_ZEROS:
        yield Finding(
            1,
            "sparse inputs",
            inputs.zeros,
            "BP4",
            f"{_share(inputs.zeros)} of the inputs are 0, and ∂C/∂w² carries a¹ (BP4): a weight learns "
            "nothing from a sample whose input is 0; try an optimizer with a step of its own for each "
            "weight, such as Adam.",
        )
    elif inputs.rms < SMALL:
        yield Finding(
            1,
            "small inputs",
            inputs.rms,
            "BP4",
            f"The inputs have a root mean square of only {number(inputs.rms, 3)}, and ∂C/∂w² carries a¹ "
            "(BP4): the weights from layer 1 learn slowly; try standardised inputs, or a larger input_scale.",
        )
    small = len(inputs.small_scale)
    if small and small >= MANY_INPUTS * inputs.n:
        yield Finding(
            1,
            "small inputs",
            inputs.smallest_scale,
            "BP4",
            f"{_some(inputs.small_scale, inputs.n, 'input')} of less than {_share(SMALL_SCALE)} of "
            f"the largest input's scale (the least: {number(inputs.smallest_scale, 3)} times), and ∂C/∂w² "
            "carries a¹ (BP4): their weights learn slowly beside the others; try standardised inputs, mean 0 "
            "and variance 1.",
        )
    if inputs.rms > LARGE_INPUTS:
        yield Finding(
            1,
            "large inputs",
            inputs.rms,
            "BP4",
            f"The inputs have a root mean square of {number(inputs.rms, 3)} (the largest is "
            f"{number(inputs.largest, 3)}), and ∂C/∂w² carries a¹ (BP4): one eta is too large for layer 2 or "
            "too small for the others, and large z² saturate; try standardised inputs, or input_scale=1/255 "
            "for images.",
        )
    off = len(inputs.off_centre)
    if off and off >= MANY_INPUTS * inputs.n:
        yield Finding(
            1,
            "off-centre inputs",
            float(off),
            "BP4",
            f"{_some(inputs.off_centre, inputs.n, 'input')} more than {OFF_CENTRE:g} standard "
            "deviations away from 0 on average, and ∂C/∂w² carries a¹ (BP4): what their weights learn is "
            "mostly this mean, as a bias does; try inputs from which the mean is subtracted.",
        )


def _hidden(layer: LayerMeasures) -> Iterator[Finding]:
    l = layer.number  # noqa: E741 - the book's letter
    slope = f"σ′({symbol('z', l)})"
    rate = f"{symbol('δ', l)} carries {slope} (BP2)"
    if len(layer.dead) >= MANY_NEURONS * layer.n and layer.dead:
        yield Finding(
            l,
            "dead",
            len(layer.dead) / layer.n,
            "BP2",
            f"{_some(layer.dead, layer.n, 'neuron')} dead in layer {l} ({layer.activation}): {slope} = 0 in "
            f"every sample, and {rate}, so that they learn nothing; try init='he', a smaller eta, or "
            "leaky_relu.",
        )
    always = layer.always
    if layer.saturated is None or layer.largest_slope is None:
        return
    many = not layer.one_sided and layer.saturated >= MANY_SATURATED
    if many or (always and len(always) >= MANY_NEURONS * layer.n):
        below = f"{slope} is below {number(FRACTION * layer.largest_slope, 3)}"
        who = ""
        if always:
            who = f"; {_some(always, layer.n, 'neuron')} so in {_share(NEARLY_ALL)} of the samples or more"
        cure = "init='he'" if layer.one_sided else "init='scaled' or 'xavier', relu with init='he',"
        yield Finding(
            l,
            "saturated",
            layer.saturated,
            "BP2",
            f"Layer {l} ({layer.activation}) is saturated: {below}, {_share(FRACTION)} of the largest it can "
            f"be, in {_share(layer.saturated)} of the pairs of neuron and sample{who}; {rate}, so that it "
            f"learns slowly: try {cure} or smaller inputs.",
        )


def _outputs(layer: LayerMeasures) -> Iterator[Finding]:
    share = layer.saturated_wrong
    if layer.fused or share is None or share < MANY_WRONG:
        return
    l = layer.number  # noqa: E741
    slope = "∂a/∂z" if layer.activation == SOFTMAX.name else f"σ′({symbol('z', l)})"
    two_sided = layer.activation in ("sigmoid", SOFTMAX.name)
    cure = "cost='cross_entropy', in whose δ this factor cancels" if two_sided else "output='identity'"
    yield Finding(
        l,
        "saturated outputs",
        share,
        "BP1",
        f"In {_share(share)} of the samples an output is saturated and wrong (more than {WRONG:g} from y): "
        f"{symbol('δ', l)} carries {slope} (BP1), which is near 0 there, so that the worst outputs learn "
        f"most slowly; try {cure}, or smaller initial weights.",
    )


def _small_activations(layer: LayerMeasures) -> Iterator[Finding]:
    if layer.input_rms >= SMALL:
        return
    a, w = symbol("a", layer.number - 1), symbol("w", layer.number)
    yield Finding(
        layer.number - 1,
        "small activations",
        layer.input_rms,
        "BP4",
        f"The activations {a} have a root mean square of only {number(layer.input_rms, 3)}, and ∂C/∂{w} "
        f"carries {a} (BP4): the weights into layer {layer.number} learn slowly; try larger initial weights "
        "(init='xavier' or 'he').",
    )


def _depth(layers: Sequence[LayerMeasures]) -> Iterator[Finding]:
    first, last = layers[0].delta_rms, layers[-1].delta_rms
    if len(layers) < 2 or first is None or not last:
        return
    ratio, depth = first / last, layers[-1].number
    numbers = (
        f"δ² is {number(ratio, 3)} times {symbol('δ', depth)} (root mean squares {number(first, 3)} and "
        f"{number(last, 3)}); each layer multiplies it by w and σ′(z) (BP2)"
    )
    if ratio < VANISHING:
        yield Finding(
            2,
            "vanishing",
            ratio,
            "BP2",
            f"The error vanishes on its way back: {numbers}, so that the "
            "first layers learn slowly: try relu with init='he', init='xavier', or fewer layers.",
        )
    elif ratio > EXPLODING:
        yield Finding(
            2,
            "exploding",
            ratio,
            "BP2",
            f"The error explodes on its way back: {numbers}, so that an eta "
            "that suits the last layer is too large for the first: try init='xavier' or 'he', or clip_norm.",
        )


def _updates(layers: Sequence[LayerMeasures], eta: float | None) -> Iterator[Finding]:
    if eta is None:
        return
    ratios = [(layer.update_ratio, layer.number) for layer in layers if layer.update_ratio is not None]
    for ratio, l in ratios:  # noqa: E741
        if ratio > LARGE_UPDATE:
            yield Finding(
                l,
                "large updates",
                ratio,
                "BP4",
                f"A step with eta = {eta:g} changes {symbol('w', l)} by {number(ratio, 3)} times its norm, "
                f"where about a thousandth is common; it is eta times ∂C/∂{symbol('w', l)} (BP4): try a "
                "smaller eta, or smaller inputs.",
            )
    if not ratios or not max(ratios)[0] < SMALL_UPDATE or _near_minimum(layers[-1]):
        return
    ratio, l = max(ratios)  # noqa: E741
    yield Finding(
        l,
        "small updates",
        ratio,
        "BP4",
        f"A step with eta = {eta:g} changes no layer's weights by more than {number(ratio, 3)} times their "
        f"norm (layer {l}), though the samples' errors do not cancel yet; it is eta times ∂C/∂w (BP4): try a "
        "larger eta.",
    )


def _near_minimum(last: LayerMeasures) -> bool:
    """Whether the outputs' errors cancel over the samples, as they do where ∂C/∂b^L = 0."""
    if not last.delta_rms or last.nabla_b_norm is None:
        return True
    return bool(last.nabla_b_norm < AT_MINIMUM * last.delta_rms * last.n**0.5)


def _share(value: float) -> str:
    return f"{100 * value:.3g} %"


def _some(numbers: Sequence[int], n: int, what: str) -> str:
    """Such as "2 of 30 neurons (4, 7) are"."""
    named = ", ".join(map(str, numbers[:_NAMED])) + (", …" if len(numbers) > _NAMED else "")
    verb = "is" if len(numbers) == 1 else "are"
    return f"{len(numbers)} of {n} {what}{'s' if n > 1 else ''} ({named}) {verb}"
