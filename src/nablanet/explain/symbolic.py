"""A small network and its cost as SymPy expressions.

Only here, in `symbolic_forms` and in `derivation_steps` SymPy is imported, which is optional. It alone
differentiates: `backprop` and the derivatives beside the functions are not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import sympy
from sympy import Expr, Function, Symbol

from nablanet.activations import LEAKY_RELU_SLOPE, SELU_ALPHA, SELU_SCALE
from nablanet.costs import parameter_of
from nablanet.explain import expressions
from nablanet.explain.expressions import Expression

if TYPE_CHECKING:
    from nablanet.network import Network


def _sigmoid(z: Expr) -> Expr:
    return 1 / (1 + sympy.exp(-z))


def _from_zero(z: Expr, below: Expr) -> Expr:
    return sympy.Piecewise((z, z > 0), (below, True))


ACTIVATIONS: dict[str, Callable[[Expr], Expr]] = {
    "sigmoid": _sigmoid,
    "tanh": sympy.tanh,
    "relu": lambda z: _from_zero(z, sympy.S.Zero),
    "leaky_relu": lambda z: _from_zero(z, LEAKY_RELU_SLOPE * z),
    "elu": lambda z: _from_zero(z, sympy.exp(z) - 1),
    "selu": lambda z: SELU_SCALE * _from_zero(z, SELU_ALPHA * (sympy.exp(z) - 1)),
    "gelu": lambda z: z * (1 + sympy.erf(z / sympy.sqrt(2))) / 2,
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * sympy.tanh(sympy.log(1 + sympy.exp(z))),
    "softplus": lambda z: sympy.log(1 + sympy.exp(z)),
    "identity": lambda z: z,
    "exp": sympy.exp,
}


def quadratic(a: Sequence[Expr], y: Sequence[Expr]) -> Expr:
    """C = 1/2 sum_j (a_j - y_j)^2."""
    return sum((p - q) ** 2 for p, q in zip(a, y, strict=True)) / sympy.Integer(2)


def cross_entropy(a: Sequence[Expr], y: Sequence[Expr]) -> Expr:
    """C = -sum_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)]."""
    return -sum(q * sympy.log(p) + (1 - q) * sympy.log(1 - p) for p, q in zip(a, y, strict=True))


def log_likelihood(a: Sequence[Expr], y: Sequence[Expr]) -> Expr:
    """C = -sum_j y_j ln a_j, the cross-entropy of softmax."""
    return -sum(q * sympy.log(p) for p, q in zip(a, y, strict=True))


def poisson(a: Sequence[Expr], y: Sequence[Expr]) -> Expr:
    """C = sum_j [a_j - y_j + y_j ln y_j - y_j ln a_j]."""
    return sum(p - q + q * sympy.log(q) - q * sympy.log(p) for p, q in zip(a, y, strict=True))


COSTS = {"quadratic": quadratic, "cross_entropy": cross_entropy, "poisson": poisson}


def unknown(name: str) -> tuple[Function, Function]:
    """A function of which SymPy knows only its derivative's name, and that derivative."""
    prime = type(f"{name}_prime", (Function,), {})
    return type(name, (Function,), {"fdiff": lambda self, argindex=1: prime(*self.args)}), prime


# softmax's exponential; products of SymPy's own would be drawn together
_EXP = type("softmax_exp", (Function,), {"fdiff": lambda self, argindex=1: self})


def are_equal(left: Expr, right: Expr) -> bool:
    """Whether SymPy finds no difference."""
    difference = sympy.expand(left - right)
    return bool(difference == 0 or sympy.simplify(difference) == 0)


class Composition:
    """A network and its cost in one formula, of its parameters or of the weighted inputs of a layer.

    σ stays a letter, so that what is found holds for every activation function; softmax is written out.
    Symbols by layer l, as in the book: `w[l][j][k]`, `b[l][j]`, `z[l][j]` and `a[l][j]`, j and k from 0.
    """

    def __init__(self, network: Network):
        self.sizes = network.sizes
        self.last = network.num_layers
        self._activations = [activation.name for activation in network.activations]
        self.softmax = self._activations[-1] == "softmax"
        self.cost_name, self.smoothing = network.cost.name, parameter_of(network.cost)
        hidden, output = unknown("sigma"), unknown("sigma_L")
        if len(set(self._activations)) == 1:
            output = hidden
        self.functions = dict.fromkeys(range(2, self.last), hidden) | {self.last: output}
        self.written: dict[Symbol, Expression] = {}
        self.x = [self._symbol("x", "", k) for k in self.neurons(1)]
        self.y = [self._symbol("y", "", j) for j in self.neurons(self.last)]
        self.a = {1: self.x}
        self.z, self.b, self.w = {}, {}, {}
        for l in range(2, self.last + 1):  # noqa: E741 - l is the book's layer index
            here, before = self.neurons(l), self.neurons(l - 1)
            self.z[l], self.a[l], self.b[l] = ([self._symbol(s, l, j) for j in here] for s in "zab")
            self.w[l] = [[self._symbol("w", l, j, k) for k in before] for j in here]

    def neurons(self, layer: int) -> range:
        """The numbers of the neurons of a layer, from 0."""
        return range(self.sizes[layer - 1])

    def _symbol(self, letter: str, layer: int | str, *indices: int) -> Symbol:
        expression = expressions.symbol(letter, layer, *(index + 1 for index in indices))
        symbol = Symbol(expression.text, real=True)
        self.written[symbol] = expression
        return symbol

    def weighted_input(self, layer: int, a: Sequence[Expr]) -> list[Expr]:
        """z^l of the activations a^{l-1}."""
        return [
            sum(w * p for w, p in zip(row, a, strict=True)) + b
            for row, b in zip(self.w[layer], self.b[layer], strict=True)
        ]

    def activated(self, layer: int, z: Sequence[Expr]) -> list[Expr]:
        """a^l of the weighted inputs z^l."""
        if self.softmax and layer == self.last:
            exps = [_EXP(z_j) for z_j in z]
            return [e / sum(exps) for e in exps]
        return [self.functions[layer][0](z_j) for z_j in z]

    def cost(self, a: Sequence[Expr]) -> Expr:
        """C_x of the outputs a^L."""
        y = self.y
        if self.smoothing:
            classes = len(y) if self.softmax else 2
            y = [(1 - self.smoothing) * y_j + self.smoothing / classes for y_j in y]
        return (log_likelihood if self._is_log_likelihood() else COSTS[self.cost_name])(a, y)

    def _is_log_likelihood(self) -> bool:
        return self.softmax and self.cost_name == "cross_entropy"

    def cost_from(self, layer: int) -> Expr:
        """C_x as a function of z^l, or of x for layer 1, and of the parameters of the later layers."""
        a = self.x if layer == 1 else self.activated(layer, self.z[layer])
        for l in range(layer + 1, self.last + 1):  # noqa: E741
            a = self.activated(l, self.weighted_input(l, a))
        return self.cost(a)

    def error(self, layer: int, j: int) -> Expr:
        """δ^l_j = ∂C/∂z^l_j by SymPy, shortened."""
        return self.shortened(sympy.diff(self.cost_from(layer), self.z[layer][j]), layer)

    def shortened(self, expression: Expr, layer: int) -> Expr:
        """The same with the symbols z and a put in for what they stand for, from layer l on."""
        for l in range(max(layer, 2), self.last + 1):  # noqa: E741
            if l > layer:
                sums = self.weighted_input(l, self.a[l - 1])
                expression = expression.xreplace(dict(zip(sums, self.z[l], strict=True)))
            if self.softmax and l == self.last:
                # a_j in units of the sum of all exps, in which that sum is 1
                expression = expression.xreplace(
                    {_EXP(z): a for z, a in zip(self.z[l], self.a[l], strict=True)}
                )
                expression = expression.xreplace({sum(self.a[l]): sympy.S.One})
            else:
                activated = self.activated(l, self.z[l])
                expression = expression.xreplace(dict(zip(activated, self.a[l], strict=True)))
        return sympy.expand(expression) if self.softmax else expression

    def gradient(self) -> Callable[..., list[float]]:
        """Every ∂C/∂b, then every ∂C/∂w, layer by layer, as a function of x, y, biases and weights."""
        parameters = [b for biases in self.b.values() for b in biases]
        parameters += [w for rows in self.w.values() for row in rows for w in row]
        composed = self.cost_from(1)
        gradient = [sympy.diff(composed, parameter) for parameter in parameters]
        t = Symbol("t", real=True)
        numeric: dict[str, Callable[..., float]] = {"softmax_exp": math.exp}
        for layer, (function, prime) in self.functions.items():
            name = self._activations[layer - 2]
            if name == "softmax":
                continue
            formula = ACTIVATIONS[name](t)
            numeric[function.__name__] = sympy.lambdify(t, formula, "math")
            numeric[prime.__name__] = sympy.lambdify(t, sympy.diff(formula, t), "math")
        return sympy.lambdify([*self.x, *self.y, *parameters], gradient, [numeric, "math"], cse=True)
