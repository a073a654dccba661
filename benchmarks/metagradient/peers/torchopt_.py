"""TorchOpt: its differentiable SGD on a module, state taken out and put back for every task."""

from __future__ import annotations

from typing import Any

import torch
import torchopt
from models import Setting, weights_of


class Loop:
    """MAML as in TorchOpt's examples."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self._setting, self._done = Setting(problem), 0
        self._network = self._setting.module()
        self._inner = torchopt.MetaSGD(self._network, lr=self._setting.inner_lr)
        self._start = list(self._network.parameters())  # the leaves, before any adaptation
        self._optimizer = torch.optim.Adam(self._start, lr=self._setting.lr)

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        setting, network, inner = self._setting, self._network, self._inner
        for step in range(self._done, self._done + count):
            losses = []
            before = torchopt.extract_state_dict(network, by="reference")
            memory = torchopt.extract_state_dict(inner, by="reference")
            for X, y, X_query, y_query in zip(*setting.batch(step), strict=True):
                inner.step(setting.loss(network(X), y))
                losses.append(setting.loss(network(X_query), y_query))
                torchopt.recover_state_dict(network, before)
                torchopt.recover_state_dict(inner, memory)
            self._optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            self._optimizer.step()
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return weights_of(self._network)
