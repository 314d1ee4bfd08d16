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
PICKLES = {"cPickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CODE = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "runpy.run_path"),
    *("torch.load", "pd.read_pickle", "pandas.read_pickle", "np.lib.format.read_array"),
}
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


def test_no_file_is_read_that_could_run_code() -> None:
    """No pickle, by whatever name, and nothing that makes code of text or bytes."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {a.name.split(".")[0] for a in node.names} & PICKLES, path
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in PICKLES, path
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in CODE, f"{path}: {ast.unparse(node)}"
                allowed = [k.value for k in node.keywords if k.arg in ("allow_pickle", "shell")]
                assert all(isinstance(v, ast.Constant) and v.value is False for v in allowed), path
                if ast.unparse(node.func) == "np.load":  # False by default since NumPy 1.16.3, but say so
                    assert any(k.arg == "allow_pickle" for k in node.keywords), path


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
