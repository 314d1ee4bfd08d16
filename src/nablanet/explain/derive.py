"""The four equations derived by SymPy from nothing but the cost as a function of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nablanet import shapes
from nablanet.activations import SOFTMAX
from nablanet.costs import Cost, get_cost, is_builtin
from nablanet.explain import notation
from nablanet.explain.document import Block, Explanation, Formula, Heading, Paragraph, Table
from nablanet.network import Network
from nablanet.shapes import Array

_MOST_PARAMETERS = 40  # SymPy needs some seconds for so many
_ROWS = 12
_COSTS = "quadratic", "cross_entropy", "poisson"  # those without a kink


@dataclass(frozen=True)
class Step:
    """One thing derived. formulas: what is shown, of one neuron or weight.

    checked: for how many neurons or weights SymPy compared its own derivative with the equation; holds:
    whether it found them equal each time.
    """

    name: str
    formulas: tuple[Formula, ...]
    checked: int
    holds: bool
    about: str


@dataclass(frozen=True, repr=False)
class Derivation(Explanation):
    """BP1 to BP4 and the δ^L of quadratic cost and cross-entropy, by SymPy.

    steps: what was derived, in symbols. parameters: the names of all biases and weights, b²₁ and so on;
    symbolic, implemented: ∂C/∂ each of them, by SymPy's formulas and by `Network.backprop`, for random
    parameters and a random sample. Both have shape (number of parameters,). x, y: that sample, (n_1,) and
    (n_L,).
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    cost_name: str
    x: Array
    y: Array
    steps: tuple[Step, ...]
    parameters: tuple[str, ...]
    symbolic: Array
    implemented: Array

    @property
    def holds(self) -> bool:
        """Whether every step holds."""
        return all(step.holds for step in self.steps)

    @property
    def largest_difference(self) -> float:
        """Between `symbolic` and `implemented`."""
        return float(np.abs(self.symbolic - self.implemented).max())

    def blocks(self) -> Sequence[Block]:
        """The steps as formulas, and the numbers of both as a table."""
        told: list[Block] = [
            Heading(f"The four equations derived for {list(self.sizes)}"),
            Paragraph(
                "SymPy has the cost as one function of all weights and biases and differentiates it. "
                f"{self._letters()} z and a stand for what they abbreviate."
            ),
        ]
        for step in self.steps:
            told += [Heading(step.name), *step.formulas, Paragraph(step.about)]
        order = np.argsort(-np.abs(self.symbolic), kind="stable")[:_ROWS]
        rows = [
            (
                f"∂C/∂{self.parameters[i]}",
                notation.number(self.symbolic[i]),
                notation.number(self.implemented[i]),
                notation.number(self.symbolic[i] - self.implemented[i], 2),
            )
            for i in order
        ]
        told += [
            Heading("Against the implementation"),
            Paragraph(
                f"SymPy's derivatives with numbers put in ({', '.join(self.activations)}; {self.cost_name}), "
                "beside those of Network.backprop. Over all "
                f"{len(self.parameters)} parameters the largest difference is "
                f"{notation.number(self.largest_difference, 2)}."
            ),
            Table(("rate", "SymPy", "backprop", "difference"), tuple(rows), text=("rate",)),
        ]
        return told

    def _letters(self) -> str:
        if self.activations[-1] == "softmax":
            return "σ stays a letter, but softmax is written out."
        if len(set(self.activations)) > 1:
            return "σ stays a letter, and so does σᴸ, that of the output layer."
        return "σ stays a letter."


def derive(
    sizes: Sequence[int] = (1, 2, 1),
    *,
    activation: str = "sigmoid",
    cost: str | Cost = "quadratic",
    seed: int = 0,
) -> Derivation:
    """Derive BP1 to BP4 for a small network with SymPy, and compare with the implementation.

    The cost is composed as one formula and differentiated by SymPy alone, for every neuron and weight; the
    right sides of the equations are put together from the parts and compared with that. Then both are
    evaluated with the initial parameters and a sample, random from `seed`. activation, cost: as for
    `Network`, whose rule gives the output layer.

    Raises ValueError for more than 40 parameters, for a cost with kinks, an unknown name, or numbers that
    overflow; TypeError for an activation or cost of one's own; and ImportError without SymPy, which
    `pip install nablanet[explain]` brings.
    """
    try:
        import sympy  # noqa: F401 - optional, and slow to load
    except ImportError:
        raise ImportError("explain.derive needs SymPy: pip install nablanet[explain]") from None
    network = _small_network(sizes, activation, cost, seed)
    from nablanet.explain import derivation_steps
    from nablanet.explain.symbolic import Composition

    composition = Composition(network)
    x, y = _sample(network, seed)
    gradient = composition.gradient()
    values = [*x, *y, *_flat(network.biases), *_flat(network.weights)]
    symbolic = _evaluated(gradient, values, seed)
    nabla_b, nabla_w = network.backprop(x, y)
    return Derivation(
        sizes=tuple(network.sizes),
        activations=tuple(activation.name for activation in network.activations),
        cost_name=str(network.cost),
        x=x,
        y=y,
        steps=derivation_steps.steps(composition),
        parameters=tuple(_names(network.sizes)),
        symbolic=symbolic,
        implemented=np.concatenate([_flat(nabla_b), _flat(nabla_w)]),
    )


def _small_network(sizes: Sequence[int], activation: str, cost: str | Cost, seed: int) -> Network:
    """The network to derive the equations for, refused where SymPy cannot."""
    checked = shapes.check_sizes(sizes)
    n = sum((n_in + 1) * n_out for n_in, n_out in pairwise(checked))
    if n > _MOST_PARAMETERS:
        raise ValueError(
            f"sizes {checked} make {n:,} weights and biases, too many to derive each rate in symbols: "
            f"the most is {_MOST_PARAMETERS}, as sizes [2, 3, 2] have 17"
        )
    if not isinstance(activation, str):
        raise TypeError(f"activation must be a name, got {shapes.describe(activation)}")
    chosen = get_cost(cost)
    if not is_builtin(chosen):
        raise TypeError(f"cost must be one of the package's own, got {shapes.describe(chosen)}")
    if chosen.name not in _COSTS:
        raise ValueError(
            f"cost must be one without kinks, {', '.join(_COSTS[:-1])} or {_COSTS[-1]}, got {chosen.name!r}"
        )
    return Network(checked, activation=activation, cost=chosen, seed=shapes.count(seed, "seed", 0))


def _evaluated(gradient: Callable[..., list[float]], values: Sequence[float], seed: int) -> Array:
    try:
        found = np.array(gradient(*map(float, values)))
    except OverflowError:
        found = np.array([np.inf])
    if not np.isfinite(found).all():
        raise ValueError(f"the network with seed {seed} overflows at its sample; try another seed")
    return found


def _sample(network: Network, seed: int) -> tuple[Array, Array]:
    """An x around 0, and a y between 0 and 1, of sum 1 for softmax."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=network.sizes[0]), rng.uniform(0.1, 0.9, size=network.sizes[-1])
    return x, y / y.sum() if network.activations[-1] == SOFTMAX else y


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays])


def _names(sizes: Sequence[int]) -> Iterator[str]:
    """b²₁ and so on, then w²₁₁ and so on, as `_flat` has them."""
    for l, n in enumerate(sizes[1:], 2):  # noqa: E741 - l is the book's layer index
        yield from (notation.symbol("b", l, j) for j in range(1, n + 1))
    for l, (n_in, n) in enumerate(pairwise(sizes), 2):  # noqa: E741
        yield from (notation.symbol("w", l, j, k) for j in range(1, n + 1) for k in range(1, n_in + 1))
