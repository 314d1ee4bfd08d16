"""Held-out data, scores and histories of the estimators, and what is left when training ends early."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer

import nablanet as nn
from nablanet import MLPClassifier, MLPRegressor
from nablanet.shapes import Array
from nablanet.training import Epoch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, CLASSES = load_digits(return_X_y=True)
X, Y, X_VAL, Y_VAL = DIGITS[:300] / 16, CLASSES[:300], DIGITS[300:420] / 16, CLASSES[300:420]
NAMES = np.array(list("abcdefghij"))
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
PROGRESS = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (12,), "random_state": 0, "learning_rate_init": 0.01}
WEIGHTS = np.random.default_rng(0).uniform(0.2, 3, len(X_VAL))


def bits(estimator: Any) -> list[bytes]:
    return [a.tobytes() for a in estimator.coefs_ + estimator.intercepts_]


def after(k: int, estimator: Any, *data: Any, **held_out: Any) -> Any:
    """The same training, which ends after k epochs."""
    other = copy.deepcopy(estimator).set_params(max_iter=k, early_stopping=False, scoring=None, metrics=None)
    return other.set_params(warm_start=False, callbacks=None).fit(*data)


# held-out data


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_curve_is_the_log_loss_after_each_epoch(solver: str, weights: Array | None) -> None:
    ours = MLPClassifier(**SETTINGS, solver=solver, max_iter=5, metrics=["neg_log_loss", "f1_macro"])
    held_out = {"X_val": X_VAL, "y_val": NAMES[Y_VAL], "sample_weight_val": weights}
    ours.fit(X, NAMES[Y], **held_out)
    history = ours.history_
    assert ours.validation_loss_curve_ == history.validation_cost
    assert ours.validation_scores_ == history.validation_accuracy == history.metrics["score"]
    for k in (1, 3, 5):
        then = after(k, ours, X, NAMES[Y])
        predicted = then.predict_proba(X_VAL)
        wanted = metrics.log_loss(NAMES[Y_VAL], predicted, sample_weight=weights)
        f1 = metrics.f1_score(NAMES[Y_VAL], then.predict(X_VAL), average="macro", sample_weight=weights)
        assert history.validation_cost[k - 1] == pytest.approx(wanted)
        assert history.metrics["neg_log_loss"][k - 1] == pytest.approx(-wanted)
        assert history.metrics["f1_macro"][k - 1] == pytest.approx(f1)
        accuracy = then.score(X_VAL, NAMES[Y_VAL], weights)
        assert history.validation_accuracy[k - 1] == pytest.approx(accuracy)
    best = int(np.argmax(ours.validation_scores_))
    assert history.best_epoch == best
    assert ours.best_validation_score_ == ours.validation_scores_[best]
    assert history.cost[-1] == ours.loss_
    assert bits(ours) == bits(after(5, ours, X, NAMES[Y]))  # it looked, and changed nothing


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_curve_is_half_the_mean_squared_error(n_targets: int, solver: str) -> None:
    y = PROGRESS if n_targets == 1 else np.stack([PROGRESS, DIABETES[:, 0]], axis=1)
    ours = MLPRegressor(**SETTINGS, solver=solver, max_iter=4)
    ours.fit(DIABETES[:300], y[:300], eval_set=[(DIABETES[300:], y[300:])])
    for k in range(1, 5):
        then = after(k, ours, DIABETES[:300], y[:300])
        predicted = then.predict(DIABETES[300:])
        wanted = metrics.mean_squared_error(y[300:], predicted) / 2
        assert ours.history_.validation_cost[k - 1] == pytest.approx(wanted)
        assert ours.validation_scores_ is not None
        assert ours.validation_scores_[k - 1] == pytest.approx(metrics.r2_score(y[300:], predicted))
    assert ours.history_.cost[-1] == ours.loss_
    assert ours.history_.validation_accuracy == [None] * 4


def test_poisson_and_several_labels() -> None:
    counts = np.round(np.exp(PROGRESS))
    ours = MLPRegressor("poisson", **SETTINGS, max_iter=2)
    ours.fit(DIABETES[:300], counts[:300], X_val=DIABETES[300:], y_val=counts[300:])
    deviance = metrics.mean_poisson_deviance(counts[300:], ours.predict(DIABETES[300:]))
    assert ours.validation_loss_curve_ is not None
    assert ours.validation_loss_curve_[-1] == pytest.approx(deviance / 2)
    M, labels = make_multilabel_classification(200, 5, random_state=0)
    several = MLPClassifier(**SETTINGS, max_iter=2)
    several.fit(M[:100], labels[:100], X_val=M[100:], y_val=labels[100:])
    p = several.predict_proba(M[100:])
    assert several.validation_loss_curve_ is not None
    assert several.validation_loss_curve_[-1] == pytest.approx(
        sum(metrics.log_loss(labels[100:, k], p[:, k]) for k in range(labels.shape[1]))
    )
    assert several.history_.validation_accuracy[-1] == several.score(M[100:], labels[100:])


def test_frames_and_sparse_matrices() -> None:
    pd = pytest.importorskip("pandas")
    names = [f"pixel {i}" for i in range(64)]
    frame, frame_val = pd.DataFrame(X, columns=names), pd.DataFrame(X_VAL, columns=names)
    dense = MLPClassifier(**SETTINGS, max_iter=2, metrics=["f1_macro"]).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    framed = MLPClassifier(**SETTINGS, max_iter=2, metrics=["f1_macro"])
    framed.fit(frame, pd.Series(Y), X_val=frame_val, y_val=pd.Series(Y_VAL))
    thin = MLPClassifier(**SETTINGS, max_iter=2, metrics=["f1_macro"])
    thin.fit(sparse.csc_array(X), Y, X_val=sparse.csr_matrix(X_VAL), y_val=Y_VAL)
    for other in (framed, thin):
        assert other.validation_loss_curve_ == dense.validation_loss_curve_
        assert other.history_.metrics == dense.history_.metrics
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        framed.fit(frame, Y, X_val=frame_val.rename(columns={"pixel 3": "other"}), y_val=Y_VAL)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        framed.fit(frame, Y, X_val=X_VAL, y_val=Y_VAL)


# what is refused leaves everything as it was


def refusals() -> dict[str, tuple[dict[str, Any], dict[str, Any], str]]:
    """Parameters, arguments of fit, and the words."""
    held_out = {"X_val": X_VAL, "y_val": Y_VAL}
    return {
        "width": ({}, held_out | {"X_val": X_VAL[:, :7]}, "X has 7 features, but MLPClassifier is exp"),
        "NaN": ({}, held_out | {"X_val": X_VAL * np.nan}, "Input X contains NaN"),
        "rows": ({}, held_out | {"y_val": Y_VAL[:-1]}, "inconsistent numbers of samples"),
        "class": ({}, held_out | {"y_val": Y_VAL + 5}, "`y` has classes not in `self.classes_`"),
        "labels": ({}, held_out | {"y_val": np.eye(10, dtype=int)[Y_VAL]}, "one class for each sample"),
        "alone": ({}, {"X_val": X_VAL}, "X_val and y_val go together"),
        "twice": ({}, held_out | {"eval_set": [(X_VAL, Y_VAL)]}, "given twice"),
        "pairs": ({}, {"eval_set": [(X_VAL, Y_VAL)] * 2}, "a list with one pair"),
        "weight": ({}, {"sample_weight_val": WEIGHTS}, "sample_weight_val needs X_val"),
        "weights": ({}, held_out | {"sample_weight_val": WEIGHTS[1:]}, r"sample_weight.shape == \(119,\)"),
        "no weight": ({}, held_out | {"sample_weight_val": 0 * WEIGHTS}, "at least one non-zero"),
        "metric": ({"metrics": ["speed"]}, held_out, "speed"),
        "metric's name": ({"metrics": ["accuracy", 3]}, held_out, "names of scikit-learn's scorers"),
        "taken": ({"metrics": {"score": "accuracy"}}, held_out, "'score', which every epoch has already"),
        "nothing to measure": ({"metrics": ["accuracy"]}, {}, "metrics is measured on held-out data"),
        "nothing to score": ({"scoring": "accuracy"}, {}, "scoring is measured on held-out data"),
        "scoring": ({"scoring": "speed"}, held_out, "speed"),
        "unweighted": (
            {"scoring": lambda estimator, X, y: 1.0},
            held_out | {"sample_weight_val": WEIGHTS},
            "scoring must take the sample_weight that the held-out samples have",
        ),
        "dropout": ({"dropout": [0.5, 1.5, 0.2]}, {}, "one for each of the 1 hidden layers"),
        "rate": ({"dropout": [1.0]}, {}, r"dropout\[1\] must be a share of neurons to leave out"),
        "no number": ({"dropout": ["much"]}, {}, "must be a share of neurons"),
        "class_weight": ({"class_weight": {99: 2.0}}, {}, "are not in class_weight"),
        "callback": ({"callbacks": [None]}, {}, "callbacks must be functions"),
        "lbfgs and dropout": ({"solver": "lbfgs", "dropout": 0.5}, {}, "solver='lbfgs' goes without"),
        "lbfgs and scoring": (
            {"solver": "lbfgs", "scoring": "accuracy", "early_stopping": True}, {}, "pass X_val and y_val$",
        ),
        "split": ({"early_stopping": True, "validation_fraction": 0.001}, {}, "validation set is too small"),
        "no weight left": ({}, {"sample_weight": np.zeros(len(X))}, "at least one non-zero number"),
    }  # fmt: skip


@pytest.mark.parametrize("case", refusals())
def test_what_is_refused_changes_nothing(case: str) -> None:
    changed, arguments, words = refusals()[case]
    for solver in ("adam", "lbfgs"):
        before = MLPClassifier(**SETTINGS, max_iter=2, solver=solver).fit(X, Y)
        if solver == "adam":
            before.set_params(warm_start=True)
        for estimator in (before, MLPClassifier(**SETTINGS)):
            estimator.set_params(**{"solver": solver} | changed)
            attributes, arrays = (
                dict(vars(estimator)),
                pickle.dumps(estimator.__getstate__() | changed_only(changed)),
            )
            with pytest.raises((ValueError, TypeError), match=words):
                estimator.fit(X, Y, **arguments)
            now = vars(estimator)
            assert list(now) == list(attributes)
            assert all(now[name] is value for name, value in attributes.items())
            assert pickle.dumps(estimator.__getstate__() | changed_only(changed)) == arrays
        if case in ("width", "split"):
            return


def changed_only(changed: dict[str, Any]) -> dict[str, Any]:
    """Parameters that pickle cannot write, left out."""
    return dict.fromkeys(changed)


def test_targets_of_another_width_are_refused() -> None:
    two = np.stack([Y % 2, Y % 3], axis=1)
    ours = MLPRegressor(max_iter=1).fit(X, two)
    with pytest.raises(ValueError, match="y must have 2 columns, as many as the network has outputs; got 1"):
        ours.partial_fit(X, Y % 2)  # which could pass for labels
    with pytest.raises(ValueError, match="y must have 2 columns"):
        ours.fit(X, two, X_val=X_VAL, y_val=Y_VAL % 2)
    with pytest.raises(ValueError, match=r"y must have 1 column, .* got 2"):
        ours.fit(X, Y, X_val=X, y_val=two)
    assert ours.fit(X, Y).n_outputs_ == 1


def test_a_refused_partial_fit_changes_nothing_either() -> None:
    ours = MLPClassifier(**SETTINGS, early_stopping=True)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        ours.partial_fit(X, Y, classes=range(10))
    assert not [name for name in vars(ours) if name.endswith("_")]
    ours.partial_fit(X, Y, classes=list(range(10)), X_val=X_VAL, y_val=Y_VAL)
    with pytest.raises(ValueError, match="balanced"):
        ours.set_params(class_weight="balanced").partial_fit(X, Y, X_val=X_VAL, y_val=Y_VAL)


# scores, patience, the best parameters


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, None),
        ("loss", None),
        ("f1_macro", "f1_macro"),
        (make_scorer(metrics.balanced_accuracy_score), "balanced_accuracy"),
        (lambda estimator, X, y: -metrics.log_loss(y, estimator.predict_proba(X)), "neg_log_loss"),
    ],
    ids=["accuracy", "loss", "name", "scorer", "function"],
)
def test_the_best_parameters_are_those_of_a_run_of_so_many_epochs(scoring: Any, name: str | None) -> None:
    # a rate at which the scores go up and down
    ours = MLPClassifier(**SETTINGS | {"learning_rate_init": 0.05}, max_iter=60, early_stopping=True,
                         scoring=scoring, n_iter_no_change=5, metrics=[name] if name else None)  # fmt: skip
    ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    scores = ours.history_.metrics["score"]
    assert ours.validation_scores_ == scores
    if scoring == "loss":
        assert scores == [-loss for loss in ours.history_.validation_cost if loss is not None]
    elif scoring is None:
        assert scores == ours.history_.validation_accuracy
    else:
        assert scores == pytest.approx(ours.history_.metrics[name or ""])
    best = int(np.argmax(np.array(scores, float)))
    assert ours.history_.best_epoch == best
    assert ours.n_iter_ == len(ours.history_) < 60  # patience ended it
    assert ours.history_.stopped == (
        "Validation score did not improve more than tol=0.000100 for 5 consecutive epochs."
    )
    assert bits(ours) == bits(after(best + 1, ours, X, Y))
    assert metrics.get_scorer(name or "accuracy")(ours, X_VAL, Y_VAL) is not None
    waits = 0
    for number, score in enumerate(scores):  # the rule, worked anew
        assert score is not None
        top = max([s for s in scores[:number] if s is not None], default=-np.inf)
        waits = waits + 1 if score < top + 1e-4 else 0
        assert (waits > 5) == (number == len(scores) - 1)


@pytest.mark.parametrize("how", ["partial_fit", "pickled"])
def test_partial_fit_with_early_stopping_is_fit(how: str) -> None:
    settings: dict[str, Any] = SETTINGS | {"learning_rate_init": 0.05, "early_stopping": True,
                                           "shuffle": False, "n_iter_no_change": 4,
                                           "max_iter": 100}  # fmt: skip
    whole = MLPClassifier(**settings).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    parts = MLPClassifier(**settings)
    while getattr(parts, "history_", nn.History()).stopped is None:
        parts.partial_fit(X, Y, classes=list(range(10)), X_val=X_VAL, y_val=Y_VAL)
        if how == "pickled":
            parts = pickle.loads(pickle.dumps(parts))
    assert bits(parts) == bits(whole)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.history_.best_epoch == whole.history_.best_epoch
    assert parts.history_.stopped == whole.history_.stopped
    assert parts.validation_scores_ == whole.validation_scores_
    parts.partial_fit(X, Y, X_val=X_VAL, y_val=Y_VAL)  # goes on, with patience anew
    assert parts.history_.stopped is None
    assert len(parts.history_) == len(whole.history_) + 1


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop", "nesterov", "adamw"])
@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_a_pickled_estimator_goes_on_with_the_same_bits(how: str, solver: str) -> None:
    def trained(pickled: bool) -> MLPClassifier:
        ours = MLPClassifier((8, 6), solver=solver, max_iter=2, warm_start=True, dropout=0.2, random_state=0)
        for _ in range(3):
            ours.fit(X, Y) if how == "warm_start" else ours.partial_fit(X, Y, classes=list(range(10)))
            if pickled:
                ours = pickle.loads(pickle.dumps(ours))
        return ours

    through, never = trained(True), trained(False)
    assert bits(through) == bits(never)
    assert through.loss_curve_ == never.loss_curve_
    assert through.history_.cost == never.history_.cost == never.loss_curve_
    assert [e.epoch for e in never.history_.epochs] == list(range(6 if how == "warm_start" else 3))


def test_warm_start_keeps_the_optimizers_state() -> None:
    settings: dict[str, Any] = SETTINGS | {"shuffle": False}
    whole = MLPClassifier(**settings, max_iter=6).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    parts = MLPClassifier(**settings, max_iter=2, warm_start=True)
    for _ in range(3):
        parts.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert bits(parts) == bits(whole)
    assert parts.history_.best_epoch == whole.history_.best_epoch
    assert parts.validation_loss_curve_ == whole.validation_loss_curve_


def test_one_solver_goes_on_from_another() -> None:
    ours = MLPClassifier(**SETTINGS, solver="lbfgs", max_iter=2, warm_start=True)
    ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    ours.set_params(solver="adam").fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    ours.set_params(early_stopping=True, solver="sgd").fit(X, Y)
    assert [e.epoch for e in ours.history_.epochs] == [0, 1, 2, 3, 4, 5]
    assert ours.loss_curve_ == ours.history_.cost[2:]
    assert ours.validation_loss_curve_ == ours.history_.validation_cost
    ours.set_params(solver="lbfgs", warm_start=False).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert ours.validation_scores_ == ours.history_.validation_accuracy
    assert not hasattr(ours, "loss_curve_")


def test_weights_go_with_an_eval_set_too() -> None:
    one, other = MLPClassifier(**SETTINGS, max_iter=1), MLPClassifier(**SETTINGS, max_iter=1)
    one.fit(X, Y, eval_set=((X_VAL, Y_VAL),), sample_weight_val=WEIGHTS)
    other.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHTS)
    assert one.validation_loss_curve_ == other.validation_loss_curve_


def test_parameters_of_another_float_type_train_on() -> None:
    ours = MLPClassifier(**SETTINGS, max_iter=2, warm_start=True).fit(X, Y)
    ours.coefs_ = [c.astype(np.float32) for c in ours.coefs_]
    ours.intercepts_ = [b.astype(np.float32) for b in ours.intercepts_]
    ours.fit(X, Y)
    assert ours.predict_proba(X).dtype == np.float32


# callbacks


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_see_each_epoch_and_may_end_training(solver: str) -> None:
    seen: list[Epoch] = []

    def ends(epoch: Epoch) -> np.bool_:
        return np.float64(epoch.epoch) >= 2

    ours = MLPClassifier(**SETTINGS, solver=solver, callbacks=[seen.append, ends])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it did not fail to converge: it was told to end
        ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert seen == ours.history_.epochs
    assert [epoch.epoch for epoch in seen] == [0, 1, 2]
    assert ours.n_iter_ == 3
    assert ours.history_.stopped == "A callback ended training after epoch 2."
    assert bits(ours) == bits(after(3, ours, X, Y))
    MLPClassifier(**SETTINGS, max_iter=1, callbacks=seen.append).fit(X, Y)
    assert len(seen) == 4


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_keeps_what_it_has_learned(error: type[BaseException], solver: str) -> None:
    def stops(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise error("enough")

    ours = MLPClassifier(**SETTINGS, solver=solver, warm_start=True, shuffle=False, callbacks=stops)
    if error is KeyboardInterrupt:
        with pytest.warns(UserWarning, match="Training interrupted by user") as caught:
            ours.fit(X, Y)
        assert caught[0].filename == __file__
    else:
        with pytest.raises(RuntimeError, match="enough"):
            ours.fit(X, Y)
    assert bits(ours) == bits(after(3, ours, X, Y))
    assert (ours.n_iter_, len(ours.history_)) == (3, 3)
    if solver == "adam":  # and goes on as if nothing had been
        ours.set_params(callbacks=None, max_iter=2).fit(X, Y)
        assert bits(ours) == bits(after(5, ours, X, Y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_in_the_first_epoch_leaves_nothing_of_the_fit_before(
    solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nablanet.estimators import full_batch, stochastic

    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    ours = MLPClassifier(**SETTINGS, solver=solver).fit(X, Y)
    monkeypatch.setattr(full_batch._Objective, "__call__", interrupt)
    monkeypatch.setattr(stochastic.Run, "_learn", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        ours.fit(X, Y)
    assert (ours.n_iter_, len(ours.history_), hasattr(ours, "loss_")) == (0, 0, False)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_while_an_epoch_is_measured_shows_nothing_of_it(solver: str) -> None:
    answers = iter([0.1, 0.2])

    def score(*_: object) -> float:
        try:
            return next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    ours = MLPClassifier(**SETTINGS, solver=solver, early_stopping=True, scoring=score)
    with pytest.warns(UserWarning, match="interrupted"):
        ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert ours.n_iter_ == len(ours.history_) == 2
    assert ours.validation_scores_ == ours.history_.metrics["score"] == [0.1, 0.2]
    assert ours.validation_loss_curve_ == ours.history_.validation_cost
    assert ours.loss_ == ours.history_.cost[-1]
    if solver == "adam":
        assert ours.loss_curve_ == ours.history_.cost
        assert ours.t_ == 2 * len(X)


def test_ctrl_c_within_an_epoch_keeps_the_last_mini_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from nablanet import engine

    def in_two_pieces(n: int, network: object, batch_size: int) -> Any:
        yield 0, 2 * batch_size
        raise KeyboardInterrupt

    reference = MLPClassifier(**SETTINGS, batch_size=50, shuffle=False, max_iter=1).fit(X[:100], Y[:100])
    monkeypatch.setattr(engine, "_blocks", in_two_pieces)
    ours = MLPClassifier(**SETTINGS, batch_size=50, shuffle=False, n_threads=1)
    with pytest.warns(UserWarning, match="interrupted"):
        ours.partial_fit(X, Y, classes=list(range(10)))
    assert bits(ours) == bits(reference)
    assert ours.score(X_VAL, Y_VAL) > 0


def test_what_a_callback_writes_trains_on() -> None:
    def in_place(epoch: Epoch) -> None:
        ours.coefs_[0][:5] = epoch.epoch

    def anew(epoch: Epoch) -> None:
        theirs.coefs_ = [c.copy() for c in theirs.coefs_]
        theirs.coefs_[0][:5] = epoch.epoch
        theirs.predict(X)

    ours = MLPClassifier(**SETTINGS, max_iter=4, callbacks=in_place)
    ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    theirs = MLPClassifier(**SETTINGS, max_iter=4, callbacks=anew)
    theirs.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    plain = MLPClassifier(**SETTINGS, max_iter=4).fit(X, Y)
    assert (ours.coefs_[0][:5] == 3).all()
    assert bits(ours) == bits(theirs) != bits(plain)
    assert ours.validation_loss_curve_ == theirs.validation_loss_curve_

    def shrinks(epoch: Epoch) -> None:
        other.coefs_ = other.coefs_[:1]

    other = MLPClassifier(**SETTINGS, callbacks=shrinks)
    with pytest.raises(ValueError, match="a callback must leave coefs_ and intercepts_ their shapes"):
        other.fit(X, Y)


# divergence


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_diverging_run_keeps_the_last_finite_parameters(early_stopping: bool) -> None:
    ours = MLPRegressor("squared_error", (5,), solver="sgd", learning_rate_init=1e-3, shuffle=False,
                        warm_start=True, max_iter=2, random_state=0,
                        early_stopping=early_stopping)  # fmt: skip
    ours.fit(DIABETES, PROGRESS)
    ours.set_params(learning_rate_init=1e300)
    kept = bits(ours)
    if early_stopping:
        with pytest.warns(ConvergenceWarning, match="Training diverged in iteration 1"):
            ours.fit(DIABETES, PROGRESS)
    else:
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
            ours.fit(DIABETES, PROGRESS)
        assert bits(ours) == kept
    assert all(np.isfinite(p).all() for p in ours.coefs_ + ours.intercepts_)
    assert np.isnan(ours.loss_curve_[-1])
    assert ours.history_.stopped == "Training diverged in epoch 2."
    ours.set_params(learning_rate_init=1e-3).fit(DIABETES, PROGRESS)  # the optimizer begins anew
    assert np.isfinite(ours.loss_)


# where warnings point to


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warnings_point_to_the_line_that_calls(solver: str) -> None:
    for estimator, y in ((MLPClassifier(**SETTINGS), Y), (MLPRegressor(**SETTINGS), Y / 10)):
        estimator.set_params(solver=solver, max_iter=2)
        with pytest.warns(ConvergenceWarning) as caught:
            estimator.fit(X, y)
        assert [warning.filename for warning in caught] == [__file__]
        if solver == "adam":
            estimator.set_params(batch_size=301)
            with pytest.warns(UserWarning, match="It is going to be clipped") as caught:
                estimator.partial_fit(X, y)
            assert [warning.filename for warning in caught] == [__file__]
