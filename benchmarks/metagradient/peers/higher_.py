"""higher: a differentiable copy of the module for every task."""

from __future__ import annotations

from typing import Any

import higher
import torch
from models import Setting, weights_of


class Loop:
    """MAML as in higher's examples."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self._setting, self._done = Setting(problem), 0
        self._network = self._setting.module()
        self._inner = torch.optim.SGD(self._network.parameters(), lr=self._setting.inner_lr)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=self._setting.lr)

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        setting, network = self._setting, self._network
        for step in range(self._done, self._done + count):
            batch = setting.batch(step)
            self._optimizer.zero_grad()
            for X, y, X_query, y_query in zip(*batch, strict=True):
                with higher.innerloop_ctx(network, self._inner, copy_initial_weights=False) as (copy, inner):
                    inner.step(setting.loss(copy(X), y))
                    (setting.loss(copy(X_query), y_query) / len(batch[0])).backward()
            self._optimizer.step()
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return weights_of(self._network)
