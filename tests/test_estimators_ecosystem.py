"""The estimators among scikit-learn's tools, each held against what scikit-learn's own does there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import nablanet as nn
from nablanet import MLPClassifier, MLPRegressor
from sklearn_pairs import N, data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, CLASSES = data("classes")
_, BINARY = data("binary")
_, TARGET = data("target")
_, TARGETS = data("targets")
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": 6, "max_iter": 8, "random_state": 2}
MODULES = (neural_network, nn)


def classifiers(**more: Any) -> list[Any]:
    return [module.MLPClassifier(**SETTINGS | more) for module in MODULES]


def regressors(**more: Any) -> list[Any]:
    return [module.MLPRegressor(**SETTINGS | more) for module in MODULES]


def same(theirs: Any, ours: Any, atol: float = 1e-8) -> None:
    np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=0, atol=atol)


def test_grid_search_in_two_processes() -> None:
    grid = {"mlp__alpha": [1e-4, 1.0], "mlp__learning_rate_init": [0.001, 0.05]}
    found = []
    for mlp in classifiers():
        search = GridSearchCV(Pipeline([("scale", StandardScaler()), ("mlp", mlp)]), grid, cv=3, n_jobs=2)
        found.append(search.fit(X, CLASSES))
    assert found[0].best_params_ == found[1].best_params_
    same(*(search.cv_results_["mean_test_score"] for search in found))
    same(*(search.predict_proba(X) for search in found))


def test_cross_validation() -> None:
    same(*(cross_val_score(mlp, X, CLASSES, cv=3, scoring="neg_log_loss") for mlp in classifiers()))
    same(*(cross_val_score(mlp, X, TARGET, cv=3) for mlp in regressors()))
    done = cross_validate(MLPClassifier(**SETTINGS), X, CLASSES, cv=3, return_estimator=True)
    assert all(isinstance(mlp, MLPClassifier) for mlp in done["estimator"])
    sizes = [learning_curve(mlp, X, CLASSES, cv=3, train_sizes=[0.5, 1.0]) for mlp in classifiers()]
    for theirs, ours in zip(*sizes, strict=True):
        same(theirs, ours)
    same(
        *(learning_curve(mlp, X, BINARY, cv=3, exploit_incremental_learning=True)[2] for mlp in classifiers())
    )


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("y", [BINARY, CLASSES], ids=["binary", "classes"])
def test_calibration(y: Any, ensemble: bool) -> None:
    """It takes `decision_function`, which scikit-learn's MLP has not, and calibrates as well or better."""
    theirs, ours = (
        CalibratedClassifierCV(mlp, cv=3, ensemble=ensemble).fit(X, y)
        for mlp in classifiers(max_iter=60, learning_rate_init=0.01)
    )
    proba = ours.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert np.mean(ours.predict(X) == y) >= np.mean(theirs.predict(X) == y) - 0.05
    for k, name in enumerate(ours.classes_):
        at_most = brier_score_loss(y == name, theirs.predict_proba(X)[:, k]) + 0.02
        assert brier_score_loss(y == name, proba[:, k]) < at_most


def test_ensembles() -> None:
    makers: list[Callable[[Any], Any]] = [
        lambda mlp: VotingClassifier([("a", mlp), ("b", LogisticRegression())], voting="soft"),
        lambda mlp: BaggingClassifier(mlp, n_estimators=3, random_state=0, n_jobs=2),
        lambda mlp: StackingClassifier([("a", mlp)], cv=3, stack_method="predict_proba"),
    ]
    for make in makers:
        same(*(make(mlp).fit(X, CLASSES).predict_proba(X) for mlp in classifiers()))


def test_one_against_the_rest() -> None:
    """It asks `decision_function` first, whose sign agrees with the probability."""
    theirs, ours = (
        OneVsRestClassifier(mlp).fit(X, CLASSES) for mlp in classifiers(max_iter=40, learning_rate_init=0.01)
    )
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    same(theirs.predict_proba(X), ours.predict_proba(X))


def test_decision_function_agrees_with_predict() -> None:
    for y in BINARY, CLASSES, data("labels")[1]:
        mlp = MLPClassifier(**SETTINGS).fit(X, y)
        z = mlp.decision_function(X)
        if z.ndim == 1:
            np.testing.assert_array_equal(mlp.classes_[(z > 0).astype(int)], mlp.predict(X))
        elif y is CLASSES:
            np.testing.assert_array_equal(mlp.classes_[z.argmax(axis=1)], mlp.predict(X))
        else:
            np.testing.assert_array_equal((z > 0).astype(int), mlp.predict(X))


def test_wrapped_regressors() -> None:
    same(*(MultiOutputRegressor(mlp).fit(X, TARGETS).predict(X) for mlp in regressors()))
    for mlp in regressors(), regressors(early_stopping=True):
        wrapped = [TransformedTargetRegressor(each, transformer=StandardScaler()) for each in mlp]
        same(*(each.fit(X, TARGET).predict(X) for each in wrapped))


def test_permutation_importance() -> None:
    found = [
        permutation_importance(mlp.fit(X, TARGET), X, TARGET, n_repeats=2, random_state=0)
        for mlp in regressors()
    ]
    same(*(each.importances for each in found))


def test_a_step_within_a_pipeline() -> None:
    """What scikit-learn's cannot be: a step that learns features for the next."""
    mlp = MLPClassifier(**SETTINGS)
    pipe = make_pipeline(StandardScaler(), mlp, LogisticRegression()).fit(X, CLASSES)
    scaled = StandardScaler().fit_transform(X)
    hidden = np.maximum(scaled @ mlp.coefs_[0] + mlp.intercepts_[0], 0)
    expected = LogisticRegression().fit(hidden, CLASSES).predict_proba(hidden)
    same(expected, pipe.predict_proba(X))
    assert list(pipe[:-1].get_feature_names_out()) == [f"mlpclassifier{k}" for k in range(6)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    frames = pytest.importorskip(library)
    names = [f"column {k}" for k in range(N)]
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate(names)})
    y = frames.Series(CLASSES.tolist())
    theirs, ours = (mlp.fit(frame, y) for mlp in classifiers(early_stopping=True))
    assert ours.feature_names_in_.tolist() == names
    same(theirs.predict_proba(frame), ours.predict_proba(frame))
    same(
        *(
            mlp.fit(frame, frames.DataFrame({"a": BINARY, "b": 1 - BINARY})).predict(frame)
            for mlp in classifiers()
        )
    )
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(frame[names[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(X)
    out = clone(ours).set_output(transform=library).fit(frame, y).transform(frame)
    assert isinstance(out, frames.DataFrame)
    assert list(out.columns) == [f"mlpclassifier{k}" for k in range(6)]
    given = ours.fit(frame, y, X_val=frame, y_val=y)
    assert len(given.validation_scores_) == given.n_iter_


def test_set_output() -> None:
    mlp = MLPClassifier(**SETTINGS).fit(X, CLASSES)
    assert type(mlp.transform(X)) is np.ndarray
    assert type(mlp.set_output(transform="default").transform(X)) is np.ndarray


@pytest.fixture
def routing() -> Any:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_sample_weight_is_routed() -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    for make, y in (classifiers, CLASSES), (regressors, TARGET):
        found = []
        for mlp in make(batch_size=60):
            mlp.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), mlp)
            found.append(cross_val_score(pipe, X, y, cv=3, params={"sample_weight": weights}))
        same(found[0], found[1], atol=1e-6)
        plain = cross_val_score(make_pipeline(StandardScaler(), make(batch_size=60)[1]), X, y, cv=3)
        assert not np.allclose(found[1], plain)


@pytest.mark.usefixtures("routing")
def test_held_out_data_goes_through_a_pipeline() -> None:
    """`transform_input` scales X_val as the steps before have scaled X."""
    mlp = MLPRegressor(**SETTINGS).set_fit_request(X_val=True, y_val=True)
    pipe = Pipeline([("scale", StandardScaler()), ("mlp", mlp)], transform_input=["X_val"])
    pipe.fit(X[:60], TARGET[:60], X_val=X[60:], y_val=TARGET[60:])
    scale = StandardScaler().fit(X[:60])
    alone = MLPRegressor(**SETTINGS).fit(
        scale.transform(X[:60]), TARGET[:60], X_val=scale.transform(X[60:]), y_val=TARGET[60:]
    )
    assert mlp.validation_scores_ == alone.validation_scores_
    assert mlp.validation_scores_[-1] == pytest.approx(pipe.score(X[60:], TARGET[60:]), abs=1e-12)


def test_html_shows_the_parameters() -> None:
    mlp = MLPClassifier(alpha=0.123, dropout=0.25)
    for state in mlp, mlp.fit(X, CLASSES), make_pipeline(StandardScaler(), mlp):
        html = state._repr_html_()
        for shown in ("MLPClassifier", "alpha", "0.123", "dropout", "0.25"):
            assert shown in html
    assert repr(MLPRegressor(alpha=3)) == "MLPRegressor(alpha=3)"


def test_parameters_begin_as_scikit_learns() -> None:
    """Names, order, kinds and defaults; what is more comes after, by keyword only."""
    import inspect

    for name in "MLPClassifier", "MLPRegressor":
        theirs, ours = (
            list(inspect.signature(getattr(module, name)).parameters.values()) for module in MODULES
        )
        for wanted, found in zip(theirs, ours, strict=False):
            assert (found.name, found.kind, found.default) == (wanted.name, wanted.kind, wanted.default)
        assert all(found.kind is found.KEYWORD_ONLY for found in ours[len(theirs) :])
        for method in "fit", "partial_fit", "predict", "score":
            theirs, ours = (
                list(inspect.signature(getattr(getattr(module, name), method)).parameters.values())
                for module in MODULES
            )
            for wanted, found in zip(theirs, ours, strict=False):
                assert (found.name, found.kind, found.default) == (wanted.name, wanted.kind, wanted.default)
