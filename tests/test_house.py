"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nablanet as nn

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "nablanet").rglob("*.py"))
HEAVY = {
    "matplotlib",
    "onnx",
    "pandas",
    "platformdirs",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "sympy",
    "torch",
    "typer",
}


def test_import_loads_numpy_and_nothing_else_heavy() -> None:
    script = "import sys; from nablanet import Network; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_only_engine_imports_the_compiled_core() -> None:
    importers = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if "_core" in names or any(name.endswith("._core") for name in names):
                importers.add(path.name)
    assert importers == {"engine.py"}


def test_no_pickle_is_read() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {a.name for a in node.names} & {"pickle", "joblib", "dill"}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"pickle", "joblib", "dill"}, path


def test_every_public_name_is_there_and_documented() -> None:
    for name in nn.__all__:
        value = getattr(nn, name)
        if callable(value):
            assert value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Layer'"):
        _ = nn.Layer


def test_kernel_objects_export_their_table_and_nothing_else() -> None:
    """Code compiled for AVX-512 must never be linked in where another set's belongs."""
    objects = sorted(ROOT.glob("build/cp*/CMakeFiles/kernels_*.dir/cpp/kernels/*.o"))
    if not objects or shutil.which("nm") is None:
        pytest.skip("needs nm and the object files of a build (make test leaves them in build/)")
    for path in objects:
        done = subprocess.run(
            ["nm", "--demangle", "--defined-only", "--extern-only", path],
            capture_output=True,
            text=True,
            check=True,
        )
        exported = [line.split(maxsplit=2)[2] for line in done.stdout.splitlines()]
        assert exported == [f"nablanet::{path.name.split('.')[0]}_kernels"]


def test_build_info_says_what_runs() -> None:
    info = nn.build_info()
    assert info["isa"] in info["supported_isas"]
    assert set(info["supported_isas"]) <= set(info["compiled_isas"])
    assert info["compiled_isas"][-1] == "generic"
    assert info["threads"] >= 1
    assert info["compiler"]
