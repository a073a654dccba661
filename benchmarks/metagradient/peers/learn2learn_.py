"""learn2learn: a clone of the module for every task, adapted."""

from __future__ import annotations

from typing import Any

import torch
from learn2learn.algorithms import MAML
from models import Setting, weights_of


class Loop:
    """MAML as in learn2learn's examples."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self._setting, self._done = Setting(problem), 0
        self._maml = MAML(self._setting.module(), lr=self._setting.inner_lr, first_order=False)
        self._optimizer = torch.optim.Adam(self._maml.parameters(), lr=self._setting.lr)

    def advance(self, count: int) -> None:
        """Takes meta-steps."""
        setting = self._setting
        for step in range(self._done, self._done + count):
            batch = setting.batch(step)
            self._optimizer.zero_grad()
            for X, y, X_query, y_query in zip(*batch, strict=True):
                learner = self._maml.clone()
                learner.adapt(setting.loss(learner(X), y))
                (setting.loss(learner(X_query), y_query) / len(batch[0])).backward()
            self._optimizer.step()
        self._done += count

    def weights(self) -> list[Any]:
        """The meta-parameters now."""
        return weights_of(self._maml.module)
