"""What `MLPClassifier` and `MLPRegressor` share: from data to `fit`, and from X to outputs."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from nablanet import engine, training_memory
from nablanet.estimators import full_batch, initial, parameters, saved, stochastic
from nablanet.estimators.constraints import STOCHASTIC_SOLVERS
from nablanet.estimators.held_out import HeldOut, split
from nablanet.estimators.hidden import HiddenLayers
from nablanet.estimators.linked import Link, laid_out
from nablanet.estimators.stochastic import Memory
from nablanet.estimators.warned import warn
from nablanet.estimators.weights import sample_weights
from nablanet.shapes import Array
from nablanet.training import Callback, History

Matrix = Any  # an array, or a sparse one

# what training shows of itself, beside `history_`, from its first epoch on
_SHOWN = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "validation_loss_curve_",
)


class BaseMLP(HiddenLayers, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A network behind scikit-learn's interface. Use `MLPClassifier` or `MLPRegressor`."""

    loss: str
    hidden_layer_sizes: Any
    activation: str | Sequence[str]
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float | Sequence[float]
    weight_decay: float
    rho: float
    scoring: Any
    metrics: Any
    callbacks: Iterable[Callback] | Callback | None
    dtype: npt.DTypeLike | None
    n_threads: int | None
    progress: bool
    # of the classifier, of the regressor
    label_smoothing: float
    class_weight: Mapping[Any, float] | Sequence[Mapping[int, float]] | str | None
    quantile: float
    huber_delta: float

    coefs_: list[Array]
    intercepts_: list[Array]
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None
    history_: History
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int

    _memory: Memory
    _linked: Link | None = None

    def _learn_targets(self, y: Array, incremental: bool) -> None:
        """Take in what kinds of answers y has, or refuse those that do not fit an earlier call."""

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        """Put each parameter of `__init__` into an attribute of its own name, as scikit-learn wants it."""
        self.__dict__ |= {k: v for k, v in parameters.items() if k not in ("self", "__class__")}

    @abstractmethod
    def _targets(self, y: Array, *, learned: bool = False) -> Array:
        """The desired outputs for y: labels of int32 (m,), or rows (m, n_outputs).

        learned: whether y has been through `_learn_targets`, so that all of its classes are known.
        """

    @abstractmethod
    def _decode(self, outputs: Array) -> Array:
        """What `predict` returns for outputs (m, n_outputs)."""

    @abstractmethod
    def _out_activation(self) -> str:
        """The name of the output layer's activation, once `_learn_targets` has seen y."""

    @abstractmethod
    def _own_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        """What `score` is for y and the outputs for its X."""

    @abstractmethod
    def _loss_scale(self) -> float:
        """What scikit-learn's loss is of the sum over outputs that the engine's cost is."""

    def _class_weights(self, y: Array) -> Array | None:
        """How much each sample counts for its class, shape (m,); None where all count the same."""
        return None

    @contextmanager
    def _unchanged_if_refused(self) -> Iterator[None]:
        """What is done within leaves no trace if it raises."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _prepare(
        self,
        X: Matrix,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        held_out: tuple[Any, Any, Any] | None,
        incremental: bool = False,
    ) -> Callable[[], None]:
        """Check all that was passed, and return what trains."""
        hidden = parameters.hidden_layer_sizes(self.hidden_layer_sizes)
        names = parameters.hidden_activations(self.activation, len(hidden))
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validated(X, y, reset=first_pass)
        weights = None if sample_weight is None else sample_weights(sample_weight, X)
        self._learn_targets(y, incremental)
        random_state = check_random_state(self.random_state)
        desired = self._targets(y, learned=not incremental)
        if first_pass:
            n_outputs = self._count_outputs(desired)
            name = self.activation if isinstance(self.activation, str) else "relu"
            names.append(names[-1] if names else name)  # the output layer is drawn as the last hidden one
            self._initialize(random_state, [X.shape[1], *hidden, n_outputs], names, X.dtype)
        else:
            self._check_width(desired)
        self._begin()
        if held_out is not None:
            # what it learns from and what it is judged by have the same names of features
            X_val, y_val = self._validated(held_out[0], held_out[1], reset=False)
            weights_val = None if held_out[2] is None else sample_weights(held_out[2], X_val)
            held_out = X_val, y_val, weights_val
        link = self._link()
        if not link.shared:
            link = self._share()
        if link.network.sizes[1:-1] != hidden:
            raise ValueError(
                f"hidden_layer_sizes must stay {link.network.sizes[1:-1]} to go on training, got {hidden}"
            )
        if link.network.cost != parameters.get_cost(self):
            raise ValueError(
                f"loss={self.loss!r} does not go with the outputs learned so far: to go on, leave it "
                "as it was, or fit anew with warm_start=False"
            )
        early = self.solver in STOCHASTIC_SOLVERS and self.early_stopping
        chosen, test = self._held_out(X, y, desired, weights, held_out, random_state, early, incremental)
        by_class = self._class_weights(y)
        if by_class is not None:
            weights = by_class if weights is None else by_class * weights
        if self.solver not in STOCHASTIC_SOLVERS:
            return full_batch.Run(self, link.network, X, desired, weights, test).train
        return stochastic.Run(
            self, link.network, X, desired, weights, chosen, test, random_state, incremental
        ).train

    def _validated(self, X: Matrix, y: Any, reset: bool) -> tuple[Matrix, Array]:
        """X of float32 or float64, dense or CSR, and y as an array, which is no column."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=self._y_is_numeric(),
            dtype=(np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype),
            ensure_all_finite=False,
            reset=reset,
        )
        # the engine looks faster; scikit-learn has the words
        if type(X) is not np.ndarray or not engine.all_finite(X, X.dtype, n_threads=self.n_threads):
            assert_all_finite(X, estimator_name=type(self).__name__, input_name="X")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y)
            warn(
                "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
                "(n_samples, ), for example using ravel().",
                DataConversionWarning,
            )
        return X, y

    @abstractmethod
    def _y_is_numeric(self) -> bool:
        """Whether y must hold numbers."""

    def _check_width(self, desired: Array) -> None:
        if (n := self._count_outputs(desired)) != self.n_outputs_:
            raise ValueError(
                f"y must have {self.n_outputs_} column{'s' if self.n_outputs_ > 1 else ''}, as many as the "
                f"network has outputs; got {n}"
            )

    @abstractmethod
    def _count_outputs(self, desired: Array) -> int:
        """The neurons of the output layer."""

    def _initialize(
        self, random_state: np.random.RandomState, sizes: list[int], names: list[str], dtype: np.dtype[Any]
    ) -> None:
        """Begin anew: parameters, and what training keeps of itself."""
        if self.solver in STOCHASTIC_SOLVERS:
            training_memory.check_trainable(sizes, dtype, parameters.get_optimizer(self))
        else:
            full_batch.check_memory(sizes, dtype)
        self.n_outputs_ = sizes[-1]
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_activation()
        drawn = initial.glorot_uniform(random_state, sizes, names, dtype)
        self.coefs_, self.intercepts_ = laid_out(*drawn)
        self.n_iter_ = 0
        self.t_ = 0
        for name in ("_memory", "loss_", *_SHOWN):
            self.__dict__.pop(name, None)

    def _begin(self) -> None:
        """What training shows of itself, where nothing has yet begun it."""
        if "_memory" not in vars(self):
            self._memory = Memory()
            self.history_ = History()
        shown: dict[str, Any] = {"validation_loss_curve_": None}
        if self.solver in STOCHASTIC_SOLVERS:
            shown["loss_curve_"] = []
            shown["validation_scores_"] = [] if self.early_stopping else None
            shown["best_validation_score_"] = -np.inf if self.early_stopping else None
            shown["best_loss_"] = None if self.early_stopping else np.inf
        for name, value in shown.items():
            self.__dict__.setdefault(name, value)

    def _held_out(
        self,
        X: Matrix,
        y: Array,
        desired: Array,
        weights: Array | None,
        given: tuple[Any, Any, Any] | None,
        random_state: np.random.RandomState,
        early_stopping: bool,
        incremental: bool,
    ) -> tuple[Array, HeldOut | None]:
        """The rows to learn from, and what to hold out: what was given, or a part of X.

        weights: of the samples alone. Those of their classes are for learning, not for judging.
        """
        everything = np.arange(X.shape[0])
        if given is not None:
            X_val, y_val, weights_val = given
            desired_val = self._targets(y_val)
            self._check_width(desired_val)
            return everything, HeldOut(X_val, y_val, desired_val, weights_val)
        if not early_stopping:
            return everything, None
        if incremental:
            raise ValueError(
                "partial_fit does not support early_stopping=True without held-out data: pass X_val and y_val"
            )
        learned, tested = split(self, X.shape[0], desired, random_state)
        weights_val = None if weights is None else weights[tested]
        return learned, HeldOut(X[tested], y[tested], desired[tested], weights_val)

    def _link(self) -> Link:
        """The network over `coefs_` and `intercepts_` as they are now."""
        settings = (
            self.activation if isinstance(self.activation, str) else tuple(self.activation),
            self.out_activation_,
            self.loss,
            *(getattr(self, name, None) for name in parameters.OF_THE_LOSS),
        )
        link = self._linked
        if link is not None and link.holds(self.coefs_, self.intercepts_, settings):
            return link
        names = parameters.hidden_activations(self.activation, len(self.coefs_) - 1)
        link = Link(
            self.coefs_,
            self.intercepts_,
            [parameters.get_activation(name) for name in [*names, self.out_activation_]],
            parameters.cost_of_outputs(self),
            settings,
        )
        self._linked = link if link.shared else None
        return link

    def _share(self) -> Link:
        """Put arrays into the lists that training may write into, for those it may not."""
        self._linked = None
        network = self._link().network
        network.check_parameters()  # which copies what is read-only
        self.coefs_ = [w.T for w in network.weights]
        self.intercepts_ = [b[:, 0] for b in network.biases]
        return self._link()

    def _outputs(self, X: Matrix, *, logits: bool = False) -> Array:
        """The activations of the output layer for X, or its weighted inputs z, shape (m, n_outputs)."""
        if "coefs_" not in vars(self):
            check_is_fitted(self)
        link = self._link()
        chosen = link.logits if logits else link.network
        n_threads = None if engine.few_rows(X) else self.n_threads
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and len(X) > 0
            and X.dtype.char in "fd"
            and X.shape[1] == chosen.sizes[0]
            and "feature_names_in_" not in vars(self)
        ):
            try:  # the engine checks the numbers too; scikit-learn finds the words if there is a fault
                return chosen.predict(X, n_threads=n_threads)
            except (ValueError, TypeError):
                pass
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        return chosen.predict(X, n_threads=n_threads)

    def predict(self, X: Matrix) -> Array:
        """What the network answers for X of shape (m, n_features), dense or sparse.

        Returns shape (m,), or (m, n_outputs) for several labels or targets.
        """
        return self._decode(self._outputs(X))

    def save_model(self, path: str | os.PathLike[str], *, optimizer_state: bool = False) -> None:
        """Write a model file that `load_model` reads back: the same predictions, bit for bit.

        It holds no code, and loading it runs none. optimizer_state: also keep what the optimizer
        remembers, so that partial_fit and warm_start go on as if nothing had happened.
        `nablanet.load` reads the network alone. Raises NotFittedError, ValueError for a parameter that is
        a Python function, and OSError, which names the file.
        """
        check_is_fitted(self)
        saved.save_model(self, path, optimizer_state)

    save = save_model  # as a `Network` calls it

    @classmethod
    def load_model(cls, path: str | os.PathLike[str]) -> Self:
        """The estimator in a model file. Raises ModelFileError, a ValueError, for another, and OSError."""
        return saved.load_model(cls, path)

    def plot_learning_curves(self, ax: Any = None) -> Any:
        """Draw the loss by epoch, that of held-out data beside it, and the best epoch.

        ax: matplotlib axes to draw on; None for those of a new figure. Returns the axes. Raises ImportError
        without matplotlib, ValueError where no epoch has ended.
        """
        from nablanet.estimators import plots  # not needed to train

        check_is_fitted(self)
        unit = "iteration" if self.solver == "lbfgs" else "epoch"
        return plots.learning_curves(self.history_, ax, unit=unit)

    @property
    def _n_features_out(self) -> int:
        return self.coefs_[-1].shape[0]

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC_SOLVERS:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self.dtype is None else []
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_linked"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in vars(self) and all(np.ndim(c) == 2 for c in self.coefs_):
            self.coefs_, self.intercepts_ = laid_out(self.coefs_, self.intercepts_)
