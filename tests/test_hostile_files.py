"""Files that someone means ill with: a named error each time, and no more memory than their size explains.

Truncation of model files, and a description that contradicts itself or the tensors, are in `test_files`.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from file_mutations import (
    SEED,
    Stored,
    check,
    framed,
    mutated,
    put,
    read_checkpoint,
    read_training,
    sealed,
    seeds,
    taken_apart,
    training_seed,
)
from nablanet.files import ModelFileError, is_model_file, read_model
from nablanet.files.strict_json import parse_object

KINDS = ("nablanet", "nablanet.checkpoint")
WHOLE = seeds()


def refused(raw: bytes, folder: Path, kind: str = "nablanet") -> str:
    """The message for a file of these bytes, which must be refused within the bounds of `check`."""
    started = time.perf_counter()
    error = check(raw, folder, kind)
    assert error is not None
    assert time.perf_counter() - started < 10
    return str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_files_are_read(kind: str, tmp_path: Path) -> None:
    assert check(WHOLE[kind], tmp_path, kind) is None


def test_a_file_of_one_kind_is_not_the_other(tmp_path: Path) -> None:
    assert refused(WHOLE["nablanet"], tmp_path, "nablanet.checkpoint").endswith("it is a nablanet model file")
    assert refused(WHOLE["nablanet.checkpoint"], tmp_path).endswith("it is a nablanet checkpoint")


@pytest.mark.parametrize(("kind", "n"), [("nablanet", 10_000), ("nablanet.checkpoint", 3000)])
def test_no_flipped_bit_goes_unnoticed(kind: str, n: int, tmp_path: Path) -> None:
    whole, path = WHOLE[kind], tmp_path / "flipped"
    load: Callable[[Path], object] = read_model if kind == "nablanet" else read_checkpoint
    for place in random.Random(0).sample(range(8 * len(whole)), n):
        raw = bytearray(whole)
        raw[place // 8] ^= 1 << place % 8
        put(bytes(raw), path)
        with pytest.raises(ModelFileError, match="flipped"):
            load(path)


def test_a_checkpoint_cut_off_at_any_byte_is_refused(tmp_path: Path) -> None:
    raw, path = WHOLE["nablanet.checkpoint"], tmp_path / "cut"
    for length in range(len(raw)):
        put(raw[:length], path)
        with pytest.raises(ModelFileError, match="cut"):
            read_checkpoint(path)
    assert "damaged or truncated" in refused(raw + b"\0", tmp_path, "nablanet.checkpoint")


@pytest.mark.parametrize("kind", KINDS)
def test_changed_files_do_no_harm(kind: str, tmp_path: Path) -> None:
    """What `make fuzz` does for longer, and with an eye on the branches taken."""
    rng = random.Random(7)
    answers = [check(mutated(rng.randrange, WHOLE[kind], kind), tmp_path, kind) for _ in range(600)]
    assert 0 < answers.count(None) < 300


def test_changed_checkpoints_of_a_training_do_no_harm(tmp_path: Path) -> None:
    whole, kind = training_seed(), "nablanet.checkpoint"
    assert check(whole, tmp_path, kind, read_training) is None
    rng = random.Random(5)
    answers = [check(mutated(rng.randrange, whole, kind), tmp_path, kind, read_training) for _ in range(1500)]
    assert 0 < answers.count(None) < 300


TEXT, TENSORS = taken_apart(SEED.read_bytes())
DATA = b"".join(content for *_, content in TENSORS)


def header_of(change: Callable[[dict[str, Any]], object], kind: str) -> bytes:
    """The file with a header changed as `change` does it, its data as it was."""
    whole = WHOLE[kind]
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    change(header)
    return framed(json.dumps(header).encode(), whole[end:])


def replaced(name: str, **parts: Any) -> Callable[[dict[str, Any]], object]:
    return lambda header: header[name].update(parts)


HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "shape overflows 64 bits to what is there": replaced("w2", shape=[2**62 + 3, 4]),
    "shape of 64 bits": replaced("w2", shape=[2**64 - 1, 2**64 - 1]),
    "shape beyond 64 bits": replaced("w2", shape=[10**300, 4]),
    "negative shape": replaced("w2", shape=[-4, -3]),
    "boolean shape": replaced("b2", shape=[4, True]),
    "shape of floats": replaced("w2", shape=[4.0, 3]),
    "shape of texts": replaced("w2", shape=["4", "3"]),
    "shape of lists": replaced("w2", shape=[[4, 3]]),
    "no shape": replaced("w2", shape=None),
    "too many dimensions": replaced("w2", shape=[4, 3] + [1] * 100_000),
    "transposed": replaced("w2", shape=[3, 4]),
    "offsets beyond the file": replaced("w2", data_offsets=[0, 10**12]),
    "offsets of 64 bits": replaced("w2", data_offsets=[2**64 - 48, 2**64]),
    "negative offsets": replaced("w2", data_offsets=[-48, 0]),
    "offsets the wrong way round": replaced("w2", data_offsets=[48, 0]),
    "one offset": replaced("w2", data_offsets=[0]),
    "three offsets": replaced("w2", data_offsets=[0, 24, 48]),
    "offsets of floats": replaced("w2", data_offsets=[0.0, 48.0]),
    "overlapping": lambda h: h["w2"].update(data_offsets=h["w3"]["data_offsets"]),
    "all in the same place": lambda h: [
        t.update(data_offsets=[0, 48]) for n, t in h.items() if n != "__metadata__"
    ],
    "something beside": replaced("w2", executable="x"),
    "something missing": lambda h: h["w2"].pop("dtype"),
    "no object": lambda h: h.update(w2=[]),
    "tensor missing": lambda h: h.pop("w2"),
    "metadata no object": lambda h: h.update(__metadata__=[]),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata of numbers": lambda h: h["__metadata__"].update(sha256=1),
    "more metadata": lambda h: h["__metadata__"].update(more="1"),
    "no checksum": lambda h: h["__metadata__"].pop("sha256"),
    "another checksum": lambda h: h["__metadata__"].update(sha256="0" * 64),
    "deep": lambda h: h.update(w2=json.loads("[" * 100 + "]" * 100)),
    **{
        f"type {code}": replaced("w2", dtype=code)
        for code in ("F16", "BF16", "I64", "BOOL", "F64", "F8_E4M3", 1)
    },
    **{
        f"name {name!r}": lambda h, name=name: h.update({name: h.pop("w2")})  # type: ignore[misc]
        for name in ("../x", "/etc/passwd", "w2\0", "", "..\\x", "C:\\x", "w\ud800", "\x1b[2J", "w2" * 50_000)
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", HEADERS)
def test_a_lying_header_is_refused(what: str, kind: str, tmp_path: Path) -> None:
    refused(header_of(HEADERS[what], kind), tmp_path, kind)


def gap(header: dict[str, Any]) -> None:
    header["w3"]["data_offsets"] = [place + 8 for place in header["w3"]["data_offsets"]]


BYTES: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": bytes(7),
    "no header": bytes(8),
    "a header of no bytes and data": bytes(8) + DATA,
    "a header of one byte": framed(b"{", DATA),
    "an empty header": framed(b"{}", b""),
    "a header longer than the file": (10**7).to_bytes(8, "little") + b"{}",
    "a header of 2^63": (2**63).to_bytes(8, "little") + b"{}",
    "a header of 2^64 - 1": b"\xff" * 8 + b"{}",
    "a header one byte too long": (len(WHOLE["nablanet"]) - 7).to_bytes(8, "little") + WHOLE["nablanet"][8:],
    "a list": framed(b"[]", b""),
    "no UTF-8": framed(b'{"\xff\xfe": 1}', b""),
    "UTF-16": framed('{"a": 1}'.encode("utf-16"), b""),
    "byte order mark": framed(b"\xef\xbb\xbf" + b"{}", b""),
    "zeros after the header": framed(b"{}\0\0\0", b""),
    "deep lists": framed(b"[" * 1_000_000, b""),
    "deep objects": framed(b'{"a":' * 1_000_000, b""),
    "deep in the metadata": framed(b'{"__metadata__":' + b"[" * 500_000 + b"]" * 500_000 + b"}", b""),
    "a text without an end": framed(b'{"' + b"\\" * 1_000_000, b""),
    "a huge number": framed(b'{"a": ' + b"9" * 10_000 + b"}", b""),
    "a huge fraction": framed(b'{"a": 0.' + b"9" * 1_000_000 + b"}", b""),
    "a huge exponent": framed(b'{"a": 1e' + b"9" * 100_000 + b"}", b""),
    "infinity": framed(b'{"a": Infinity}', b""),
    "many empty lists": framed(b'{"a":[' + b"[]," * 200_000 + b"[]]}", b""),
    "many tensors": framed(
        json.dumps(
            {f"{n}": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]} for n in range(20_000)}
        ).encode(),
        b"",
    ),
    "a pickle": pickle.dumps({"w2": 1}),
    "a gap between tensors": header_of(gap, "nablanet"),
    "trailing bytes": WHOLE["nablanet"] + bytes(8),
    "twice the same": WHOLE["nablanet"] * 2,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", BYTES)
def test_bytes_of_any_kind_are_refused(what: str, kind: str, tmp_path: Path) -> None:
    refused(BYTES[what], tmp_path, kind)
    (tmp_path / "m").write_bytes(BYTES[what])
    is_model_file(tmp_path / "m")


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_occur_twice_are_refused(kind: str, tmp_path: Path) -> None:
    """Which of the two counts is a matter of taste, and programs differ in it."""
    whole = WHOLE[kind]
    end = 8 + int.from_bytes(whole[:8], "little")
    header = whole[8:end].decode().rstrip()
    w2 = json.dumps(json.loads(header)["w2"])
    checksum = json.dumps(json.loads(header)["__metadata__"]["sha256"])
    for twice in (
        header[:-1] + f', "w2": {w2}}}',
        header[:-1] + ', "__metadata__": {}}',
        header.replace('"sha256":', f'"sha256": {checksum}, "sha256":', 1),
        header.replace('"dtype":', '"dtype": "F32", "dtype":', 1),
    ):
        assert twice != header
        assert "not a nablanet" in refused(framed(twice.encode(), whole[end:]), tmp_path, kind)
    twice = TEXT[:-1] + ', "\\u0066ormat": 2}'
    assert "occurs twice" in refused(sealed(twice, TENSORS, kind), tmp_path, kind)


def described(**changes: Any) -> str:
    return json.dumps({**json.loads(TEXT), **changes})


def epochs(n: int) -> list[dict[str, Any]]:
    (*_, last) = json.loads(TEXT)["history"]
    return [{**last, "epoch": number} for number in range(n)]


many = {f"m{n}": 1 for n in range(50_000)} | {"x": "y"}
DESCRIPTIONS: dict[str, str] = {
    "empty": "",
    "deep lists": "[" * 1_000_000,
    "deep objects": '{"format":' * 200_000,
    "deep estimator": TEXT.replace('"estimator": {', '"estimator": {"a": ' + "[" * 64 + "]" * 64 + ", ", 1),
    "an integer of 5,000 digits": TEXT.replace('"format": 2', '"format": ' + "2" * 5000),
    "an epoch of 309 digits": TEXT.replace('"epoch": 0', '"epoch": ' + "9" * 309),
    "a size of 300 digits": described(sizes=[3, 10**299, 2]),
    "a cost of infinity": TEXT.replace('"cost": 0', '"cost": 1e999', 1),
    "a mean of infinity": TEXT.replace('"mean": 0.1', '"mean": 1e999'),
    "NaN": TEXT.replace('"mean": 0.1', '"mean": NaN'),
    "half a character": TEXT.replace('"nein"', '"\\ud800"'),
    "the wrong halves": TEXT.replace('"nein"', '"\\ude00\\ud83d"'),
    "10^12 parameters": described(sizes=[10**6, 10**6, 2]),
    "2^64 parameters": described(sizes=[2**32, 2**32, 2]),
    "parameters that overflow 64 bits": described(sizes=[2**31 - 1] * 3),
    "a thousand layers": described(sizes=[3] * 1000, activations=["tanh"] * 999),
    "100,000 sizes": described(sizes=[1] * 100_000),
    "100,000 layers": described(sizes=[1] * 100_000, activations=["tanh"] * 99_999),
    "no layers": described(sizes=[], activations=[]),
    "true for a size": described(sizes=[3, True, 2]),
    "20,000 names of state": described(state={f"a{n}": ["int64", [0]] for n in range(20_000)}),
    "state of 10^18 numbers": described(state={"m": ["int64", [10**9, 10**9]]}),
    "many class names": described(class_names=["a"] * 100_000),
    "many metrics, one wrong": described(history=[{**epochs(1)[0], "metrics": many}]),
    "many epochs, one wrong": described(history=[*epochs(5000), {}]),
}


@pytest.mark.parametrize("what", DESCRIPTIONS)
def test_a_lying_description_is_refused(what: str, tmp_path: Path) -> None:
    """Each with a checksum that fits."""
    assert DESCRIPTIONS[what] != TEXT
    refused(sealed(DESCRIPTIONS[what], TENSORS), tmp_path)


def test_tensors_that_are_announced_but_not_there(tmp_path: Path) -> None:
    """10^12 parameters, and the header says the same: only the bytes are missing."""
    text = described(sizes=[10**6, 10**6], activations=["softmax"], class_names=None, state={})
    digest = hashlib.sha256(text.encode()).hexdigest()
    for w, b in ((4 * 10**12, 4 * 10**6), (0, 0)):
        header = {
            "__metadata__": {"nablanet": text, "sha256": digest},
            "w2": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, w]},
            "b2": {"dtype": "F32", "shape": [10**6, 1], "data_offsets": [w, w + b]},
        }
        raw = framed(json.dumps(header).encode(), b"")
        assert "damaged or truncated" in refused(raw, tmp_path)


@pytest.mark.parametrize("shape", [[0, 2**62, 2**62], [2**63 - 1, 2**63 - 1, 0], [0] * 33, [0] * 64])
def test_an_empty_tensor_may_be_of_no_shape_that_numpy_has(shape: list[int], tmp_path: Path) -> None:
    """All agrees with all, and there is nothing to allocate."""
    text = described(state={"m": ["float64", shape]})
    tensors = [tensor for tensor in TENSORS if not tensor[0].startswith("state.")]
    raw = sealed(text, [*tensors, ("state.m", "F64", shape, b"")])
    if shape[1] == 0:
        assert check(raw, tmp_path) is None
    else:
        assert "no array has the shape" in refused(raw, tmp_path)


@pytest.mark.parametrize("bits", ["7fc00000", "7f800000", "ff800000", "ffffffff"])
def test_parameters_that_are_not_finite_are_refused(bits: str, tmp_path: Path) -> None:
    number = bytes.fromhex(bits)[::-1]
    tensors: list[Stored] = [
        (name, code, shape, number + content[4:] if name == "w3" else content)
        for name, code, shape, content in TENSORS
    ]
    assert refused(sealed(TEXT, tensors), tmp_path).endswith("its tensor w3 holds NaN or infinity")


@pytest.mark.parametrize("limit", [100, 10**6])
def test_depth_is_no_matter_of_the_recursion_limit(limit: int) -> None:
    """A program may have raised it so far that the stack would end first."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, before))
    try:
        for text in ("[" * 10**6, '{"a":' * 10**6, '{"a":' + "[" * 64 + "]" * 64 + "}"):
            with pytest.raises(ValueError, match="more than 64 levels"):
                parse_object(text)
        assert parse_object('{"[[[[{{{{": ' + "[" * 63 + '"]]"' + "]" * 63 + "}")
        assert parse_object('{"a": "' + "[" * 1000 + '\\"' + "{" * 1000 + '"}')
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded_by_the_system_too(tmp_path: Path) -> None:
    """Every file of these tests in a process that may have 64 MiB more than it has."""
    files = [sealed(text, TENSORS) for text in DESCRIPTIONS.values()]
    files += [header_of(change, "nablanet") for change in HEADERS.values()] + list(BYTES.values())
    for number, raw in enumerate(raw for raw in files if len(raw) < 2**20):
        (tmp_path / f"{number}.nabla").write_bytes(raw)
    script = """
import resource, sys
from pathlib import Path
import nablanet
nablanet.load(sys.argv[2])
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26,) * 2)
for path in Path(sys.argv[1]).iterdir():
    try:
        nablanet.load(path)
    except nablanet.ModelFileError:
        continue
    sys.exit(f"{path} is accepted")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path, SEED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_file_names_is_neither_read_nor_run(tmp_path: Path) -> None:
    """Names and texts that would be code or paths elsewhere come back as the texts they are."""
    witness = tmp_path / "witness"
    texts = [
        f"__import__('os').system('touch {witness}')",
        f"../../../..{witness}",
        f"file://{witness}",
        f"$(touch {witness})",
        "!!python/object/apply:os.system ['id']",
    ]
    (tmp_path / "m").write_bytes(
        sealed(described(class_names=texts[:2], feature_names=texts, estimator={"class": texts}), TENSORS)
    )
    model = read_model(tmp_path / "m")
    assert (model.class_names, model.feature_names) == (texts[:2], texts)
    assert model.estimator == {"class": texts}
    assert list(tmp_path.iterdir()) == [tmp_path / "m"]
