"""What `nablanet info` tells."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import nablanet
from nablanet.cli.console import Console

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "safetensors", "typer", "rich", "matplotlib")


def report(console: Console) -> None:
    """Versions, compiler, instruction sets and threads."""
    build = nablanet.build_info()
    libraries = {name: _version(name) for name in _LIBRARIES}
    lines = [
        ("nablanet", nablanet.__version__),
        ("Python", f"{platform.python_version()} ({platform.system()} {platform.machine()})"),
        *((name, found or _how_to_get(name)) for name, found in libraries.items()),
        ("compiler", build["compiler"]),
        ("built for", ", ".join(build["compiled_isas"])),
        ("CPU runs", ", ".join(build["supported_isas"])),
        ("in use", build["isa"]),
        ("threads", str(build["threads"])),
    ]
    width = max(len(name) for name, _ in lines)
    text = "\n".join(f"{name:<{width}}  {value}" for name, value in lines)
    content = {"version": nablanet.__version__, "python": platform.python_version(), "libraries": libraries}
    console.result(text, {**content, **build})


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _how_to_get(name: str) -> str:
    return 'not installed: pip install "nablanet[plot]"' if name == "matplotlib" else "not installed"
