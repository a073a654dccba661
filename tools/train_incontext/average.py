"""Mean of networks that began with the same one: `python -m train_incontext.average OUT.npz A.npz B.npz`.

Trainings that go on from one network with different seeds end near each other, and the mean of their weights has a
smaller error than each (Wortsman et al. 2022, Model soups). So two cores can train for twice the hours.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["average", "main"]


def average(networks: Sequence[Network]) -> Network:
    """Return the network of mean weights. Its card has those of the networks, and the sum of their hours.

    Raises:
        InvalidInput: If the networks have different settings, or began with different networks.
    """
    first = networks[0]
    began = first.card.get("began with")
    if any(one.settings != first.settings or one.card.get("began with") != began for one in networks):
        raise InvalidInput("the networks have other settings, or began with other networks; a mean needs the same.")
    weights = jax.tree.map(
        lambda *arrays: np.mean(arrays, axis=0, dtype=np.float32), *[one.weights for one in networks]
    )
    cards = [{name: value for name, value in one.card.items() if name != "began with"} for one in networks]
    summed = {name: round(sum(card[name] for card in cards), 2) for name in ("steps", "tables", "hours")}
    card = cards[0] | summed | {"mean of": cards} | ({} if began is None else {"began with": began})
    return Network(first.settings, weights, card)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="train_incontext.average", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("networks", type=Path, nargs="+")
    options = parser.parse_args(words)
    average([Network.load(path) for path in options.networks]).save(options.out)


if __name__ == "__main__":
    main()
