"""Estimators in model files: what comes back is the same, and nothing else is taken for one."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import nablanet
from file_mutations import edited, sealed, taken_apart
from nablanet import MLPClassifier, MLPRegressor, Network
from nablanet.files import ModelFileError
from nablanet.shapes import Array

RNG = np.random.default_rng(0)
X = RNG.random((60, 5))
TARGETS: dict[str, Array] = {
    "three classes": RNG.integers(0, 3, 60),
    "texts": np.array(list("abc"))[RNG.integers(0, 3, 60)],
    "objects": np.array(["u", "v"], object)[RNG.integers(0, 2, 60)],
    "truths": RNG.integers(0, 2, 60) > 0,
    "floats": RNG.integers(0, 3, 60) * 2.0,
    "labels": RNG.integers(0, 2, (60, 4)),
    "one class": np.full(60, 7),
}


def fitted(y: Array, **parameters: Any) -> MLPClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier((7,), random_state=1, **({"max_iter": 5} | parameters)).fit(X, y)


def shown(estimator: Any) -> dict[str, Any]:
    """What training shows of itself."""
    apart = ("coefs_", "intercepts_", "classes_", "history_", "feature_names_in_")
    return {k: v for k, v in vars(estimator).items() if k.endswith("_") and k not in apart}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_classifier_comes_back_and_goes_on(name: str, solver: str, tmp_path: Path) -> None:
    y = TARGETS[name]
    clf = fitted(y, solver=solver)
    clf.save_model(tmp_path / "clf.nabla", optimizer_state=True)
    back = MLPClassifier.load_model(tmp_path / "clf.nabla")
    assert back.get_params() == clf.get_params()
    assert back.predict_proba(X).tobytes() == clf.predict_proba(X).tobytes()
    assert back.predict(X).tolist() == clf.predict(X).tolist()
    assert back.classes_.dtype == clf.classes_.dtype
    assert back.classes_.tolist() == clf.classes_.tolist()
    assert shown(back) == shown(clf)
    assert back.history_ == clf.history_
    if solver != "lbfgs":
        for estimator in (clf, back):
            estimator.partial_fit(X, y)
        for ours, theirs in zip(clf.coefs_ + clf.intercepts_, back.coefs_ + back.intercepts_, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_without_the_optimizers_state_it_begins_anew(tmp_path: Path) -> None:
    y = TARGETS["three classes"]
    clf = fitted(y)
    clf.save(tmp_path / "small.nabla")
    clf.save(tmp_path / "large.nabla", optimizer_state=True)
    moments = 2 * sum(p.nbytes for p in clf.coefs_ + clf.intercepts_)
    assert (tmp_path / "large.nabla").stat().st_size > (tmp_path / "small.nabla").stat().st_size + moments
    back = MLPClassifier.load_model(tmp_path / "small.nabla")
    fresh = fitted(y)
    fresh._memory.optimizer = None
    for estimator in (back, fresh):
        estimator.partial_fit(X, y)
    assert back.coefs_[0].tobytes() == fresh.coefs_[0].tobytes()


def test_parameters_of_every_kind_come_back(tmp_path: Path) -> None:
    y = TARGETS["three classes"]
    parameters = {
        "hidden_layer_sizes": [6, 4],
        "activation": ("tanh", "gelu"),
        "alpha": np.float64(1e-3),
        "class_weight": {0: 2.0, np.int64(1): 1},
        "dropout": [0.1, 0.2],
        "dtype": np.float32,
        "early_stopping": True,
        "n_iter_no_change": np.inf,
        "metrics": ["f1_macro"],
        "scoring": "neg_log_loss",
    }
    clf = fitted(y)
    clf.set_params(**parameters)
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, y)
    clf.save(tmp_path / "clf.nabla")
    back = MLPClassifier.load_model(tmp_path / "clf.nabla")
    assert back.get_params() == clf.get_params() | {"dtype": "float32"}
    assert back.coefs_[0].dtype == np.float32
    assert back.history_.best_epoch == clf.history_.best_epoch
    assert back.predict_proba(X).tobytes() == clf.predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("labels", {"class_weight": [{0: 1, 1: 2.0}] * 4}),
        ("texts", {"class_weight": {"a": 2.0, "c": 0.5}}),
        ("texts", {"metrics": {"f": "f1_macro"}, "early_stopping": True}),
        ("texts", {"metrics": ("f1_macro",), "early_stopping": True}),
    ],
)
def test_dicts_and_lists_of_them_come_back(name: str, parameters: dict[str, Any], tmp_path: Path) -> None:
    clf = fitted(TARGETS[name], **parameters)
    clf.save(tmp_path / "clf.nabla")
    back = MLPClassifier.load_model(tmp_path / "clf.nabla")
    assert back.get_params() == clf.get_params()
    with pytest.warns(ConvergenceWarning):
        assert back.fit(X, TARGETS[name]).loss_curve_ == clf.loss_curve_


def test_sparse_labels_stay_sparse(tmp_path: Path) -> None:
    clf = fitted(csr_matrix(TARGETS["labels"]))
    clf.save(tmp_path / "clf.nabla")
    answers = MLPClassifier.load_model(tmp_path / "clf.nabla").predict(X)
    assert isinstance(answers, csr_matrix)
    assert (answers != clf.predict(X)).nnz == 0


def test_a_regressor_comes_back_with_its_feature_names(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde"))
    with pytest.warns(ConvergenceWarning):
        reg = MLPRegressor("huber", (4,), huber_delta=0.5, max_iter=3).fit(frame, X[:, :2])
    reg.save(tmp_path / "reg.nabla")
    back = MLPRegressor.load_model(tmp_path / "reg.nabla")
    assert back.feature_names_in_.tolist() == list("abcde")
    assert back.predict(frame).tobytes() == reg.predict(frame).tobytes()
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame[list("edcba")])
    assert nablanet.load(tmp_path / "reg.nabla").predict(X).tobytes() == reg.predict(frame).tobytes()


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_diverged_run_is_saved_with_its_last_finite_parameters(
    early_stopping: bool, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"activation": "identity", "solver": "sgd", "learning_rate_init": 1e30}
    reg = MLPRegressor(hidden_layer_sizes=(4,), batch_size=10, early_stopping=early_stopping, **settings)
    said = (
        pytest.warns(ConvergenceWarning) if early_stopping else pytest.raises(ValueError, match="non-finite")
    )
    with said:
        reg.fit(X * 1e3, X[:, 0] * 1e3)
    reg.save(tmp_path / "reg.nabla", optimizer_state=True)
    back = MLPRegressor.load_model(tmp_path / "reg.nabla")
    assert np.isnan(back.history_.cost).all()
    np.testing.assert_array_equal(back.loss_curve_, reg.loss_curve_)
    assert back.predict(X).tobytes() == reg.predict(X).tobytes()


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clf.nabla"
    with pytest.raises(NotFittedError):
        MLPClassifier().save(path)
    clf = fitted(TARGETS["truths"])
    clf.set_params(callbacks=[print])
    with pytest.raises(
        ValueError, match=r"holds no code, and cannot keep callbacks=.*set_params\(callbacks=None"
    ):
        clf.save(path)
    assert not path.exists()
    clf.set_params(callbacks=None).save(path)
    with pytest.raises(
        ModelFileError, match="no model file of MLPRegressor: its estimator is 'MLPClassifier'"
    ):
        MLPRegressor.load_model(path)
    Network([2, 2]).save(path)
    with pytest.raises(
        ModelFileError, match=r"holds a network without an estimator, which nablanet\.load reads"
    ):
        MLPClassifier.load_model(path)
    with pytest.raises(FileNotFoundError):
        MLPClassifier.load_model(tmp_path / "none")


@pytest.mark.parametrize("name", ["n_iter_", "t_"])
def test_an_estimator_that_lacks_its_counters_is_refused(name: str, tmp_path: Path) -> None:
    clf = fitted(TARGETS["truths"])
    delattr(clf, name)
    clf.save(tmp_path / "clf.nabla")
    with pytest.raises(ModelFileError, match=f"its estimator lacks {name}"):
        MLPClassifier.load_model(tmp_path / "clf.nabla")


@pytest.mark.parametrize("name", ["three classes", "labels", "objects"])
def test_ill_meant_estimators_are_refused_by_name(name: str, tmp_path: Path) -> None:
    clf = fitted(TARGETS[name], early_stopping=name != "labels")
    clf.save(tmp_path / "clf.nabla", optimizer_state=True)
    text, tensors = taken_apart((tmp_path / "clf.nabla").read_bytes())
    begin = text.index('"estimator": ') + len('"estimator": ')
    end = text.rindex(', "state"') if text.rindex('"state"') > begin else text.rindex("}")
    chance = random.Random(name)
    refused = 0
    for _ in range(300):
        changed = text[:begin] + edited(chance.randrange, text[begin:end]) + text[end:]
        (tmp_path / "ill.nabla").write_bytes(sealed(changed, tensors))
        try:
            back = MLPClassifier.load_model(tmp_path / "ill.nabla")
        except ModelFileError:
            refused += 1
            continue
        assert back.predict(X).shape == clf.predict(X).shape
        back.get_params()
    assert refused > 100


@pytest.mark.parametrize("dtype", ["a", "S", "i4,i4", "x" * 10_000])
def test_types_of_classes_are_those_of_a_list(dtype: str, tmp_path: Path) -> None:
    """NumPy would know some of them, one with a warning."""
    fitted(TARGETS["three classes"]).save(tmp_path / "clf.nabla")
    text, tensors = taken_apart((tmp_path / "clf.nabla").read_bytes())
    assert text.count('"int64"') == 1
    (tmp_path / "ill.nabla").write_bytes(sealed(text.replace('"int64"', json.dumps(dtype)), tensors))
    with pytest.raises(ModelFileError, match=r"ill\.nabla is no .*classes of type") as caught:
        MLPClassifier.load_model(tmp_path / "ill.nabla")
    assert len(str(caught.value)) < 1000 + len(str(tmp_path))
