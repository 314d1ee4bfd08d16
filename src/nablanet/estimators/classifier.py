"""`MLPClassifier`: scikit-learn's, on the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from nablanet.estimators.base import BaseMLP, Matrix
from nablanet.estimators.constraints import CLASSIFIER_CONSTRAINTS, check_parameters
from nablanet.estimators.held_out import given_as
from nablanet.estimators.log_odds import log_odds
from nablanet.estimators.weights import class_weights
from nablanet.shapes import Array
from nablanet.training import Callback


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A feed-forward network that classifies: scikit-learn's `MLPClassifier`, trained by the engine.

    The parameters up to `max_fun` are scikit-learn's, with its defaults and meanings. Three of them take
    more:

    - activation: any name of `nablanet.ACTIVATIONS` but softmax, or a list with one for each hidden layer.
    - solver: also "adamw" (with weight_decay), "rmsprop" (with rho and epsilon), "nesterov" (with momentum).
    - learning_rate: also, for every solver but "lbfgs", "cosine" (half a cosine down to 0 within max_iter
      epochs), "one_cycle" (up to learning_rate_init and down again within them), and "plateau" (a tenth
      of it whenever the loss, on held-out data if there is any, has not improved for half of
      n_iter_no_change epochs).

    Beyond scikit-learn's:

    - class_weight: a dict from classes to weights, 1 for a class not in it, or "balanced"; for several
      labels at once "balanced" or a list with one dict for each. Multiplies sample_weight in training;
      held-out samples count without it.
    - label_smoothing: the share s, 0 <= s < 1, of each answer that is spread over all classes.
    - dropout: the share of neurons that each step of training leaves out, for all hidden layers, or a list
      with one for each, or with one more in front for the inputs. Not for "lbfgs".
    - scoring: what early stopping and `validation_scores_` go by: None for the accuracy, "loss", a name of
      scikit-learn's scorers, or a function (estimator, X, y) -> number, of which more is better. The
      patience, as in scikit-learn, ends after more than n_iter_no_change epochs without tol of improvement.
    - metrics: names of scikit-learn's scorers, or a dict from names of your own to scorers, measured on the
      held-out data after each epoch; see `history_.metrics`.
    - callbacks: functions of a `nablanet.Epoch`, called after each; one that returns True ends training.
    - dtype: "float32" or "float64", whatever X has; None for that of X, float64 for integers.
    - n_threads: at most that many threads, None for all cores. The results have the same bits for any number.
    - progress: a progress bar on standard error where that is a terminal.

    Attributes as scikit-learn's, which hold the truth: what is written into `coefs_` and `intercepts_`
    predicts and trains. Besides them `history_`, a `nablanet.History` of all epochs since training began,
    also through `warm_start` and `partial_fit`: `cost` is the loss by epoch (with the penalty of alpha, as
    in `loss_curve_`), `validation_cost` and `validation_accuracy` tell of the held-out data, `metrics` has
    "score" and the metrics, `best_epoch` is the epoch of the best score, and `stopped` says in words why
    the last call ended early. `validation_loss_curve_` is the loss on the held-out data by epoch, without
    penalty, or None.

    `warm_start` keeps the optimizer's state too, and dropout's masks go on; "cosine" and "one_cycle" begin
    anew with each call of `fit`, and go on from one call of `partial_fit` to the next.
    """

    loss = "log_loss"
    _parameter_constraints = CLASSIFIER_CONSTRAINTS

    classes_: Array
    _label_binarizer: LabelBinarizer

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: Mapping[Any, float] | Sequence[Mapping[int, float]] | str | None = None,
        label_smoothing: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        weight_decay: float = 0.01,
        rho: float = 0.9,
        scoring: Any = None,
        metrics: Any = None,
        callbacks: Iterable[Callback] | Callback | None = None,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        progress: bool = False,
    ):
        self._keep(locals())

    def fit(
        self,
        X: Matrix,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Matrix = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
        eval_set: Any = None,
    ) -> MLPClassifier:
        """Train on X of shape (m, n_features), dense or sparse, and y.

        y: m classes, or 0 and 1 of shape (m, n_labels) for several labels at once. sample_weight: shape
        (m,), numbers of 0 or more. X_val, y_val, sample_weight_val: held-out data, in the forms of X, y and
        sample_weight, measured after each epoch (each iteration of "lbfgs"). Early stopping looks at it; at
        a part of X, validation_fraction, where there is none; "lbfgs" never stops early, as in scikit-learn.
        eval_set: [(X_val, y_val)], another way to pass it.

        Raises ValueError or TypeError, before anything of the estimator changes, for what does not fit, and
        ValueError where training diverges. Ctrl-C ends training with a warning. Either way the last finite
        parameters stay: those of the last finished mini-batch, or those of the best score where early
        stopping keeps them.
        """
        check_parameters(self)
        with self._unchanged_if_refused():
            held_out = given_as(X_val, y_val, sample_weight_val, eval_set)
            train = self._prepare(X, y, sample_weight, held_out)
        train()
        return self

    @available_if(BaseMLP._check_solver)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: Matrix,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
        *,
        X_val: Matrix = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> MLPClassifier:
        """One epoch on X and y, which goes on from what earlier calls have learned.

        classes: all classes there will be, needed in the first call. With early_stopping, which needs
        X_val and y_val here, `history_.stopped` is None until the score has not improved for too long; the
        estimator then has the parameters of the best score. Another call goes on from there. Otherwise as
        `fit`.
        """
        check_parameters(self)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see all samples: "
                "pass a dict"
            )
        with self._unchanged_if_refused():
            self._learn_classes(y, classes)
            held_out = given_as(X_val, y_val, sample_weight_val, None)
            train = self._prepare(X, y, sample_weight, held_out, incremental=True)
        train()
        return self

    def predict_proba(self, X: Matrix) -> Array:
        """The probability of each class for X of shape (m, n_features); shape (m, n_classes)."""
        outputs = self._outputs(X)
        if outputs.shape[1] > 1:
            return outputs
        both = np.empty((len(outputs), 2), outputs.dtype)
        both[:, 1] = outputs[:, 0]
        np.subtract(1, both[:, 1], out=both[:, 0])
        return both

    def predict_log_proba(self, X: Matrix) -> Array:
        """The logarithm of `predict_proba`."""
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities, out=probabilities)

    def decision_function(self, X: Matrix) -> Array:
        """The log-odds ln(p / (1 - p)) of each class for X of shape (m, n_features).

        Returns shape (m,) for two classes, of the second; else (m, n_classes). For two classes and for
        several labels, these are the weighted inputs z of the output layer.
        """
        z = self._outputs(X, logits=True)
        if self._is_multiclass():
            return log_odds(z)
        return z[:, 0] if z.shape[1] == 1 else z

    def plot_confusion(self, X: Matrix, y: npt.ArrayLike, ax: Any = None) -> Any:
        """Draw how many samples of each class the network takes for which class.

        X of shape (m, n_features), y of m classes. ax: matplotlib axes to draw on; None for those of a new
        figure. Returns scikit-learn's ConfusionMatrixDisplay, with `confusion_matrix`, `ax_` and `figure_`.
        Raises ImportError without matplotlib, ValueError for several labels per sample.
        """
        from nablanet.estimators import plots  # not needed to train

        check_is_fitted(self)
        return plots.confusion(self, X, y, ax)

    def _learn_classes(self, y: npt.ArrayLike, classes: npt.ArrayLike | None) -> None:
        """What the first call of `partial_fit` is told, and later ones may be told again."""
        if classes is None:
            if not hasattr(self, "classes_"):
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        if hasattr(self, "classes_"):
            if not np.array_equal(self.classes_, unique_labels(classes)):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
            return
        multilabel = type_of_target(y).startswith("multilabel")
        self._set_classes(y if multilabel else classes)

    def _learn_targets(self, y: Array, incremental: bool) -> None:
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._set_classes(y)
            return
        classes = unique_labels(y)
        if self.warm_start and not incremental and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to "
                f"fit. Previously got {self.classes_}, `y` has {classes}"
            )

    def _set_classes(self, y: npt.ArrayLike) -> None:
        self._label_binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._label_binarizer.classes_

    def _targets(self, y: Array, *, learned: bool = False) -> Array:
        if (y.ndim == 2) != self._is_multilabel():
            wanted = "one row of labels" if self._is_multilabel() else "one class"
            raise ValueError(f"y must have {wanted} for each sample, as before; got the shape {y.shape}")
        if not learned:
            classes = unique_labels(y)
            if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                    f"'y' has {classes}."
                )
        if self._is_multiclass():
            n = len(self.classes_)
            numbered = self.classes_.dtype.kind in "iu" and np.array_equal(self.classes_, np.arange(n))
            return (y if numbered else np.searchsorted(self.classes_, y)).astype(np.int32)
        binarized: Array = self._label_binarizer.transform(y).astype(bool)
        return binarized

    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _is_multiclass(self) -> bool:
        return bool(self._label_binarizer.y_type_ == "multiclass")

    def _count_outputs(self, desired: Array) -> int:
        return len(self.classes_) if desired.ndim == 1 else desired.shape[1]

    def _out_activation(self) -> str:
        return "softmax" if self._is_multiclass() else "logistic"

    def _y_is_numeric(self) -> bool:
        return False

    def _decode(self, outputs: Array) -> Array:
        if self._is_multiclass():
            return self.classes_[outputs.argmax(axis=1)]
        if outputs.shape[1] > 1:
            labels = (outputs > 0.5).astype(np.int64)
            return csr_matrix(labels) if self._label_binarizer.sparse_input_ else labels
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(outputs))
        return self.classes_[(outputs[:, 0] > 0.5).astype(np.intp)]

    def _own_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        answers, y = _dense(self._decode(outputs)), _dense(y)
        right = answers == (y if outputs.shape[1] > 1 and y.ndim == 2 else np.ravel(y))
        return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=sample_weight))

    def _loss_scale(self) -> float:
        return 1.0

    def _class_weights(self, y: Array) -> Array | None:
        return None if self.class_weight is None else class_weights(self.class_weight, self.classes_, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _dense(y: Any) -> Array:
    return y.toarray() if issparse(y) else y
