"""Networks to and from PyTorch's `nn.Sequential`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet.activations import LEAKY_RELU_SLOPE
from nablanet.files.building import build
from nablanet.files.plan import scaled_weights
from nablanet.network import Network
from nablanet.shapes import Array, describe

if TYPE_CHECKING:
    import torch

_COSTS = {"softmax": "cross_entropy", "sigmoid": "cross_entropy", "exp": "poisson"}
# what PyTorch takes for ln(1 + exp(z)) beyond its threshold is z: by default, 20, up to 2e-9 less
_EXACT_THRESHOLD = 40
_USUAL_THRESHOLD = 20


def to_torch(network: Network) -> torch.nn.Sequential:
    """The network as an `nn.Sequential` of Linear layers and activations, with copies of its parameters.

    Of the network's dtype, on the CPU, for rows (m, n_1); `input_scale` is multiplied into the first
    weights. The outputs are the same up to rounding. Raises ModuleNotFoundError without PyTorch, and
    ValueError for a network with Python functions of the user's own.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise ModuleNotFoundError("to_torch needs PyTorch: pip install torch") from None
    weights = scaled_weights(network)
    modules: list[Any] = []
    for w, b, activation in zip(weights, network.biases, network.activations, strict=True):
        n_out, n_in = w.shape
        # skip_init: nothing is drawn from PyTorch's generator
        linear = torch.nn.utils.skip_init(torch.nn.Linear, n_in, n_out, dtype=torch.from_numpy(w).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b.reshape(-1).copy()))
        modules += [linear, *_module(activation.name)]
    return torch.nn.Sequential(*modules)


def from_torch(module: torch.nn.Module) -> Network:
    """The network that a trained `nn.Sequential` of Linear layers and activations is.

    Copies the parameters, float32 or float64, and the activations where they are one of the package's:
    Sigmoid, Tanh, ReLU, LeakyReLU(0.01), ELU, SELU, GELU, SiLU, Mish, Softplus, Identity and, last,
    Softmax. Flatten of rows and Dropout are passed over. The cost is cross-entropy for softmax and
    sigmoid as output, poisson for exp, else quadratic. Raises TypeError for what is no Sequential, and
    ValueError for one that computes something else, which it names.
    """
    from torch import nn

    if not _is_sequential(module, nn):
        raise TypeError(f"from_torch wants a torch.nn.Sequential, got {describe(type(module).__name__)}")
    weights: list[Array] = []
    biases: list[Array] = []
    activations: list[str | None] = []
    for place, part in _parts(module, nn):
        if type(part) is nn.Linear:
            weights.append(_numbers(part.weight, place))
            bias = part.bias
            biases.append(
                np.zeros(len(weights[-1]), weights[-1].dtype) if bias is None else _numbers(bias, place)
            )
            activations.append(None)
        elif not _passed_over(part, nn):
            name = _name(part, place, nn)
            if not activations or activations[-1] is not None:
                after = "before the first Linear" if not activations else "after another activation"
                raise ValueError(f"{place}: {part} stands {after}, which no Network has")
            activations[-1] = name
    if len({w.dtype for w in [*weights, *biases]}) > 1:
        raise ValueError("the parameters of the module are partly float32, partly float64")
    names = [name or "identity" for name in activations]
    output = names[-1] if names else "identity"
    return build(weights, biases, activation=names[:-1], output=output, cost=_COSTS.get(output, "quadratic"))


def _module(activation: str) -> list[Any]:
    from torch import nn

    from nablanet.files.torch_exp import Exp

    if activation == "identity":
        return []
    modules: dict[str, Callable[[], Any]] = {
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(LEAKY_RELU_SLOPE),
        "elu": nn.ELU,
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softplus": lambda: nn.Softplus(threshold=_EXACT_THRESHOLD),
        "exp": Exp,
        "softmax": lambda: nn.Softmax(dim=-1),
    }
    return [modules[activation]()]


def _is_sequential(module: Any, nn: Any) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _parts(module: Any, nn: Any, before: str = "module") -> Iterator[tuple[str, Any]]:
    """The modules in order, those of a Sequential inside another too, each with its place in words."""
    _refuse_hooks(module, before)
    for i, part in enumerate(module):
        place = f"{before}[{i}]"
        if _is_sequential(part, nn):
            yield from _parts(part, nn, place)
        else:
            _refuse_hooks(part, place)
            yield place, part


def _refuse_hooks(part: Any, place: str) -> None:
    """Hooks, such as those of weight_norm, may make something else of the outputs."""
    if any(vars(part).get(name) for name in ("_forward_hooks", "_forward_pre_hooks")):
        raise ValueError(f"{place}: {type(part).__name__} has forward hooks, which a Network has not")


def _passed_over(part: Any, nn: Any) -> bool:
    if type(part) is nn.Flatten:
        return (part.start_dim, part.end_dim) == (1, -1)
    return type(part) in (nn.Identity, nn.Dropout, nn.AlphaDropout)


def _name(part: Any, place: str, nn: Any) -> str:
    """The package's name for an activation. Raises ValueError where it has none."""
    from nablanet.files.torch_exp import Exp

    plain = {
        nn.Sigmoid: "sigmoid",
        nn.Tanh: "tanh",
        nn.ReLU: "relu",
        nn.SELU: "selu",
        nn.SiLU: "silu",
        nn.Mish: "mish",
        Exp: "exp",
    }
    kind = type(part)
    if kind in plain:
        return plain[kind]
    with_numbers: dict[Any, tuple[str, Callable[[], bool]]] = {
        nn.LeakyReLU: ("leaky_relu", lambda: part.negative_slope == LEAKY_RELU_SLOPE),
        nn.ELU: ("elu", lambda: part.alpha == 1),
        nn.GELU: ("gelu", lambda: part.approximate == "none"),
        nn.Softplus: ("softplus", lambda: part.beta == 1 and part.threshold >= _USUAL_THRESHOLD),
        nn.Softmax: ("softmax", lambda: part.dim in (1, -1, None)),
    }
    if kind in with_numbers:
        name, agrees = with_numbers[kind]
        if agrees():
            return name
        raise ValueError(f"{place}: {part} is not the {name} of this package; see nablanet.ACTIVATIONS")
    raise ValueError(
        f"{place}: a Network has no {kind.__name__}; from_torch takes Linear, activations of "
        "nablanet.ACTIVATIONS, Flatten of whole rows and Dropout"
    )


def _numbers(parameter: Any, place: str) -> Array:
    name = str(parameter.dtype).removeprefix("torch.")
    if name not in ("float32", "float64"):
        raise ValueError(f"{place}: its parameters are {name}; a Network has float32 or float64")
    return np.array(parameter.detach().cpu().numpy())
