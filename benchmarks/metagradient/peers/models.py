"""The two networks as pure functions in PyTorch: 1-40-40-1 for sinusoids, four convolutions for Omniglot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

torch.set_num_threads(1)


class Setting:
    """Weights, tasks and functions of a problem.

    Args:
        problem: As `worker.load` reads it; `weights` are w0, b0, w1, ...
    """

    def __init__(self, problem: dict[str, Any]) -> None:
        count = sum(name.startswith("weight") for name in problem)
        self.weights = [torch.tensor(problem[f"weight{place}"]) for place in range(count)]
        self.tasks = [torch.tensor(problem[name]) for name in ("X", "y", "X_query", "y_query")]  # [steps, tasks, ...]
        self.inner_lr, self.lr = problem["inner_lr"], problem["lr"]
        self.forward, self.loss = {"sinusoid": (mlp, functional.mse_loss), "omniglot": (convnet, _cross_entropy)}[
            problem["name"]
        ]

    def batch(self, step: int) -> list[Tensor]:
        """The tasks of a meta-step; from the first again, when all were seen."""
        return [part[step % len(part)] for part in self.tasks]

    def fresh(self) -> list[Tensor]:
        """Weights to train."""
        return [weight.clone().requires_grad_() for weight in self.weights]

    def module(self) -> nn.Module:
        """The sinusoids' network as a module, for libraries that take modules."""
        layers: list[nn.Module] = []
        for w, b in zip(self.weights[::2], self.weights[1::2], strict=True):
            layer = nn.Linear(*w.shape)
            with torch.no_grad():
                layer.weight.copy_(w.T)
                layer.bias.copy_(b)
            layers += [layer, nn.ReLU()]
        return nn.Sequential(*layers[:-1])


def weights_of(module: nn.Module) -> list[Any]:
    """A module's weights, as the other loops give them."""
    parts = [parameter.detach() for parameter in module.parameters()]
    return [(part.T if part.ndim == 2 else part).numpy() for part in parts]


def mlp(weights: list[Tensor], x: Tensor) -> Tensor:
    """Dense layers with ReLU between."""
    for w, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = torch.relu(x @ w + b)
    return x @ weights[-2] + weights[-1]


def convnet(weights: list[Tensor], x: Tensor) -> Tensor:
    """Blocks of 3x3 convolution with stride 2, norm over rows and places, ReLU; one dense layer."""
    *blocks, w, b = weights
    x = x[:, None]
    for place in range(0, len(blocks), 3):
        kernel, scale, bias = blocks[place : place + 3]
        kernel = kernel.reshape(3, 3, -1, kernel.shape[-1]).permute(3, 2, 0, 1)
        x = functional.batch_norm(
            functional.conv2d(x, kernel, stride=2, padding=1), None, None, scale, bias, training=True, eps=1e-3
        )
        x = torch.relu(x)
    return x.permute(0, 2, 3, 1).flatten(1) @ w + b


def _cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, y.long())
