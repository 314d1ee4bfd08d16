"""Model files and checkpoints that someone means ill with: parts of whole ones, changed and sealed again.

`choose(n)` stands for the source of chance: a number from 0 to n - 1, of a fuzzer or of `random`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_with_library

import nablanet
from nablanet.files import Model, ModelFileError, checkpoint, read_model, save_model, snapshots
from nablanet.files.container import DTYPES, KINDS, Wanted, read, write
from nablanet.files.strict_json import parse_object
from nablanet.files.tree import tensors_of
from nablanet.shapes import Array

Choose = Callable[[int], int]
# name, type, shape, bytes
Stored = tuple[str, str, list[int], bytes]

SEED = Path(__file__).parent / "data" / "format-2.nabla"
CODES = {"F32": "f4", "F64": "f8", "I64": "i8"}
NUMBERS = """
0 1 2 -1 -0 1.0 0.5 1e308 1e999 5e-324 NaN -Infinity true null tru
1000000 2147483647 4611686018427387904 18446744073709551616
"""
OTHERS = r"""
"" "a" "../x" "/etc/passwd" "\u0000" "\ud800" "\ud83d\ude00" "softmax" "huber" "poisson" 'a'
"float32" "float64" "int64" "F16" "BF16" "I64" "BOOL"
[] {} [[]] {"a":1,"a":2} [1,2] [0] [0,9223372036854775807,3]
"""
RAW = [*NUMBERS.split(), *("9" * n for n in (308, 309, 310, 5000)), *OTHERS.split(), ""]


class Object(list[list[Any]]):
    """The pairs of a JSON object, so that a name may occur twice."""


class Raw(str):
    """Text that stands in the JSON as it is."""


def sealed(text: str, tensors: list[Stored], kind: str = "nablanet") -> bytes:
    """A file with a checksum that fits; the tensors lie one after the other."""
    checksum = hashlib.sha256(text.encode(errors="replace") + b"".join(t[3] for t in tensors)).hexdigest()
    header: dict[str, Any] = {"__metadata__": {kind: text, "sha256": checksum}}
    end = 0
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(content)]}
        end += len(content)
    return framed(json.dumps(header).encode(), b"".join(t[3] for t in tensors))


def framed(header: bytes, data: bytes) -> bytes:
    """The bytes of a file with this header."""
    return len(header).to_bytes(8, "little") + header + data


def taken_apart(raw: bytes, kind: str = "nablanet") -> tuple[str, list[Stored]]:
    """The description of a whole file, and its tensors in the order of the checksum."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    text = header.pop("__metadata__")[kind]
    tensors = []
    for name in sorted(header, key=lambda name: ("state" in name, name[1:], name[0] == "b")):
        begin, stop = header[name]["data_offsets"]
        content = raw[end + begin : end + stop]
        tensors.append((name, header[name]["dtype"], header[name]["shape"], content))
    content = json.loads(text)
    wanted = [f"state.{name}" for name in content.get("state", {})]
    wanted += [name for name, _ in tensors_of(content.get("run"))]
    order = {name: place for place, name in enumerate(wanted)}
    return text, sorted(tensors, key=lambda tensor: order.get(tensor[0], -1))


def edited(choose: Choose, text: str) -> str:
    """A JSON text with up to three edits anywhere in its tree."""
    tree = json.loads(text, object_pairs_hook=lambda pairs: Object([list(pair) for pair in pairs]))
    for _ in range(1 + choose(2) * choose(3)):
        if tree:
            _edit(choose, *_place(choose, tree))
    return _emit(tree)


def _place(choose: Choose, node: list[Any]) -> tuple[list[Any], int]:
    """Something in a tree that may be replaced, as a list and a place in it; short ways are likelier."""
    while True:
        place = choose(len(node))
        holder, key = (node[place], 1) if isinstance(node, Object) else (node, place)
        child = holder[key]
        if not isinstance(child, list) or not child or choose(3) == 0:
            return holder, key
        node = child


def _edit(choose: Choose, holder: list[Any], key: int) -> None:
    old = holder[key]
    kind = choose(8)
    if kind <= 2:
        like = len(NUMBERS.split()) if isinstance(old, int) and choose(4) else len(RAW)
        holder[key] = Raw(RAW[choose(like)])
    elif kind == 3:
        holder[key] = Raw("[" * (depth := 1 + choose(5000)) + "]" * depth)
    elif kind == 4 and isinstance(old, list) and old:
        del old[choose(len(old))]
    elif kind == 5 and isinstance(old, list) and old:
        old.append(old[choose(len(old))])
    elif kind == 6 and isinstance(old, list) and old:
        many = old[choose(len(old))]
        old.extend([many] * min(choose(3000), 100_000 // (1 + len(_emit(many)))))
    elif isinstance(old, Object) and old:
        old[choose(len(old))][0] = Raw(RAW[choose(len(RAW))])
    elif isinstance(old, int):
        holder[key] = old + choose(5) - 2
    elif isinstance(old, str):
        holder[key] = old[: choose(len(old) + 1)] * (1 + choose(3))


def _emit(node: Any) -> str:
    if isinstance(node, Raw):
        return str(node)
    if isinstance(node, Object):
        return "{" + ", ".join(f"{_emit(name)}: {_emit(value)}" for name, value in node) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(_emit(value) for value in node) + "]"
    return repr(node) if type(node) in (int, float) else json.dumps(node)


def following(choose: Choose, text: str) -> list[Stored] | None:
    """Tensors as a description wants them, with chance's numbers in them; None where it has no such."""
    from nablanet.files.description import parse_description
    from nablanet.files.model import wanted_tensors

    try:
        try:
            wanted = wanted_tensors(parse_description(text))
        except ModelFileError:
            wanted = snapshots.wanted_tensors(text)
    except ModelFileError:
        return None
    tensors: list[Stored] = []
    for name, (dtype, shape) in wanted.items():
        code = DTYPES[dtype]
        size = int(np.prod(shape, dtype=object)) * int(code[1:]) // 8
        if size > 100_000:
            return None
        pattern = (b"\0", b"\x3f\xf0\0\0\0\0\0\0", b"\x01", b"\xff", b"\x7f\xef")[choose(20) % 5]
        tensors.append((name, code, list(shape), (pattern * size)[:size]))
    return tensors


def mutated(choose: Choose, raw: bytes, kind: str = "nablanet") -> bytes:
    """A whole file, changed in one of several ways."""
    text, tensors = taken_apart(raw, kind)
    way = choose(8)
    if way == 0:  # bytes
        bent = bytearray(raw)
        for _ in range(1 + choose(4)):
            start, length = choose(len(bent) + 1), choose(9)
            bent[start : start + length * choose(2)] = bytes(choose(256) for _ in range(choose(9)))
        return bytes(bent)
    if way == 1:  # the header
        end = 8 + int.from_bytes(raw[:8], "little")
        return framed(edited(choose, raw[8:end].decode()).encode(errors="replace"), raw[end:])
    if way == 2:  # what the header says of the tensors
        place = choose(len(tensors))
        _, _, shape, content = tensors[place]
        tensors[place] = (
            ("w2", "../x", "/etc/passwd", "w\0", "", "state.m.w2", "__metadata__")[choose(7)],
            ("F16", "BF16", "F32", "F64", "I64", "BOOL", "U8", "F8_E4M3", "")[choose(9)],
            shape,
            content[: choose(len(content) + 1)],
        )
        return sealed(text, tensors, kind)
    text = edited(choose, text)
    if way >= 4 and (made := following(choose, text)) is not None:
        tensors = made
    return sealed(text, tensors, kind)


def checkpoint_seed() -> bytes:
    """A whole file of a checkpoint's kind, with the tensors of `SEED`."""
    text, tensors = taken_apart(SEED.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"
        arrays = {n: np.frombuffer(content, CODES[d]).reshape(s) for n, d, s, content in tensors}
        write(path, "nablanet.checkpoint", text, arrays)
        return path.read_bytes()


def read_checkpoint(path: Path) -> dict[str, Array]:
    """The tensors of a file of a checkpoint's kind, whose description is that of `SEED`."""
    _, tensors = taken_apart(SEED.read_bytes())
    wanted = {name: (str(np.dtype(CODES[code])), tuple(shape)) for name, code, shape, _ in tensors}

    def expected(text: str) -> Wanted:
        try:
            parse_object(text)
        except ValueError as error:
            raise ModelFileError(str(error)) from None
        return wanted

    return read(path, "nablanet.checkpoint", expected)[1]


def training_seed() -> bytes:
    """A checkpoint of a training with all that one may hold."""
    rows = np.arange(30.0).reshape(10, 3) / 30
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"
        nablanet.Network([3, 4, 2], activation="tanh", output="identity", seed=0).fit(
            rows,
            rows[:, :2],
            epochs=2,
            batch_size=5,
            optimizer="adam",
            dropout=0.5,
            validation=(rows, rows[:, :2]),
            metrics={"largest": lambda Y, a: float(a.max())},
            early_stopping=nablanet.EarlyStopping(patience=1, min_delta=1e9),
            diagnose=True,
            progress=False,
            checkpoint=checkpoint.CheckpointFile(str(path), {"note": ["mine", 1]}),
        )
        read_training(path)  # imports what reading needs, which is no file's fault
        return path.read_bytes()


def read_training(path: Path) -> dict[str, Array]:
    """The tensors of a checkpoint, once all of it has been read as `read_checkpoint` and `fit` do."""
    checkpoint.read_snapshot(path)
    with contextlib.suppress(_OwnPythonError):
        _read_alone(path)
    return read(path, "nablanet.checkpoint", snapshots.wanted_tensors)[1]


class _OwnPythonError(Exception):
    """A checkpoint says that its network has Python functions."""


def _read_alone(path: Path) -> None:
    try:
        checkpoint.read_checkpoint(path)
    except ModelFileError:
        raise
    except ValueError as error:
        if "Python functions of its own" not in str(error):
            raise
        raise _OwnPythonError from None


def put(raw: bytes, path: Path) -> None:
    """Write a file anew, which is much quicker than to overwrite it on some systems."""
    path.unlink(missing_ok=True)
    path.write_bytes(raw)


def check(
    raw: bytes, folder: Path, kind: str = "nablanet", load: Callable[[Path], Any] | None = None
) -> ModelFileError | None:
    """Load a file of these bytes: the one error that is allowed, or None where all is well.

    load: what reads it; without, `read_model`, or `read_checkpoint` for a checkpoint.

    AssertionError where more memory is used than the file's size accounts for, or where a file that is
    accepted is another to the library of safetensors or to `save_model`.
    """
    path, again = folder / "file", folder / "again"
    put(raw, path)
    load = load or (read_model if kind == "nablanet" else read_checkpoint)
    loaded: Any = None
    refused = None
    tracemalloc.start()
    try:
        loaded = load(path)
    except ModelFileError as error:
        refused = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= 150_000 + 64 * len(raw), f"{peak} bytes for a file of {len(raw)}"
    if refused is not None:
        words = str(refused)
        assert str(path) in words
        assert len(words) < 1000
        words.encode()  # they can be shown
        return refused
    theirs = load_with_library(raw)
    if not isinstance(loaded, Model):
        ours = loaded
    else:
        save_model(loaded, again)
        network, other = loaded.network, read_model(again).network
        X = np.ones((2, network.sizes[0]))
        assert network.predict(X).tobytes() == other.predict(X).tobytes()
        ours = {f"state.{name}": value for name, value in loaded.state.items()}
        for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True), start=2):
            ours |= {f"w{layer}": w, f"b{layer}": b}
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert (ours[name].dtype, ours[name].shape) == (value.dtype, value.shape)
        assert ours[name].tobytes() == value.tobytes()
    return None


def seeds() -> dict[str, bytes]:
    """A whole file of each kind."""
    read_model(SEED)  # imports what loading needs, which is no file's fault
    made = {"nablanet": SEED.read_bytes(), "nablanet.checkpoint": checkpoint_seed()}
    assert made.keys() == KINDS.keys()
    return made
