"""scikit-learn estimators on the engine: `MLPClassifier` and `MLPRegressor`."""

from nablanet.estimators.classifier import MLPClassifier
from nablanet.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
