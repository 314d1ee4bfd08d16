"""What `nablanet info` tells."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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
        ("compiler", build.get("compiler", "unknown")),
        ("built for", _listed(build.get("compiled_isas"))),
        ("CPU runs", _listed(build.get("supported_isas"))),
        ("in use", build.get("isa", "unknown")),
        ("threads", str(build.get("threads", "unknown"))),
    ]
    width = max(len(name) for name, _ in lines)
    text = "\n".join(f"{name:<{width}}  {value}" for name, value in lines)
    console.result(text, {"python": platform.python_version(), "libraries": libraries, **_plain(build)})


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _how_to_get(name: str) -> str:
    return 'not installed: pip install "nablanet[plot]"' if name == "matplotlib" else "not installed"


def _listed(names: Iterable[str] | None) -> str:
    return "unknown" if names is None else ", ".join(names) or "none"


def _plain(build: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": nablanet.__version__,
        **{k: list(v) if isinstance(v, tuple) else v for k, v in build.items()},
    }
