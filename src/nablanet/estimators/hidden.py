"""`transform`: the activations of a hidden layer, as features for what comes next in a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP


class HiddenLayers:
    """Gives an estimator `transform`.

    scikit-learn wraps the `transform` of a transformer, for `set_output`, with the names of one output; there
    are as many here as hidden layers. So this is none, and each layer is one of its own.
    """

    def transform(self, X: Any, layer: int = -1) -> Array:
        """The activations of a hidden layer for X of shape (m, n_features): features that were learned.

        layer: counts the hidden layers as `hidden_layer_sizes` does, from 0, or from the end. Returns
        shape (m, neurons of that layer), or a frame after `set_output`. Raises ValueError for a layer that
        is not there.
        """
        check_is_fitted(self)
        estimator = cast("BaseMLP", self)
        hidden = len(estimator.coefs_) - 1
        if (
            not isinstance(layer, (int, np.integer))
            or isinstance(layer, bool)
            or not -hidden <= layer < hidden
        ):
            there = f"from {-hidden} to {hidden - 1}" if hidden else "of which there are none"
            raise ValueError(f"layer must be one of the hidden layers, {there}; got {layer!r}")
        return _Layer(estimator, int(layer) % hidden).transform(X)


class _Layer(TransformerMixin):  # type: ignore[misc]
    def __init__(self, estimator: BaseMLP, layer: int):
        self.__dict__ |= vars(estimator)  # among them what set_output has chosen
        self._of, self._layer = estimator, layer

    def transform(self, X: Any) -> Array:
        X = validate_data(self._of, X, accept_sparse="csr", reset=False)
        return self._of._link().network.hidden(X, 2 + self._layer, n_threads=self._of.n_threads)

    def get_feature_names_out(self, input_features: object = None) -> Array:
        width = self._of.coefs_[self._layer].shape[1]
        return np.array([f"{type(self._of).__name__.lower()}{i}" for i in range(width)], dtype=object)
