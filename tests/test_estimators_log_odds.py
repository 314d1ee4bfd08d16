"""The log-odds of each class, against their formula in high precision and what calibration needs of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mpmath import mp, mpf

from nablanet.estimators.log_odds import log_odds

ROWS = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(3, 5)), elements=st.floats(-900, 900)
)


@settings(max_examples=60)
@given(z=ROWS)
def test_log_odds(z: np.ndarray) -> None:
    found = log_odds(z)
    with mp.workdps(900):
        for row, odds in zip(z, found, strict=True):
            powers = [mp.exp(mpf(float(v))) for v in row]
            for k, value in enumerate(odds):
                others = mp.fsum(p for j, p in enumerate(powers) if j != k)
                assert value == pytest.approx(float(mp.log(powers[k] / others)), rel=1e-12, abs=1e-12)
    np.testing.assert_array_equal(found.max(axis=1), found[np.arange(len(z)), z.argmax(axis=1)])


def test_what_softmax_leaves_open_does_not_count() -> None:
    z = np.array([[1.0, 2.0, 4.0]])
    np.testing.assert_allclose(log_odds(z + 50), log_odds(z), rtol=1e-12)


def test_single_precision_stays() -> None:
    odds = log_odds(np.array([[200.0, -200.0, 0.0]], np.float32))
    assert odds.dtype == np.float32
    assert np.isfinite(odds).all()
