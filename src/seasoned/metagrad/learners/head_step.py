"""Newton step of a shrunk linear head, for numpy and JAX (`xp` is the array library), with any leading axes."""

from __future__ import annotations

from typing import Any

__all__ = ["head_step"]

Arrays = Any


def head_step(
    xp: Any,
    loss: str,
    data: tuple[Arrays, Arrays, Arrays, Arrays],
    head: Arrays,
    prior: tuple[Arrays, Arrays],
) -> Arrays:
    """W - (c Phi' Phi + 1 / variance)^{-1} (Phi' dloss + (W - M) / variance).

    The constant c is the largest curvature of the loss. For the squared error c is 2 / outputs, and one step gives the
    solution. For cross-entropy c is 1/2 (Böhning's bound), and the loss never increases.

    Args:
        xp: numpy or jax.numpy.
        loss: `"squared_error"` or `"cross_entropy"`.
        data: Features Phi [..., rows, features]; offsets added to the outputs [..., rows, outputs]; targets of the same
            shape (one-hot for classes); weights [..., rows].
        head: W [..., features, outputs].
        prior: M [features, outputs], and the variances [..., features].

    Returns:
        The next W.
    """
    features, offsets, targets, weight = data
    centre, variance = prior
    outputs = offsets + features @ head
    if loss == "squared_error":
        curvature = 2 / outputs.shape[-1]
        slopes = curvature * (outputs - targets)
    else:
        shifted = xp.exp(outputs - xp.max(outputs, axis=-1, keepdims=True))
        slopes, curvature = shifted / xp.sum(shifted, axis=-1, keepdims=True) - targets, 0.5
    turned = xp.swapaxes(features, -1, -2)
    gradient = turned @ (weight[..., None] * slopes) + (head - centre) / variance[..., None]
    return head - _newton(xp, xp.sqrt(curvature * weight)[..., None] * features, variance, gradient)


def _newton(xp: Any, features: Arrays, variance: Arrays, gradient: Arrays) -> Arrays:
    """Return (F' F + diag(1 / variance))^{-1} gradient, by the equivalent form with the smaller matrix.

    Args:
        xp: numpy or jax.numpy.
        features: F [..., rows, features].
        variance: [..., features].
        gradient: [..., features, outputs].
    """
    rows, size = features.shape[-2:]
    turned = xp.swapaxes(features, -1, -2)
    if rows >= size:
        root = xp.sqrt(variance)
        inner = root[..., None] * (turned @ features) * root[..., None, :] + xp.eye(size, dtype=features.dtype)
        return root[..., None] * xp.linalg.solve(inner, root[..., None] * gradient)
    spread = variance[..., None] * gradient
    inner = features @ (variance[..., None] * turned) + xp.eye(rows, dtype=features.dtype)  # Woodbury's identity
    return spread - variance[..., None] * (turned @ xp.linalg.solve(inner, features @ spread))
