"""Sizes of a network."""

from __future__ import annotations

from dataclasses import dataclass

from seasoned.errors import InvalidInput

__all__ = ["NetworkSettings"]


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of a network.

    Attributes:
        width: Numbers of a row's token.
        layers: Number of layers over rows.
        heads: Attention heads; divides `width`.
        hidden: Numbers in the middle of a feed-forward layer.
        thinking: Learned rows in front of the context.
        cell_width: Numbers of a cell's token; divides `width`.
        cell_layers: Layers over the rows of each column.
        inducing: Learned vectors that summarise a column.
    """

    width: int = 192
    layers: int = 4
    heads: int = 4
    hidden: int = 384
    thinking: int = 16
    cell_width: int = 48
    cell_layers: int = 2
    inducing: int = 32

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.width % self.heads or self.width % self.cell_width:
            raise InvalidInput(
                f"width is {self.width}, heads {self.heads} and cell_width {self.cell_width}: both "
                "must divide width; give other sizes."
            )
