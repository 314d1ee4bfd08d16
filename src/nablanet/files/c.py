"""Models as one C99 file that needs nothing but the mathematics of its library, and never allocates."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from nablanet.files.atomic import write_atomically
from nablanet.files.c_functions import FUNCTIONS, NEEDS, SOFTMAX
from nablanet.files.plan import Plan, Step
from nablanet.files.planning import plan_of
from nablanet.shapes import Array, describe
from nablanet.version import __version__

BEGINNING = "/* A neural network"
_WIDTH = 100
_STEPS = {
    "subtract": "{x} - {v}",
    "divide": "{x} / {v}",
    "multiply": "{x} * {v}",
    "add": "{x} + {v}",
    "at_least": "{x} < {v} ? {v} : {x}",
    "at_most": "{x} > {v} ? {v} : {x}",
    "if_missing": "isnan({x}) ? {v} : {x}",
}


def to_c(model: object, path: str | os.PathLike[str], *, name: str | None = None) -> None:
    """Write a model as a C file with `void NAME_predict(const float *x, float *y)`.

    double instead of float for a network of float64. model: as for `to_onnx`. name: begins the names of
    everything that the file defines; by default made of the file's. The sizes, the memory needed, and what x
    and y are stand at the top of the file. Raises ValueError or TypeError for what cannot be exported and
    for a name that C does not know as one, and OSError.
    """
    name = c_name(Path(path).stem) if name is None else _checked(name)
    write_atomically(Path(path), c_source(plan_of(model), name).encode("ascii"))


def c_name(text: str) -> str:
    """A name in C that is made of any text."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return name if re.match("[A-Za-z]", name) else f"net_{name}"


def c_source(plan: Plan, name: str) -> str:
    """The whole file."""
    return "\n".join(_Source(plan, name).lines())


class _Source:
    def __init__(self, plan: Plan, name: str):
        self.plan, self.name, self.capitals = plan, name, name.upper()
        self.real = "float" if plan.dtype == np.float32 else "double"
        # the rows of layers 1..L-1 alternate between two pieces of memory; layer 1 is x itself if not scaled
        kept = plan.sizes[:-1] if plan.inputs else [0, *plan.sizes[1:-1]]
        self.scratch = [max(kept[0::2], default=0), max(kept[1::2], default=0)]

    def lines(self) -> Iterator[str]:
        yield from self._head()
        yield ""
        yield "#include <math.h>"
        yield "#include <stddef.h>"
        yield ""
        yield f"#define {self.capitals}_INPUTS {self.plan.sizes[0]}"
        yield f"#define {self.capitals}_OUTPUTS {self.plan.n_outputs}"
        yield ""
        yield f"void {self.name}_predict(const {self.real} *x, {self.real} *y);"
        yield from self._class_names()
        yield from self._constants()
        yield from self._scratch_memory()
        yield from self._functions()
        yield from self._predict()
        yield ""

    def _head(self) -> Iterator[str]:
        plan, size = self.plan, self.plan.dtype.itemsize
        constants = sum(array.size for _, array in self._arrays()) * size
        yield f"{BEGINNING}, {describe_sizes(plan)}, written by nablanet {__version__}."
        yield " *"
        yield f" *   void {self.name}_predict(const {self.real} *x, {self.real} *y);"
        yield " *"
        yield f" * x: {plan.sizes[0]} numbers{', which are scaled in here' if plan.inputs else ''}."
        yield f" * y: {_meaning(plan)}"
        yield " * x and y must not overlap."
        yield " *"
        memory = sum(self.scratch) * size
        yield f" * Constants (flash): {constants:,} bytes. Static memory (RAM): {memory:,} bytes."
        yield " * C99; needs the functions of <math.h>, and allocates nothing. Because of its static memory"
        yield f" * a call of {self.name}_predict must have ended before the next begins."
        for place, text in enumerate(plan.input_names or []):
            yield f" * x[{place}]: {c_text(text)}"
        yield " */"

    def _class_names(self) -> Iterator[str]:
        if self.plan.classes is None:
            return
        n = self.plan.n_outputs
        yield f"extern const char *const {self.name}_classes[{n}];"
        yield ""
        yield f"const char *const {self.name}_classes[{n}] = {{"
        yield from (f"    {c_text(str(label))}," for label in self.plan.classes.tolist())
        yield "};"

    def _arrays(self) -> Iterator[tuple[str, Array]]:
        plan = self.plan
        for side, steps in (("inputs", plan.inputs), ("outputs", plan.outputs)):
            for place, step in enumerate(steps, start=1):
                if step.values.ndim:
                    yield f"{self.name}_{side}_{place}", self._cast(step)
        for layer, (w, b) in enumerate(zip(plan.weights, plan.biases, strict=True), start=2):
            yield f"{self.name}_w{layer}", w.reshape(-1)
            yield f"{self.name}_b{layer}", b

    def _cast(self, step: Step) -> Array:
        """The numbers of a step in the type of the file, which must hold them."""
        with np.errstate(over="ignore", under="ignore"):
            values: Array = step.values.astype(self.plan.dtype)
        if not np.isfinite(values).all() or (step.operation == "divide" and not values.all()):
            raise ValueError(f"the scaling of the model has numbers that {self.plan.dtype} does not hold")
        return values

    def _constants(self) -> Iterator[str]:
        for label, array in self._arrays():
            yield ""
            yield f"static const {self.real} {label}[{array.size}] = {{"
            yield from _wrapped(f"{c_number(value)}," for value in array)
            yield "};"

    def _scratch_memory(self) -> Iterator[str]:
        yield ""
        for letter, n in zip("ab", self.scratch, strict=True):
            if n:
                yield f"static {self.real} {self.name}_{letter}[{n}];"

    def _functions(self) -> Iterator[str]:
        for wanted in self._needed():
            yield ""
            yield self._in_c(SOFTMAX if wanted == "softmax" else FUNCTIONS[wanted])
        yield ""
        yield self._in_c(_DENSE)

    def _needed(self) -> list[str]:
        """The functions to define, each after those that it calls."""
        needed: list[str] = []
        for name in self.plan.activations:
            for part in (*NEEDS.get(name, ()), name):
                if part not in needed and (part in FUNCTIONS or part == "softmax"):
                    needed.append(part)
        return needed

    def _predict(self) -> Iterator[str]:
        plan, last = self.plan, len(self.plan.weights)
        yield ""
        yield f"void {self.name}_predict(const {self.real} *x, {self.real} *y)"
        yield "{"
        if self._loops():
            yield "    size_t i;"
            yield ""
        here = "x"
        if plan.inputs:
            here = f"{self.name}_a"
            yield from self._each(plan.inputs, "inputs", "x", here, plan.sizes[0])
        for place in range(1, last + 1):
            n_in, n_out = plan.sizes[place - 1 : place + 1]
            there = "y" if place == last else f"{self.name}_{'ab'[place % 2]}"
            w, b = (f"{self.name}_{kind}{place + 1}" for kind in "wb")
            yield f"    {self.name}_dense({w}, {b}, {here}, {n_in}, {there}, {n_out});"
            yield from self._activation(plan.activations[place - 1], there, n_out)
            here = there
        if plan.outputs:
            yield from self._each(plan.outputs, "outputs", "y", "y", plan.sizes[-1])
        if plan.two_columns:
            yield "    y[1] = y[0];"
            yield f"    y[0] = {c_number(plan.dtype.type(1))} - y[1];"
        yield "}"

    def _loops(self) -> bool:
        plain = {"identity", "softmax"}
        return bool(self.plan.inputs or self.plan.outputs or set(self.plan.activations) - plain)

    def _activation(self, activation: str, row: str, n: int) -> Iterator[str]:
        if activation == "softmax":
            yield f"    {self.name}_softmax({row}, {n});"
        elif activation != "identity":
            function = (
                f"{self.name}_{activation}" if activation in FUNCTIONS else self._in_c(f"M_{activation}")
            )
            yield f"    for (i = 0; i < {n}; i++)"
            yield f"        {row}[i] = {function}({row}[i]);"

    def _each(self, steps: list[Step], side: str, before: str, after: str, n: int) -> Iterator[str]:
        yield f"    for (i = 0; i < {n}; i++) {{"
        yield f"        {self.real} v = {before}[i];"
        for place, step in enumerate(steps, start=1):
            value = f"{self.name}_{side}_{place}[i]"
            if not step.values.ndim:
                value = c_number(self.plan.dtype.type(self._cast(step)))
            yield f"        v = {_STEPS[step.operation].format(x='v', v=value)};"
        yield f"        {after}[i] = v;"
        yield "    }"

    def _in_c(self, text: str) -> str:
        """NAME, REAL, functions M_... of <math.h> and numbers {{...}} as they are written for this model."""

        def written(found: re.Match[str]) -> str:
            function, number = found.groups()
            if function:
                return function + ("f" if self.real == "float" else "")
            if number:
                return c_number(self.plan.dtype.type(number))
            return self.name if found[0] == "NAME" else self.real

        return re.sub(r"NAME|REAL|\bM_(\w+)|\{\{([^}]+)\}\}", written, text)


_DENSE = """\
/* z = w x + b */
static void NAME_dense(const REAL *w, const REAL *b, const REAL *x, size_t n_in, REAL *z, size_t n_out)
{
    size_t j, k;

    for (j = 0; j < n_out; j++) {
        REAL sum = b[j];
        for (k = 0; k < n_in; k++)
            sum += *w++ * x[k];
        z[j] = sum;
    }
}"""


def c_number(value: np.floating) -> str:
    """The shortest decimal that a compiler reads as this very number."""
    return f"{value!s}{'f' if value.dtype == np.float32 else ''}"


def c_text(text: str) -> str:
    """A text as a string of C, of ASCII alone, that is safe in a comment too."""
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?*' else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(plain)}"'


def describe_sizes(plan: Plan) -> str:
    """[4, 3, 2] with relu, softmax."""
    return f"{plan.sizes} with {', '.join(plan.activations)}"


def _meaning(plan: Plan) -> str:
    n = f"{plan.n_outputs} number{'' if plan.n_outputs == 1 else 's'}"
    match plan.meaning:
        case "classes":
            return f"{n}, of which the highest tells the class."
        case "labels":
            return f"{n}, one for each label, which holds where it is above 1/2."
        case "numbers":
            return f"{n}, in the unit of the target."
    return f"{n}, the outputs of the network."


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    line = "   "
    for word in words:
        if len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = "   "
        line = f"{line} {word}"
    yield line


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, got {describe(name)}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be letters, digits and _ of ASCII, a letter first, got {name!r}")
    return name
