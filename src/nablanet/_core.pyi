from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

compiler: str

def compiled_isas() -> list[str]: ...
def supported_isas() -> list[str]: ...
def choose_isa(name: str) -> str: ...
def all_finite32(isa: str, x: Rows, rows: int, threads: int) -> bool: ...
def all_finite64(isa: str, x: Rows, rows: int, threads: int) -> bool: ...
def elementary32(isa: str, function: int, x: Array, out: Array) -> None: ...
def elementary64(isa: str, function: int, x: Array, out: Array) -> None: ...

class Settings:
    method: int
    beta1: float
    beta2: float
    epsilon: float
    epsilon_hat: bool
    sum_squares: bool
    by_weight: bool
    decay: float
    drop_thresholds: list[int]
    drop_seed: int
    mu: float
    rho: float
    weight_decay: float
    alpha: float
    l1: float
    clip_value: float
    clip_norm: float
    max_norm: float
    average: float

class Rows:
    @staticmethod
    def dense(
        owner: object,
        data: int,
        scalar: int,
        width: int,
        row_bytes: int,
        strided: bool,
        column_bytes: int,
        scale: float,
    ) -> Rows: ...
    @staticmethod
    def sparse(
        owner: object,
        data: int,
        scalar: int,
        width: int,
        indices: int,
        wide_indices: bool,
        indptr: int,
        wide_indptr: bool,
        stored: int,
        scale: float,
    ) -> Rows: ...

class _Engine:
    def __init__(
        self,
        sizes: list[int],
        activations: list[int],
        cost: int,
        cost_parameter: float,
        isa: str,
        threads: int,
    ) -> None: ...
    def load(self, weights: list[Array], biases: list[Array]) -> None: ...
    def store(self, weights: list[Array], biases: list[Array]) -> bool: ...
    def predict(self, x: Rows, first: int, out: Array) -> bool: ...
    def evaluate(
        self,
        x: Rows,
        y: Array | Rows,
        first: int,
        out: Array,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> float: ...
    def gradient(
        self,
        x: Rows,
        y: Array | Rows,
        rows: int,
        nabla_w: list[Array],
        nabla_b: list[Array],
        weights: npt.NDArray[np.float64] | None = None,
    ) -> float: ...
    def input_gradient(self, x: Rows, y: Array | Rows, out: Array) -> None: ...
    def jacobian(self, x: Rows, rows: int, out: Array) -> None: ...
    def hidden(self, x: Rows, layer: int, out: Array) -> None: ...
    def start(
        self,
        x: Rows,
        y: Array | Rows,
        batch: int,
        settings: Settings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None: ...
    def train(
        self, order: npt.NDArray[np.int64], begin: int, end: int, etas: npt.NDArray[np.float64]
    ) -> float: ...
    def release_threads(self) -> None: ...
    def kept(self) -> list[str]: ...
    def store_kept(self, name: str, weights: list[Array], biases: list[Array]) -> None: ...
    def load_kept(self, name: str, weights: list[Array], biases: list[Array]) -> None: ...
    steps: int
    @property
    def weight_squares(self) -> float: ...

class Engine32(_Engine): ...
class Engine64(_Engine): ...

class _Single:
    def __init__(
        self, weights: list[Array], biases: list[Array], activations: list[int], isa: str
    ) -> None: ...
    def outputs(self, weights: list[Array], biases: list[Array], x: Array, out: Array) -> bool: ...

class Single32(_Single): ...
class Single64(_Single): ...
