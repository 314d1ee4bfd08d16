"""A wheel at work: trains, saves, loads and runs the command with the installed package alone.

Run by check_wheel.py in an environment that has the wheel and what it depends on, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

import nablanet
from nablanet.book import network2
from nablanet.data.digits import load_digits


def command(*arguments: str) -> str:
    script = Path(sys.executable).with_name("nablanet")
    return subprocess.run([script, *arguments], check=True, capture_output=True, text=True).stdout


def main() -> None:
    assert Path(nablanet.__file__).is_relative_to(sys.prefix), "not the installed package"
    digits = load_digits()
    net = nablanet.Network([64, 32, 10], activation="relu", cost="cross_entropy", init="he", seed=0)
    history = net.fit(digits.X_train, digits.y_train, epochs=10, batch_size=32, optimizer="adam")
    assert len(history) == 10
    right = np.mean(net.predict(digits.X_test).argmax(axis=1) == digits.y_test)
    assert right > 0.9, f"only {right:.0%} right"
    net.save("digits.nabla")
    assert np.array_equal(nablanet.load("digits.nabla").predict(digits.X_test), net.predict(digits.X_test))
    clf = nablanet.MLPClassifier((32,), max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged yet
        clf.fit(digits.X_train, digits.y_train)
    assert clf.score(digits.X_test, digits.y_test) > 0.9
    network2.Network([64, 5, 10]).SGD([(digits.X_train[0], 3)], 1, 1, 0.1)

    assert command("--version") == f"nablanet {nablanet.__version__}\n"
    assert json.loads(command("info", "--json"))["isa"] == nablanet.build_info()["isa"]
    command("train", "digits", "--epochs", "5", "--quiet", "--output", "run.nabla")
    assert json.loads(command("evaluate", "run.nabla", "digits", "--json"))["accuracy"] > 0.9
    Path("row.csv").write_text(",".join(map(str, 16 * digits.X_test[0])) + "\n")
    assert command("predict", "run.nabla", "row.csv").strip() in digits.class_names


if __name__ == "__main__":
    main()
