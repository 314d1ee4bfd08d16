"""What comes out of the estimators beside predictions: hidden activations, logits, pictures, texts."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, special
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nablanet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, CLASSES = load_digits(return_X_y=True)
X, Y = DIGITS[:200] / 16, CLASSES[:200]


def classifier(**parameters: Any) -> MLPClassifier:
    return MLPClassifier((9, 5), max_iter=5, random_state=0, **parameters)


# transform


def test_hidden_activations_by_hand() -> None:
    ours = classifier().fit(X, Y)
    first = np.maximum(X @ ours.coefs_[0] + ours.intercepts_[0], 0)
    second = np.maximum(first @ ours.coefs_[1] + ours.intercepts_[1], 0)
    for layer, wanted in ((0, first), (-2, first), (1, second), (-1, second)):
        np.testing.assert_allclose(ours.transform(X, layer=layer), wanted, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours.transform(sparse.csr_array(X), layer), wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(ours.transform(X), ours.transform(X, -1))
    np.testing.assert_array_equal(classifier().fit_transform(X, Y), ours.transform(X))


@pytest.mark.parametrize("layer", [2, -3, 0.0, True, "last"])
def test_a_layer_that_is_not_there(layer: Any) -> None:
    with pytest.raises(ValueError, match="one of the hidden layers, from -2 to 1; got"):
        classifier().fit(X, Y).transform(X, layer)


def test_what_transform_refuses() -> None:
    with pytest.raises(NotFittedError):
        classifier().transform(X)
    with pytest.raises(ValueError, match="X has 7 features, but MLPClassifier is expecting 64"):
        classifier().fit(X, Y).transform(X[:, :7])
    with pytest.raises(ValueError, match="of which there are none"):
        MLPClassifier((), max_iter=1).fit(X, Y).transform(X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_a_column_for_each_neuron(library: str) -> None:
    module = pytest.importorskip(library)
    ours = classifier().fit(X, Y).set_output(transform=library)
    for layer, width in ((-1, 5), (0, 9), (1, 5)):
        frame = ours.transform(X, layer=layer)
        assert isinstance(frame, module.DataFrame)
        assert list(frame.columns) == [f"mlpclassifier{i}" for i in range(width)]
        np.testing.assert_array_equal(frame.to_numpy(), classifier().fit(X, Y).transform(X, layer))
    assert list(ours.get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(5)]
    assert list(classifier().set_output(transform=library).fit_transform(X, Y).columns) == list(frame.columns)


def test_in_a_pipeline() -> None:
    chain = make_pipeline(StandardScaler(), classifier(), LogisticRegression(max_iter=1000)).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    wanted = LogisticRegression(max_iter=1000).fit(classifier().fit(scaled, Y).transform(scaled), Y)
    np.testing.assert_array_equal(chain.predict(X), wanted.predict(chain[:-1].transform(X)))
    assert list(chain[:-1].get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(5)]


# decision_function


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 30), st.sampled_from(["binary", "classes", "labels"]))
def test_decision_function_gives_the_probabilities(n_hidden: int, m: int, kind: str) -> None:
    labels = np.eye(10, dtype=int)[Y]
    y = {"binary": np.where(Y > 4, "high", "low"), "classes": Y, "labels": labels}[kind]
    ours = MLPClassifier((n_hidden,), max_iter=2, random_state=0).fit(X, y)
    z, p = ours.decision_function(X[:m]), ours.predict_proba(X[:m])
    assert z.shape == {"binary": (m,), "classes": (m, 10), "labels": (m, 10)}[kind]
    if kind == "classes":
        np.testing.assert_allclose(p, special.expit(z), rtol=1e-10)
        np.testing.assert_array_equal(ours.classes_[z.argmax(axis=1)], ours.predict(X[:m]))
    elif kind == "labels":
        np.testing.assert_allclose(p, special.expit(z), rtol=1e-10)
        np.testing.assert_array_equal(z > 0, ours.predict(X[:m]))
    else:
        np.testing.assert_allclose(p, np.stack([special.expit(-z), special.expit(z)], axis=1), rtol=1e-10)
        np.testing.assert_array_equal(ours.classes_[(z > 0).astype(int)], ours.predict(X[:m]))


def test_decision_function_sees_what_is_written_into_coefs() -> None:
    ours = classifier().fit(X, Y)
    before = ours.decision_function(X)
    ours.coefs_[-1][...] = 0
    ours.intercepts_[-1] = np.arange(10.0)
    assert (before != ours.decision_function(X)).all()
    p = special.softmax(np.arange(10.0))
    np.testing.assert_allclose(ours.decision_function(X), np.tile(special.logit(p), (len(X), 1)), rtol=1e-12)


# pictures


@pytest.fixture
def _no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    def show(*args: object, **options: object) -> None:
        raise AssertionError("nothing is shown unless the user asks")

    monkeypatch.setattr(pyplot, "show", show)


@pytest.mark.usefixtures("_no_window")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_learning_curves_show_the_history(solver: str) -> None:
    from matplotlib import pyplot

    ours = classifier(solver=solver).fit(X, Y, X_val=X, y_val=Y)
    given: Any = pyplot.subplots()[1]
    ax = ours.plot_learning_curves(given)
    assert ax is given
    lines: Any = ax.lines
    training, validation, line, best = lines
    np.testing.assert_array_equal(training.get_ydata(), ours.history_.cost)
    np.testing.assert_array_equal(validation.get_ydata(), ours.history_.validation_cost)
    assert list(training.get_xdata()) == list(validation.get_xdata()) == [0, 1, 2, 3, 4]
    number = ours.history_.best_epoch
    assert number is not None
    assert list(line.get_xdata()) == [number] * 2
    assert (*best.get_xdata(), *best.get_ydata()) == (number, ours.history_.validation_cost[number])
    unit = "epoch" if solver == "adam" else "iteration"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (unit, "loss")
    words = [text.get_text() for text in ax.legend_.get_texts()]
    assert words == ["training", "validation", f"best score: {unit} {number}"]
    plain = MLPRegressor(max_iter=2, random_state=0).fit(X, Y / 10).plot_learning_curves()
    assert plain.get_legend() is None  # of one curve
    assert len(plain.lines) == 1
    pyplot.close("all")


@pytest.mark.usefixtures("_no_window")
def test_a_confusion_counts_samples() -> None:
    from matplotlib import pyplot

    names = np.array(list("abcdefghij"))
    ours = classifier().fit(X, names[Y])
    display = ours.plot_confusion(X, names[Y])
    wanted = confusion_matrix(names[Y], ours.predict(X))
    np.testing.assert_array_equal(display.confusion_matrix, wanted)
    ax = display.ax_
    written = {text.get_position(): int(text.get_text()) for text in ax.texts}
    assert written == {(j, i): count for (i, j), count in np.ndenumerate(wanted)}
    assert [label.get_text() for label in ax.get_yticklabels()] == list(names)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    np.testing.assert_allclose(display.im_.get_array(), wanted / wanted.sum(axis=1, keepdims=True))
    given: Any = pyplot.subplots()[1]
    assert ours.plot_confusion(X, names[Y], ax=given).ax_ is given
    M, labels = make_multilabel_classification(30, 4, random_state=0)
    with pytest.raises(ValueError, match="one class per sample"):
        MLPClassifier(max_iter=1).fit(M, labels).plot_confusion(M, labels)
    with pytest.raises(NotFittedError):
        classifier().plot_confusion(X, Y)
    many = (
        MLPClassifier((), max_iter=1).fit(np.eye(60), np.arange(60)).plot_confusion(np.eye(60), np.arange(60))
    )
    assert len(many.ax_.get_xticks()) <= 20
    pyplot.close("all")


def test_pictures_without_matplotlib_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **options)

    ours = classifier().fit(X, Y)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match='pip install "nablanet\\[plot\\]"'):
        ours.plot_learning_curves()
    with pytest.raises(ImportError, match='pip install "nablanet\\[plot\\]"'):
        ours.plot_confusion(X, Y)


def test_no_curves_of_what_has_not_begun() -> None:
    with pytest.raises(NotFittedError):
        classifier().plot_learning_curves()


# what is printed


def test_verbose_prints_scikit_learns_lines(capsys: pytest.CaptureFixture[str]) -> None:
    ours = classifier(verbose=True, progress=True).fit(X, Y, X_val=X, y_val=Y)
    printed, errors = capsys.readouterr()
    scores = ours.validation_scores_ or []
    lines = [
        line
        for number, (loss, score) in enumerate(zip(ours.loss_curve_, scores, strict=True), start=1)
        for line in (f"Iteration {number}, loss = {loss:.8f}", f"Validation score: {score:f}")
    ]
    assert printed.splitlines() == lines
    assert errors == ""  # no bar where there is no terminal


def test_another_loss_changes_no_prediction_before_it_is_learned() -> None:
    target = X[:, 0] + 1
    reg = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0, warm_start=True).fit(X, target)
    before = reg.predict(X)
    reg.set_params(loss="poisson")
    np.testing.assert_array_equal(reg.predict(X), before)
    with pytest.raises(ValueError, match="loss='poisson' does not go with the outputs learned so far"):
        reg.fit(X, target)
    np.testing.assert_array_equal(reg.predict(X), before)
    reg.set_params(warm_start=False).fit(X, target)
    assert reg.out_activation_ == "exp"
