"""Settings of a network: its shape and its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seasoned.errors import InvalidInput

__all__ = ["NetworkSettings"]


@dataclass(frozen=True)
class NetworkSettings:
    """Shape and sizes of a network.

    Attributes:
        shape: "cells" keeps a token for each cell, and attention goes over columns and over rows in each layer. "rows"
            compresses each row to one token after a few cheap layers over cells.
        width: Numbers of a token of the main layers.
        layers: Number of main layers.
        heads: Attention heads; divides `width`.
        hidden: Numbers in the middle of a feed-forward layer.
        thinking: Learned rows in front of the context.
        cell_width: "rows" only: numbers of a cell's token; divides `width`.
        cell_layers: "rows" only: layers over the rows of each column.
        inducing: "rows" only: learned vectors that summarise a column.
    """

    shape: Literal["cells", "rows"] = "rows"
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
        parts = (self.heads, self.cell_width) if self.shape == "rows" else (self.heads,)
        if any(self.width % part for part in parts):
            raise InvalidInput(
                f"width is {self.width}, heads {self.heads} and cell_width {self.cell_width}: heads must divide width, "
                "and so must cell_width in the shape 'rows'; give other sizes."
            )
