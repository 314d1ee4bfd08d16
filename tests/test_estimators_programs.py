"""Programs as scikit-learn's users write them: with the other import they do what they did."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - brings HalvingGridSearchCV
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.inspection import PartialDependenceDisplay
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

import nablanet

Made = Any  # MLPClassifier and MLPRegressor of either package
Results = dict[str, Any]
OURS: tuple[Made, Made] = (nablanet.MLPClassifier, nablanet.MLPRegressor)
THEIRS: tuple[Made, Made] = (
    sklearn.neural_network.MLPClassifier,
    sklearn.neural_network.MLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def training_curves(C: Made, R: Made) -> Results:
    X, y = datasets.load_iris(return_X_y=True)
    X = MinMaxScaler().fit_transform(X)
    settings: list[dict[str, Any]] = [
        {"solver": "sgd", "learning_rate": rule, "momentum": momentum, "nesterovs_momentum": nesterov}
        for rule in ("constant", "invscaling", "adaptive")
        for momentum, nesterov in ((0, False), (0.9, False), (0.9, True))
    ]
    fitted = [C(random_state=0, max_iter=60, learning_rate_init=0.2, **s).fit(X, y) for s in settings]
    fitted.append(C(random_state=0, max_iter=60, learning_rate_init=0.01).fit(X, y))
    return {str(i): [*m.loss_curve_, m.score(X, y), m.n_iter_, m.t_] for i, m in enumerate(fitted)}


def partial_dependence(C: Made, R: Made) -> Results:
    X, y = datasets.load_diabetes(return_X_y=True)
    net = R(hidden_layer_sizes=(30, 15), learning_rate_init=0.01, early_stopping=True, random_state=0)
    model = make_pipeline(QuantileTransformer(n_quantiles=50), net).fit(X, y)
    display = PartialDependenceDisplay.from_estimator(model, X, [2, (2, 3)], grid_resolution=5)
    return {
        "one": display.pd_results[0]["average"],
        "two": display.pd_results[1]["average"],
        "scores": net.validation_scores_,
        "best": net.best_validation_score_,
    }


def grid_search(C: Made, R: Made) -> Results:
    X, y = datasets.load_wine(return_X_y=True)
    model = Pipeline([("scale", StandardScaler()), ("mlp", C(max_iter=40, random_state=0))])
    grid = {"mlp__hidden_layer_sizes": [(10,), (20, 10)], "mlp__alpha": [1e-4, 0.1]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    return {"scores": search.cv_results_["mean_test_score"], "best": str(search.best_params_)}


def halving_search(C: Made, R: Made) -> Results:
    X, y = datasets.load_wine(return_X_y=True)
    search = HalvingGridSearchCV(
        C((16,), random_state=0),
        {"alpha": [1e-4, 1], "learning_rate_init": [1e-3, 1e-2]},
        resource="max_iter",
        min_resources=3,
        max_resources=9,
        cv=2,
        random_state=0,
    ).fit(StandardScaler().fit_transform(X), y)
    return {"scores": search.cv_results_["mean_test_score"], "best": str(search.best_params_)}


def several_metrics(C: Made, R: Made) -> Results:
    X, y = datasets.load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), C((10,), max_iter=20, random_state=0))
    metrics = ["accuracy", "roc_auc", "average_precision", "neg_log_loss", "f1"]
    result = cross_validate(model, X, y, cv=3, scoring=metrics, return_train_score=True)
    return {name: scores for name, scores in result.items() if "time" not in name}


def learning_by_parts(C: Made, R: Made) -> Results:
    X, y = datasets.load_digits(return_X_y=True)
    net = C((10,), random_state=0)
    curve = learning_curve(net, X / 16, y, train_sizes=[0.3, 1.0], cv=2, exploit_incremental_learning=True)
    return {"sizes": curve[0], "train": curve[1], "test": curve[2]}


def self_training(C: Made, R: Made) -> Results:
    X, y = datasets.load_iris(return_X_y=True)
    some = np.where(np.random.RandomState(0).rand(len(y)) < 0.7, -1, y)
    model = SelfTrainingClassifier(C((10,), max_iter=60, random_state=0)).fit(X, some)
    return {"probabilities": model.predict_proba(X), "when": model.labeled_iter_}


def boosting(C: Made, R: Made) -> Results:
    X, y = datasets.load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    settings: dict[str, Any] = {"n_estimators": 3, "random_state": 0}
    model = AdaBoostClassifier(C((5,), max_iter=15, random_state=0), **settings).fit(X, y)
    Xr, yr = datasets.load_diabetes(return_X_y=True)
    other = AdaBoostRegressor(R(hidden_layer_sizes=(5,), max_iter=15, random_state=0), **settings).fit(Xr, yr)
    return {"classes": model.predict_proba(X), "numbers": other.predict(Xr)}


def early_stopping(C: Made, R: Made) -> Results:
    X, y = datasets.load_digits(n_class=4, return_X_y=True)
    results = {}
    for solver in ("adam", "sgd"):
        net = C((20,), solver=solver, early_stopping=True, n_iter_no_change=3, tol=1e-3, random_state=0)
        net.fit(X / 16, y)
        results[solver] = [*net.validation_scores_, net.n_iter_, net.best_validation_score_]
    binary = C((20,), early_stopping=True, max_iter=20, random_state=0).fit(X / 16, y > 1)
    return results | {"binary": binary.validation_scores_, "classes": binary.classes_}


def text_in_pieces(C: Made, R: Made) -> Results:
    rng = np.random.RandomState(0)
    words = {"food": "soup bread salt oven", "sky": "moon star sun cloud", "sport": "ball goal team win"}
    topics = rng.choice(sorted(words), 200)
    texts = [" ".join(rng.choice([*words[topic].split(), "the", "is", "of"], 6)) for topic in topics]
    vectorizer, net = HashingVectorizer(n_features=512), C((8,), random_state=0)
    for start in range(0, 200, 50):
        part = slice(start, start + 50)
        net.partial_fit(vectorizer.transform(texts[part]), topics[part], classes=sorted(words))
    probabilities = net.predict_proba(vectorizer.transform(texts))
    return {"probabilities": probabilities, "losses": net.loss_curve_, "classes": net.classes_}


def saved_and_gone_on(C: Made, R: Made) -> Results:
    X, y = datasets.load_iris(return_X_y=True)
    net = C((5,), max_iter=20, random_state=0).fit(X, y)
    return {"probabilities": pickle.loads(pickle.dumps(net)).partial_fit(X, y).predict_proba(X)}


def transformed_targets(C: Made, R: Made) -> Results:
    X, y = datasets.load_diabetes(return_X_y=True)
    net = make_pipeline(StandardScaler(), R(hidden_layer_sizes=(10,), max_iter=30, random_state=0))
    scaled = TransformedTargetRegressor(net, transformer=StandardScaler()).fit(X, y)
    both = R(hidden_layer_sizes=(10,), max_iter=30, random_state=0).fit(X, np.column_stack([y, -y]))
    counts = R("poisson", (10,), max_iter=30, random_state=0).fit(X, y)
    return {"scaled": scaled.predict(X), "both": both.predict(X), "counts": counts.predict(X)}


def columns_of_a_frame(C: Made, R: Made) -> Results:
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    ages, sexes = rng.randint(18, 80, 200).astype(float), rng.choice(["f", "m"], 200)
    frame = pd.DataFrame({"age": ages, "sex": sexes})
    answers = pd.Series(np.where((frame.sex == "f") | (frame.age < 25), "yes", "no"))
    columns = make_column_transformer(
        (StandardScaler(), ["age"]),
        (OneHotEncoder(sparse_output=False), ["sex"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    net = C((10,), max_iter=30, random_state=0)
    table = columns.fit_transform(frame)
    net.fit(table, answers)
    complaints = []
    for other in (table.iloc[:, ::-1], table.rename(columns={"age": "years"})):
        with pytest.raises(ValueError) as refused:
            net.predict(other)
        complaints.append(str(refused.value))
    with pytest.warns(UserWarning, match="feature names") as warned:
        net.predict(table.to_numpy())
    return {
        "answers": net.predict(table),
        "probabilities": net.predict_proba(table),
        "names": net.feature_names_in_,
        "complaints": [*complaints, *(str(w.message) for w in warned)],
    }


def several_labels(C: Made, R: Made) -> Results:
    X, Y = datasets.make_multilabel_classification(n_samples=100, random_state=0)
    settings: dict[str, Any] = {"max_iter": 10, "random_state": 0}
    sparse = C(**settings, early_stopping=True).fit(X, sp.csr_matrix(Y))
    answers = sparse.predict(X)
    assert sp.issparse(answers)
    return {
        "dense": C(**settings).fit(X, Y).predict(X),
        "sparse": answers.toarray(),
        "type": type(answers).__name__,
        "scores": sparse.validation_scores_,
        "chain": ClassifierChain(C(**settings)).fit(X, Y).predict(X),
    }


PROGRAMS: list[Callable[[Made, Made], Results]] = [
    training_curves,
    partial_dependence,
    grid_search,
    halving_search,
    several_metrics,
    learning_by_parts,
    self_training,
    boosting,
    early_stopping,
    text_in_pieces,
    saved_and_gone_on,
    transformed_targets,
    columns_of_a_frame,
    several_labels,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gives_what_it_gave(program: Callable[[Made, Made], Results]) -> None:
    ours, theirs = program(*OURS), program(*THEIRS)
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        got, wanted = np.asarray(ours[name]), np.asarray(wanted)
        assert got.dtype.kind == wanted.dtype.kind
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(got, wanted, err_msg=name)


@pytest.mark.parametrize("sizes", [(2.5,), 3.0, (4, "a")])
def test_hidden_layer_sizes_are_whole_numbers(sizes: Any) -> None:
    X, y = datasets.load_iris(return_X_y=True)
    for make in (*OURS, *THEIRS):
        with pytest.raises((TypeError, ValueError)):
            make(hidden_layer_sizes=sizes).fit(X, y)


def test_goes_on_with_another_kind_of_solver() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    net = nablanet.MLPClassifier((5,), solver="lbfgs", max_iter=30, random_state=0, warm_start=True)
    before = net.fit(X, y).loss_
    net.set_params(solver="adam", max_iter=5).fit(X, y)
    assert len(net.loss_curve_) == net.n_iter_ == 5
    assert net.best_loss_ == min(net.loss_curve_) < 1.5 * before


def test_words_for_what_is_no_number() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    with pytest.raises(TypeError, match=r"y must hold numbers, got dtype <U1"):
        nablanet.MLPRegressor().fit(X, y.astype(str).astype("<U1"))
    with pytest.raises(ValueError, match="at least one non-zero number"):
        nablanet.MLPRegressor().fit(X, y, sample_weight=np.zeros(len(y)))
