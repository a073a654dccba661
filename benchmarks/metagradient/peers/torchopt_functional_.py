"""TorchOpt's functional optimisers under torch.func: all tasks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torchopt
from models import Setting
from torch.func import grad, vmap

if TYPE_CHECKING:
    from torch import Tensor


class Loop:
    """MAML by pure functions: sgd inside, adam outside."""

    def __init__(self, problem: dict[str, Any]) -> None:
        setting = self._setting = Setting(problem)
        self._done = 0
        inner, self._outer = torchopt.sgd(lr=setting.inner_lr), torchopt.adam(lr=setting.lr)
        self._weights = tuple(setting.weights)
        self._memory = self._outer.init(self._weights)

        def task_loss(weights: Any, X: Tensor, y: Tensor, X_query: Tensor, y_query: Tensor) -> Tensor:
            gradients = grad(lambda w: setting.loss(setting.forward(w, X), y))(weights)
            updates, _ = inner.update(gradients, inner.init(weights), inplace=False)
            adapted = torchopt.apply_updates(weights, updates, inplace=False)
            return setting.loss(setting.forward(adapted, X_query), y_query)

        self._gradient = grad(lambda weights, batch: vmap(task_loss, (None, 0, 0, 0, 0))(weights, *batch).mean())

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        for step in range(self._done, self._done + count):
            gradients = self._gradient(self._weights, self._setting.batch(step))
            updates, self._memory = self._outer.update(gradients, self._memory, inplace=False)
            self._weights = torchopt.apply_updates(self._weights, updates, inplace=False)
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return [weight.numpy() for weight in self._weights]
