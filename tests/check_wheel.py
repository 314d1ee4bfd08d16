"""python check_wheel.py DIST: looks into the distributions there, and runs smoke.py with the wheel alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

NEEDED_TO_BUILD = ("CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE", "src/nablanet/version.py")


def only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    assert len(found) == 1, f"{folder} must hold one {pattern}, has {[p.name for p in found]}"
    return found[0]


def check_source(path: Path) -> None:
    """All that the build needs, and neither tests nor benchmarks."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = [name for name in NEEDED_TO_BUILD if name not in names]
    assert not missing, f"{path.name} lacks {missing}"
    assert any(name.startswith("cpp/bind/") for name in names), f"{path.name} lacks the C++ sources"
    other = [name for name in names if name.split("/")[0] in ("tests", "benchmarks", ".ci", "build", "dist")]
    assert not other, f"{path.name} has {other}"


def check_wheel(path: Path) -> None:
    """The package as Python, its compiled core, and what the format asks for."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    cores = [name for name in names if name.endswith((".so", ".pyd"))]
    assert len(cores) == 1, f"{path.name} must hold one compiled module, has {cores}"
    assert PurePosixPath(cores[0]).parent == PurePosixPath("nablanet")
    for name in names:
        place = PurePosixPath(name)
        package = place.parts[0] == "nablanet"
        known = name in cores or place.suffix in (".py", ".pyi") or place.name == "py.typed"
        assert (package and known) or place.parts[0].endswith(".dist-info"), f"{path.name} has {name}"


def run_alone(wheel: Path) -> None:
    """The smoke test in a fresh environment outside this folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        shutil.copy(Path(__file__).with_name("smoke.py"), folder)
        for arguments in (
            ["-m", "pip", "install", "--quiet", str(wheel.resolve())],
            ["-m", "pip", "check"],
            ["-I", "smoke.py"],
        ):
            subprocess.run([python, *arguments], cwd=folder, env=environment, check=True)


def main() -> None:
    folder = Path(sys.argv[1])
    check_source(only(folder, "*.tar.gz"))
    wheel = only(folder, "*.whl")
    check_wheel(wheel)
    run_alone(wheel)
    sys.stdout.write(f"{wheel.name} works alone\n")


if __name__ == "__main__":
    main()
