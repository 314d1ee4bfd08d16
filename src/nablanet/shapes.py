"""What users pass in becomes arrays here, and every message about a wrong shape comes from here.

Columns are samples in `x` and `y` of the chapter's methods; rows are samples in `X` and `Y`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nablanet.csr import CSR, from_scipy, is_sparse

Array = npt.NDArray[Any]
Rows = Array | CSR  # samples as rows

_CHUNK = 1 << 18  # elements looked at together by check_finite
_MOST_NEURONS = 2**31 - 1  # the engine numbers a layer's neurons in 32 bits


def describe(value: object) -> str:
    """A short word for what came, for error messages."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "dtypes") or hasattr(value, "__array__"):
        return f"a {type(value).__name__}"
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def count(value: object, name: str, minimum: int = 1) -> int:
    """An integer of at least `minimum`; a bool or a float is not one."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {describe(value)}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def positive(value: object, name: str, *, zero: bool = False) -> float:
    """A finite float above 0 (or from 0 on)."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a number, got {describe(value)}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {describe(value)}") from None
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        wanted = "0 or more" if zero else "above 0"
        raise ValueError(f"{name} must be finite and {wanted}, got {number!r}")
    return number


def check_sizes(sizes: object) -> list[int]:
    """`sizes` as a list: the numbers of neurons of the layers, input layer first."""
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes must be a list of integers such as [784, 30, 10], got {describe(sizes)}")
    checked = [count(n, f"the size of layer {i}") for i, n in enumerate(sizes, start=1)]
    for layer, n in enumerate(checked, start=1):
        if n > _MOST_NEURONS:
            raise ValueError(f"the size of layer {layer} must be at most {_MOST_NEURONS}, got {n}")
    if len(checked) < 2:
        raise ValueError(f"sizes needs an input and an output layer at least, got {checked}")
    return checked


def numeric(value: object, name: str) -> Array:
    """`value` as an array of numbers. Raises TypeError for text, objects, complex and ragged data."""
    if value is None:
        raise TypeError(f"{name} must hold numbers, got None")
    if hasattr(value, "toarray"):
        raise TypeError(f"{name} is a sparse matrix; pass {short(name)}.toarray()")
    if np.ma.is_masked(value):
        raise TypeError(f"{name} has masked values; fill them in, or leave their rows out")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged: its parts do not have one common length") from None
    if array.dtype.kind == "O":
        array = _from_objects(value, array, name)
    if array.dtype.kind not in "fiub":
        is_text_of_classes = array.dtype.kind in "US" and short(name) in ("y", "Y")
        hint = "; number the classes from 0" if is_text_of_classes else ""
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}{hint}")
    return array


def short(name: str) -> str:
    """The argument itself: X for "the X of validation", x for "x of sample 3 of mini_batch"."""
    return name.removeprefix("the ").split(" of ")[0]


def _from_objects(value: object, array: Array, name: str) -> Array:
    """An array of Python objects as integers where all of them are, else as float64."""
    try:
        if all(isinstance(cell, (int, np.integer)) for cell in array.flat):
            return array.astype(np.int64)
    except OverflowError:
        pass
    try:
        if not any(_is_no_number(cell) for cell in array.flat):
            return array.astype(np.float64)
    except OverflowError:
        raise ValueError(f"{name} must be finite as float64, got {_first_odd(value, array)}") from None
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{name} must hold numbers, got {_first_odd(value, array)}")


def _is_no_number(cell: object) -> bool:
    return cell is None or isinstance(cell, (str, bytes))


def _first_odd(value: object, array: Array) -> str:
    """What in an array of objects is no number of float64, with its column where it comes from a table."""
    for place in np.ndindex(array.shape):
        cell = array[place]
        try:
            if not _is_no_number(cell):
                float(cell)
                continue
        except (TypeError, ValueError, OverflowError):
            pass
        columns = getattr(value, "columns", None)
        if columns is not None and len(place) == 2:
            return f"{cell!r} in column {columns[place[1]]!r}"
        where = f" at {list(place)}" if place else ""
        return f"{describe(cell)}{where}"
    return describe(value)


def check_finite(array: Array, name: str, first: int = 0) -> None:
    """Refuse NaN and infinity, naming the first place, with rows numbered from `first` on.

    Reads the array once and copies little.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    wide = np.float32 if array.dtype.itemsize < 4 else None  # a sum of halves overflows soon
    rows = array.reshape(-1) if array.ndim < 2 else array
    step = max(1, _CHUNK // max(1, rows[0].size))
    for begin in range(0, len(rows), step):
        chunk = rows[begin : begin + step]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(chunk.sum(dtype=wide)):
                continue
        bad = np.argwhere(~np.isfinite(chunk))
        if len(bad):
            at = bad[0]
            value = chunk[tuple(at)]
            at[0] += begin + first
            place = [int(i) for i in at]
            raise ValueError(f"{name} must be finite, got {value} at {place}")


def check_fits(array: Rows, dtype: npt.DTypeLike, name: str, scale: float = 1.0) -> None:
    """Refuse what is not finite, in the float type that it is going to be converted to.

    Nor may it overflow when `scale`, in that type, is then multiplied with it.
    """
    if isinstance(array, CSR):
        check_fits(array.data, dtype, f"{name}.data", scale)
        return
    check_finite(array, name)
    narrows = array.dtype.kind == "f" and array.dtype.itemsize > np.dtype(dtype).itemsize
    if not narrows and scale <= 1:
        return
    step = max(1, _CHUNK // max(1, array[:1].size))
    for begin in range(0, len(array), step):
        chunk = array[begin : begin + step]
        if not chunk.size:
            continue
        with np.errstate(over="ignore"):
            extremes = np.array([chunk.max(), chunk.min()]).astype(dtype)
            scaled = extremes * extremes.dtype.type(scale)
        if not np.isfinite(extremes).all():
            cast(chunk, dtype, name, begin)  # raises, naming the place
        if not np.isfinite(scaled).all():
            raise ValueError(
                f"{name} times input_scale must be finite as {np.dtype(dtype)}, "
                f"got values from {chunk.min()} to {chunk.max()} and input_scale {scale:g}"
            )


def take(X: Rows, rows: Array, dtype: npt.DTypeLike) -> Array:
    """The rows with these numbers as a dense array of `dtype`."""
    if isinstance(X, CSR):
        return X.dense(rows, dtype)
    return X[rows].astype(dtype)


def cast(array: Array, dtype: npt.DTypeLike, name: str, first: int = 0) -> Array:
    """The array in the network's float type. Raises ValueError where a value overflows it."""
    check_finite(array, name, first)
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    if np.dtype(dtype).itemsize < array.dtype.itemsize:
        check_finite(converted, f"{name} as {np.dtype(dtype)}", first)
    return converted


def column(value: object, n: int, name: str, layer: int) -> Array:
    """One sample as a column (n, 1). Accepts a list, shape (n,) and (n, 1), and a number if n is 1."""
    array = numeric(value, name)
    if array.shape in ((n,), (n, 1)) or (array.ndim == 0 and n == 1):
        return array.reshape(n, 1)
    raise ValueError(_wanted(name, n, layer, array.shape))


def desired_output(value: object, n: int, layer: int, name: str = "y") -> Array:
    """One desired output as a column (n, 1); an integer label means its one-hot vector."""
    array = numeric(value, name)
    if array.ndim == 0 and n > 1 and array.dtype.kind in "iub":
        return one_hot(array.reshape(1), n, name).T
    if array.ndim == 0 and n > 1:
        raise ValueError(f"{_wanted(name, n, layer, ())}; a label is an integer, this is {array}")
    return column(array, n, name, layer)


def columns(value: object, n: int, name: str, layer: int) -> Array:
    """One sample, or samples as columns: (n,) and (n, 1) become (n, 1); (n, m) stays."""
    array = numeric(value, name)
    if array.ndim == 2 and array.shape[0] == n:
        if array.shape[1] == 0:
            raise ValueError(f"{name} is empty: got shape {array.shape}")
        return array
    if array.ndim == 2 and array.shape[1] == n and array.shape[0] != 1:
        raise ValueError(
            _wanted(name, n, layer, array.shape)
            + "; columns are samples here, so pass its transpose, or call predict, which takes rows"
        )
    return column(array, n, name, layer)


def rows(value: object, n: int, name: str = "X") -> Rows:
    """Samples as rows: an array or compressed sparse rows of shape (m, n), m at least 1."""
    if not is_sparse(value):
        return dense_rows(value, n, name)
    sparse = from_scipy(value, name)
    if sparse.shape[1] != n or len(sparse) == 0:
        raise ValueError(
            f"{name} must have samples as rows with {n} numbers each, one for each neuron of layer 1 "
            f"(the input layer): wanted shape (m, {n}), got {sparse.shape}"
        )
    return sparse


def dense_rows(value: object, n: int, name: str = "X") -> Array:
    """Samples as rows of an array of shape (m, n), m at least 1; refuses sparse matrices."""
    array = numeric(value, name)
    if array.ndim == 1 and array.size == n:
        raise ValueError(
            f"{name} must have samples as rows, shape (m, {n}), got shape {array.shape}; "
            f"for one sample pass {short(name)}.reshape(1, -1)"
        )
    if array.ndim != 2 or array.shape[1] != n:
        hint = ""
        if array.ndim == 2 and array.shape[0] == n:
            hint = "; rows are samples here, so pass its transpose"
        elif array.ndim > 2 and math.prod(array.shape[1:]) == n:
            hint = f"; pass {short(name)}.reshape(len({short(name)}), -1)"
        raise ValueError(
            f"{name} must have samples as rows with {n} numbers each, one for each neuron of layer 1 "
            f"(the input layer): wanted shape (m, {n}), got {array.shape}{hint}"
        )
    if len(array) == 0:
        raise ValueError(f"{name} is empty: got shape {array.shape}")
    return array


def targets(value: object, m: int, n: int, layer: int, name: str = "Y") -> tuple[Array, bool]:
    """Desired outputs for m samples: ((m, n) rows, False), or ((m,) int32 labels, True).

    Labels are integers from 0 to n - 1, for an output layer of n >= 2 neurons; with one output
    neuron, m numbers are m desired outputs.
    """
    array = numeric(value, name)
    if array.ndim == 0 or len(array) != m:
        raise ValueError(f"{name} must have one row for each of the {m} rows of X, got shape {array.shape}")
    if array.shape == (m, n):
        return array, False
    if array.shape == (m,) and n == 1:
        return array.reshape(m, 1), False
    if array.shape in ((m,), (m, 1)) and n > 1:
        return labels(array.reshape(m), n, name), True
    raise ValueError(
        f"{name} must have {n} numbers a row, one for each neuron of layer {layer} (the output layer), "
        f"or be integer labels: wanted shape ({m}, {n}) or ({m},), got {array.shape}"
    )


def labels(array: Array, n: int, name: str = "Y") -> Array:
    """Integer labels from 0 to n - 1 as int32, shape (m,)."""
    if array.dtype.kind not in "iub":
        raise ValueError(
            f"{name} has one number a sample, so it must hold integer labels from 0 to {n - 1}, "
            f"got dtype {array.dtype}; for {n} outputs a sample pass rows of {n} numbers"
        )
    low, high = array.min(), array.max()
    if low < 0 or high >= n:
        outside = low if low < 0 else high
        raise ValueError(
            f"{name} has the label {outside}, but the output layer has {n} neurons: "
            f"labels go from 0 to {n - 1}"
        )
    return array.astype(np.int32)


def one_hot(array: Array, n: int, name: str = "Y") -> Array:
    """Rows (m, n) with a 1 at each label."""
    checked = labels(array, n, name)
    encoded = np.zeros((len(checked), n))
    encoded[np.arange(len(checked)), checked] = 1
    return encoded


def pairs(data: object, n_in: int, n_out: int, layer: int, name: str) -> tuple[Array, Array]:
    """Training data as rows: X of shape (m, n_in), Y of shape (m, n_out).

    Accepts an iterable of pairs (x, y) with each x and y as in `column` and `desired_output`, or a
    tuple of two whole arrays (X, Y) with samples as rows.
    """
    if _is_whole(data):
        X = dense_rows(data[0], n_in, f"the X of {name}")  # type: ignore[index]
        Y, is_labels = targets(data[1], len(X), n_out, layer, f"the Y of {name}")  # type: ignore[index]
        return X, one_hot(Y, n_out) if is_labels else Y
    samples = pair_list(data, name)
    xs = [x for x, _ in samples]
    ys = [y for _, y in samples]
    X_fast = _stack(xs, n_in)
    X = (
        X_fast
        if X_fast is not None
        else np.hstack([column(x, n_in, f"x of sample {i} of {name}", 1) for i, x in enumerate(xs)]).T
    )
    Y_fast = _stack(ys, n_out)
    if Y_fast is None and n_out > 1 and all(isinstance(y, (int, np.integer)) for y in ys):
        Y_fast = one_hot(numeric(ys, f"the y of {name}"), n_out, f"the y of {name}")
    if Y_fast is not None:
        return X, Y_fast
    named = (desired_output(y, n_out, layer, f"y of sample {i} of {name}") for i, y in enumerate(ys))
    return X, np.hstack(list(named)).T


def pair_list(data: object, name: str) -> list[tuple[Any, Any]]:
    """The pairs (x, y) of `data` as a list; refuses what is not made of pairs, and no pairs at all."""
    wanted = f"{name} must be a list of pairs (x, y), one for each example"
    if isinstance(data, (str, bytes)) or not isinstance(data, Iterable):
        raise TypeError(f"{wanted}, got {describe(data)}")
    samples = list(data)
    if not samples:
        raise ValueError(f"{name} is empty: {wanted}")
    if is_sparse(samples[0]):
        raise TypeError(f"the X of {name} is a sparse matrix, which `fit` takes; pass X.toarray()")
    for i, sample in enumerate(samples):
        if not isinstance(sample, (tuple, list, np.ndarray)) or len(sample) != 2:
            hint = "; whole arrays are passed as a tuple (X, Y) of NumPy arrays" if len(samples) == 2 else ""
            raise TypeError(f"{wanted}; sample {i} is {describe(sample)}{hint}")
    return samples


def reusable(data: Any) -> Any:
    """An iterator's pairs as a list, so that they can be looked at again; other data as it is."""
    return list(data) if isinstance(data, Iterator) else data


def _is_whole(data: object) -> bool:
    """Whether data is (X, Y), two arrays or tables, rather than pairs.

    A tuple of arrays always is; a list of two arrays is, unless they could be two pairs.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        return False
    if not all(hasattr(part, "__array__") for part in data):
        return False
    return isinstance(data, tuple) or any(np.ndim(part) == 0 or len(part) != 2 for part in data)


def _stack(values: Sequence[Any], n: int) -> Array | None:
    """All samples at once where they have one form; None sends the caller sample by sample."""
    first = np.shape(values[0]) if not isinstance(values[0], (str, bytes)) else None
    if first not in ((n,), (n, 1)):
        return None
    if any(isinstance(value, np.ma.MaskedArray) for value in values):
        return None  # np.array forgets the mask
    try:
        array = np.array(values)
    except (ValueError, TypeError):
        return None
    if array.dtype.kind not in "fiub" or array.shape not in ((len(values), n), (len(values), n, 1)):
        return None
    return array.reshape(len(values), n)


def require_shape(array: object, wanted: tuple[int, ...], who: str) -> Array:
    """What a user's own function returned, as an array of the shape it must have."""
    returned = numeric(array, f"what {who} returns")
    if returned.shape != wanted:
        raise ValueError(f"{who} must return shape {wanted}, got {returned.shape}")
    return returned


def _wanted(name: str, n: int, layer: int, shape: tuple[int, ...]) -> str:
    which = "the input layer" if layer == 1 else "the output layer"
    return (
        f"{name} must have {n} number{'s' if n > 1 else ''}, one for each neuron of layer {layer} "
        f"({which}): wanted shape ({n},) or ({n}, 1), got {shape}"
    )
