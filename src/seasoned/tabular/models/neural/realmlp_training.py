"""Training of RealMLP: Adam in JAX, one compiled call per epoch; validation rows select the best epoch."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned._util.optional_packages import require
from seasoned.tabular.models.neural.epochs import cycle, rate_at, watched
from seasoned.tabular.models.neural.realmlp_forward import Build, forward, initial

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

__all__ = ["Plan", "Rows", "train"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.95, 1e-8
_RATES: Final = {"scale": 6.0, "a": 0.1, "b": 0.1, "frequency": 0.1, "phase": 0.1, "mix": 0.1, "offset": 0.1}
_POOL: Final = 4_096  # rows of the random matrix from which an epoch takes its dropout masks


class Rows(NamedTuple):
    """Inputs (n, p), targets (n, outputs), and row weights, (n,)."""

    X: Array
    Y: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Plan:
    """Training settings.

    Attributes:
        epochs: Passes over the rows; the learning rate schedule spans all of them.
        batch: Rows per step.
        rate: Largest learning rate.
        decay: Weight decay, relative to the learning rate.
        dropout: Dropout rate of hidden activations.
        smoothing: Label smoothing towards the class shares.
        waves: Standard deviation of the frequencies of the numerical embeddings.
        loss: `"classes"`, `"squares"` or `"quantile"`.
        quantile: Quantile of the loss `"quantile"`.
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    dropout: float
    smoothing: float
    waves: float
    loss: str
    quantile: float = 0.5


class _State(NamedTuple):
    params: Any
    mean: Any
    square: Any
    count: Any


def train(
    build: Build, plan: Plan, data: Rows, valid: Rows | None, *, seed: int, seconds: float | None
) -> tuple[dict[str, Array], int]:
    """Return the parameters and number of the best epoch, or of the last epoch without validation rows.

    The schedule has four cosine cycles, each twice as long as the cycle before. A cycle without a lower validation loss
    ends the training. With `seconds`, the number of epochs is reduced to fit the measured time of the first three
    epochs and of the compilation.

    Args:
        build: The architecture.
        plan: Training settings.
        data: Training rows.
        valid: Validation rows.
        seed: Random seed of initial parameters, shuffles and dropout.
        seconds: Time limit, including the compilation.
    """
    jax = require("jax")
    start = time.monotonic()
    rng = np.random.default_rng(seed)
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        run = _Run(build, plan, data, valid, rng)
        run.epoch(0, plan.epochs, steps=0)  # compile
        return _epochs(run, plan, start, seconds)


def _epochs(run: _Run, plan: Plan, start: float, seconds: float | None) -> tuple[dict[str, Array], int]:
    warm, epochs = time.monotonic(), plan.epochs
    best, kept, taken, last_cycle = math.inf, run.state.params, 0, math.inf
    epoch = 0
    while epoch < epochs:
        epoch += 1
        run.epoch(epoch - 1, epochs)
        loss = run.loss()
        if loss is not None and (loss < best or not taken):
            best, kept, taken = loss, run.state.params, epoch
        now = time.monotonic()
        if seconds is not None and epoch <= 3:
            left = 0.9 * (seconds - (warm - start))
            epochs = max(epoch, min(plan.epochs, int(left * epoch / max(now - warm, 1e-6))))  # clocks may be coarse
        if seconds is not None and now - start > seconds:
            break
        if loss is not None and cycle(epoch / epochs) > cycle((epoch - 1) / epochs):
            if best >= last_cycle:
                break
            last_cycle = best
    params = kept if taken else run.state.params
    return {name: np.asarray(part) for name, part in params.items()}, taken or epoch


class _Run:
    """Training run: the data on the device, and the state between epochs."""

    def __init__(self, build: Build, plan: Plan, data: Rows, valid: Rows | None, rng: np.random.Generator) -> None:
        jax = require("jax")
        self.plan, self.rng, self.rows = plan, rng, len(data.X)
        self._advance, self._measure = compiled_passes(build, plan.batch, plan.loss, plan.dropout > 0)
        first = initial(build, plan.waves, rng)
        zeros = {name: np.zeros_like(part) for name, part in first.items()}
        self.state = _State(first, zeros, zeros, np.float32(0))
        shares = np.average(data.Y, axis=0, weights=data.weight).astype(np.float32)
        Y = data.Y * np.float32(1 - plan.smoothing) + np.float32(plan.smoothing) * shares
        self.data = jax.device_put(padded(Rows(data.X, Y, data.weight)))
        self.valid = None
        if valid is not None and len(valid.X):
            self.valid = jax.device_put(padded(Rows(*watched(valid))))
        self.size = len(self.data.X)

    def epoch(self, done: int, epochs: int, steps: int | None = None) -> None:
        """Run one pass over the shuffled rows."""
        plan, batch = self.plan, self.plan.batch
        steps = max(1, round(self.rows / batch)) if steps is None else steps
        order = np.zeros(self.size + batch, dtype=np.int32)
        shuffled = self.rng.permutation(self.rows)
        order[: self.rows] = shuffled
        order[self.rows :] = np.resize(shuffled, len(order) - self.rows)  # the last batch may wrap around
        pool = np.zeros((1, 1), np.float32)
        if plan.dropout:
            kept = self.rng.random((_POOL, self._width()), dtype=np.float32) >= plan.dropout
            pool = kept.astype(np.float32) * np.float32(1 / (1 - plan.dropout))
        numbers = np.array([plan.rate, plan.decay, plan.quantile, done, epochs], dtype=np.float32)
        seed = np.int32(self.rng.integers(2**30))
        self.state = self._advance(self.state, (self.data, order, pool, numbers, np.int32(steps), seed))

    def loss(self) -> float | None:
        """Loss of the validation rows; None without validation rows."""
        if self.valid is None:
            return None
        return float(self._measure(self.state.params, self.valid, np.float32(self.plan.quantile)))

    def _width(self) -> int:
        return int(self.state.params["b0"].shape[0])


def padded(rows: Rows) -> Rows:
    """Pad with rows of weight 0 to a size that other folds and tables share, so that compiled code is reused."""
    n = len(rows.X)
    size = 64
    while size < n:
        size = size * 3 // 2 if size & (size - 1) == 0 else size // 3 * 4
    return Rows(*(np.pad(part, [(0, size - n)] + [(0, 0)] * (part.ndim - 1)) for part in rows))


@functools.lru_cache(maxsize=8)
def compiled_passes(build: Build, batch: int, loss: str, drops: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compiled pass over the rows, and compiled validation loss."""
    jax = require("jax")
    jnp, lax = jax.numpy, jax.lax
    rates = {name: _RATES.get(name, _RATES.get(name[0], 1.0)) for name in initial(build, 1.0, np.random.default_rng(0))}

    def errors(params: Any, rows: Rows, quantile: Any, drop: Any) -> Any:
        outputs = forward(jnp, build, params, rows.X, drop)
        if loss == "classes":
            each = -(rows.Y * jax.nn.log_softmax(outputs)).sum(axis=1)
        elif loss == "squares":
            each = 0.5 * ((outputs - rows.Y) ** 2).sum(axis=1)
        else:
            left = rows.Y - outputs
            each = jnp.maximum(quantile * left, (quantile - 1) * left).sum(axis=1)
        return each * rows.weight

    def error(params: Any, rows: Rows, quantile: Any, drop: Any) -> Any:
        # mean over rows, not over weights: batches with large weights count more
        return errors(params, rows, quantile, drop).mean()

    def step(place: Any, carried: Any, fixed: Any) -> Any:
        data, order, pool, numbers, steps, seed = fixed
        rate, decay, quantile, done, epochs = numbers
        chosen = lax.dynamic_slice_in_dim(order, place * batch, batch)
        rows = Rows(*(part[chosen] for part in data))

        def drop(layer: int, h: Any) -> Any:
            mixed = (seed + place * 7919 + layer * 104729) * 48271  # start of this layer's mask in the pool
            return h * lax.dynamic_slice_in_dim(pool, (mixed & 0x7FFFFFFF) % (_POOL - batch), batch)

        slope = jax.grad(error)(carried.params, rows, quantile, drop if drops else None)
        t = (done + place / steps) / epochs
        share = rate_at(t, jnp)
        count = carried.count + 1
        mean = {k: _BETA1 * carried.mean[k] + (1 - _BETA1) * slope[k] for k in slope}
        square = {k: _BETA2 * carried.square[k] + (1 - _BETA2) * slope[k] ** 2 for k in slope}
        fall, spread = 1 - _BETA1**count, 1 - _BETA2**count
        moved = {}
        for k, part in carried.params.items():
            size = rate * rates[k] * share
            kept = part * (1 - size * decay) if k[0] == "w" else part
            moved[k] = kept - size * (mean[k] / fall) / (jnp.sqrt(square[k] / spread) + _EPSILON)
        return _State(moved, mean, square, count)

    def advance(state: Any, fixed: tuple[Any, ...]) -> Any:
        return lax.fori_loop(0, fixed[4], lambda place, carried: step(place, carried, fixed), state)

    def measure(params: Any, rows: Any, quantile: Any) -> Any:
        return errors(params, rows, quantile, None).sum() / rows.weight.sum()

    return jax.jit(advance), jax.jit(measure)
