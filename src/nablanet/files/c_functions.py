"""The activations in C99, each as stable as in `nablanet.activations`.

NAME stands for the name of the model, REAL for float or double, M_f for the function f of <math.h> in that
type, {{...}} for a number.
"""

from __future__ import annotations

from nablanet.activations import LEAKY_RELU_SLOPE, SELU_ALPHA, SELU_SCALE


def _function(name: str, body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"static REAL NAME_{name}(REAL z)\n{{\n{lines}\n}}"


# tanh and exp are those of <math.h>; identity is nothing
FUNCTIONS = {
    name: _function(name, body)
    for name, body in {
        "sigmoid": "REAL e = M_exp(-M_fabs(z));\nreturn (z >= {{0}} ? {{1}} : e) / ({{1}} + e);",
        "relu": "return z > {{0}} ? z : {{0}};",
        "leaky_relu": f"return z > {{{{0}}}} ? z : {{{{{LEAKY_RELU_SLOPE!r}}}}} * z;",
        "elu": "return z > {{0}} ? z : M_expm1(z);",
        "selu": (
            f"return {{{{{SELU_SCALE!r}}}}} * (z > {{{{0}}}} ? z : {{{{{SELU_ALPHA!r}}}}} * M_expm1(z));"
        ),
        "gelu": "return {{0.5}} * z * M_erfc(z * -{{0.7071067811865476}});",
        "softplus": "return (z > {{0}} ? z : {{0}}) + M_log1p(M_exp(-M_fabs(z)));",
        "silu": "return z * NAME_sigmoid(z);",
        "mish": "return z * M_tanh(NAME_softplus(z));",
    }.items()
}
NEEDS = {"silu": ("sigmoid",), "mish": ("softplus",)}
SOFTMAX = """\
static void NAME_softmax(REAL *z, size_t n)
{
    size_t j;
    REAL highest = z[0], sum = {{0}};

    for (j = 1; j < n; j++)
        if (z[j] > highest)
            highest = z[j];
    for (j = 0; j < n; j++) {
        z[j] = M_exp(z[j] - highest);
        sum += z[j];
    }
    for (j = 0; j < n; j++)
        z[j] /= sum;
}"""
