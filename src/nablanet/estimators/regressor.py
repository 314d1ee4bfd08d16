"""`MLPRegressor`: scikit-learn's, on the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from nablanet.estimators.base import BaseMLP, Matrix
from nablanet.estimators.constraints import REGRESSOR_CONSTRAINTS, check_parameters
from nablanet.estimators.held_out import given_as
from nablanet.shapes import Array
from nablanet.training import Callback


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A feed-forward network that predicts numbers: scikit-learn's `MLPRegressor`, trained by the engine.

    The parameters up to `max_fun` are scikit-learn's, with its defaults and meanings; loss takes more:

    - loss: also "absolute_error", "huber" (an error counts by its square up to huber_delta, in the unit of
      y, and in proportion beyond) and "quantile" (a share `quantile` of the targets lies below what is
      predicted). For several targets it is, as in scikit-learn, the mean of theirs that is shown, and
      their sum that is minimized.

    The other parameters and the attributes are those of `MLPClassifier`, which tells of them, with R² for
    the accuracy and without class_weight and label_smoothing.
    """

    _parameter_constraints = REGRESSOR_CONSTRAINTS

    def __init__(
        self,
        loss: str = "squared_error",
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
        quantile: float = 0.5,
        huber_delta: float = 1.0,
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
    ) -> MLPRegressor:
        """Train on X of shape (m, n_features), dense or sparse, and y of shape (m,) or (m, n_targets).

        The other arguments, and what is raised, as for `MLPClassifier.fit`.
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
        *,
        X_val: Matrix = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> MLPRegressor:
        """One epoch on X and y, which goes on from earlier calls; arguments as for `MLPClassifier`."""
        check_parameters(self)
        with self._unchanged_if_refused():
            held_out = given_as(X_val, y_val, sample_weight_val, None)
            train = self._prepare(X, y, sample_weight, held_out, incremental=True)
        train()
        return self

    def _targets(self, y: Array, *, learned: bool = False) -> Array:
        if y.dtype.kind not in "fiub":
            raise TypeError(f"y must hold numbers, got dtype {y.dtype}")
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _count_outputs(self, desired: Array) -> int:
        return desired.shape[1]

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _y_is_numeric(self) -> bool:
        return True

    def _decode(self, outputs: Array) -> Array:
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _own_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(y, self._decode(outputs), sample_weight=sample_weight))

    def _loss_scale(self) -> float:
        return 1.0 if self.loss == "poisson" else 1.0 / self.n_outputs_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
