"""The plain PyTorch loop: one task after the other, `torch.autograd.grad` with a graph of the graph."""

from __future__ import annotations

from typing import Any

import torch
from models import Setting


class Loop:
    """MAML as tutorials write it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self._setting, self._done = Setting(problem), 0
        self._weights = self._setting.fresh()
        self._optimizer = torch.optim.Adam(self._weights, lr=self._setting.lr)

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        setting, weights = self._setting, self._weights
        for step in range(self._done, self._done + count):
            losses = []
            for X, y, X_query, y_query in zip(*setting.batch(step), strict=True):
                loss = setting.loss(setting.forward(weights, X), y)
                gradients = torch.autograd.grad(loss, weights, create_graph=True)
                adapted = [w - setting.inner_lr * g for w, g in zip(weights, gradients, strict=True)]
                losses.append(setting.loss(setting.forward(adapted, X_query), y_query))
            self._optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            self._optimizer.step()
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return [weight.detach().numpy() for weight in self._weights]
