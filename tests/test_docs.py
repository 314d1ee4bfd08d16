"""The code in README and docs runs as printed, and prints what it says it prints."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from data_paths import mnist_dir

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPTIONAL = {"onnx", "onnxruntime", "torch"}
# a block of Python, and a plain block right behind it, which is its output
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=lambda p: p.name
)
def test_code_runs_as_printed(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code, printed in BLOCK.findall(page.read_text()):
        if not is_there(code):
            continue
        if "mnist" in code:
            monkeypatch.setenv("NABLANET_DATA", str(mnist_dir().parent))
        exec(compile(code, page.name, "exec"), names)  # noqa: S102 - our own pages
        out = capsys.readouterr().out
        if printed:
            assert out == printed
        for line in re.findall(r'# prints "(.*?)" and so on', code):
            # how many are right is the network's affair, not the page's
            assert re.match(re.sub(r"\d+ /", r"\\d+ /", line) + "\n", out)


def is_there(code: str) -> bool:
    """Whether the optional packages that a block imports are installed; .ci/run installs them all."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return all(importlib.util.find_spec(name) is not None for name in imported & OPTIONAL)


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
