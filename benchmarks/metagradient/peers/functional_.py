"""torch.func: all tasks side by side (vmap), the gradient of the gradient (grad), Adam written out."""

from __future__ import annotations

from typing import Any

import torch
from models import Setting
from torch import Tensor
from torch.func import grad, vmap

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Loop:
    """MAML as one pure function a meta-step, Adam included."""

    def __init__(self, problem: dict[str, Any]) -> None:
        setting = self._setting = Setting(problem)
        self._done = 0
        self._state = [setting.weights, *([torch.zeros_like(w) for w in setting.weights] for _ in BETAS)]

        def task_loss(weights: list[Tensor], X: Tensor, y: Tensor, X_query: Tensor, y_query: Tensor) -> Tensor:
            gradients = grad(lambda w: setting.loss(setting.forward(w, X), y))(weights)
            adapted = [w - setting.inner_lr * g for w, g in zip(weights, gradients, strict=True)]
            return setting.loss(setting.forward(adapted, X_query), y_query)

        def meta_loss(weights: list[Tensor], batch: list[Tensor]) -> Tensor:
            return vmap(task_loss, (None, 0, 0, 0, 0))(weights, *batch).mean()

        def step(state: list[list[Tensor]], batch: list[Tensor], number: Tensor) -> list[list[Tensor]]:
            weights, means, squares = state
            gradients = grad(meta_loss)(weights, batch)
            means = [BETAS[0] * m + (1 - BETAS[0]) * g for m, g in zip(means, gradients, strict=True)]
            squares = [BETAS[1] * s + (1 - BETAS[1]) * g * g for s, g in zip(squares, gradients, strict=True)]
            first, second = 1 - BETAS[0] ** number, 1 - BETAS[1] ** number
            weights = [
                w - setting.lr * (m / first) / ((s / second).sqrt() + EPSILON)
                for w, m, s in zip(weights, means, squares, strict=True)
            ]
            return [weights, means, squares]

        self._step = self._prepared(step)

    def _prepared(self, step: Any) -> Any:
        return step

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        for number in range(self._done, self._done + count):
            self._state = self._step(self._state, self._setting.batch(number), torch.tensor(number + 1.0))
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return [weight.numpy() for weight in self._state[0]]
