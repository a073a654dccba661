"""What adapts a few-shot model to a task: numpy where the learner is a ridge head, else the learner itself."""

from __future__ import annotations

import importlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from seasoned import metagrad
from seasoned.errors import InvalidInput
from seasoned.metagrad._common.npz_files import flatten
from seasoned.metagrad.learners.adapted_model import describe_network
from seasoned.metagrad.learners.shrinkage import HeadAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.metagrad import MetaLearner

__all__ = ["Adapter", "LearnerAdapter", "adapter_of", "checked_file", "own_params"]

_MOST_ROWS: Final = 512  # rows of a known task that its own parameters are fitted to
_FILE: Final = "learner.npz"
_LARGEST: Final = 2**30  # bytes unpacked


@dataclass(slots=True)
class LearnerAdapter:
    """Any meta-learner; one in a file is read when it is first needed, because that takes JAX.

    Attributes:
        learner: The fitted meta-learner, where it is there already.
        data: Its file's content, where it is not.
    """

    learner: MetaLearner | None = None
    data: bytes = field(default=b"", repr=False)

    def adapt(self, X: NDArray[Any], y: NDArray[Any], *, tune: bool) -> tuple[Any, int, float]:
        """The network's parameters for a support set, the steps taken and the factor on the rates."""
        if self.learner is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, _FILE)
                path.write_bytes(self.data)
                self.learner = metagrad.load_learner(path)
        model = self.learner.adapt(X, y, tune=tune)
        return model.params, model.steps, model.rate_scale

    def dump(self) -> bytes:
        """The learner's file.

        Raises:
            InvalidInput: If its network or loss is a function, or it is of a class of the user's own.
        """
        if self.learner is None:
            return self.data
        if "Function" in json.dumps(describe_network(self.learner.network)) or not isinstance(self.learner.loss, str):
            raise InvalidInput(
                "the learner's network or loss is a function of your own, which no file can hold: predict in this "
                "process, or use a WideDeep or an MLP."
            )
        loading = importlib.import_module("seasoned.metagrad.loading")  # which takes JAX
        own = ("network", "loss", "training", "fitted")  # which a file holds in other ways, or which were checked above
        parts = [getattr(self.learner, entry.name) for entry in fields(self.learner) if entry.name not in own]
        settings = [part for part in parts if is_dataclass(part) and not isinstance(part, type)]
        known = [*loading.LEARNERS.values(), *loading.PARTS.values()]
        if strange := [type(part).__name__ for part in (self.learner, *settings) if type(part) not in known]:
            raise InvalidInput(
                f"the learner is or has a {strange[0]} of your own, which no file can hold: predict in this "
                "process, or use one of seasoned.metagrad's."
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, _FILE)
            self.learner.save(path)
            return path.read_bytes()


def checked_file(data: bytes) -> bytes:
    """The content of a learner's file, unchanged.

    Raises:
        ValueError: If it unpacks to more than any learner does.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST:
            raise ValueError("its learner unpacks to more than 1 GiB, as none does")
    return data


Adapter: TypeAlias = HeadAdapter | LearnerAdapter


def adapter_of(learner: MetaLearner) -> Adapter:
    """What adapts with a fitted learner."""
    if not isinstance(learner, metagrad.RidgeHead):
        return LearnerAdapter(learner)
    params = {name: _in_numpy(part) for name, part in learner.theta["params"].items()}
    variance = np.asarray(learner.variances(learner.theta), dtype=np.float64)
    empty = np.zeros(0)
    return HeadAdapter(
        learner.network, params, variance, learner.loss, learner.trained_steps, empty.astype(np.int64), empty, empty
    )


def own_params(
    adapter: Adapter, prior: Any, X: NDArray[np.float32], y: NDArray[Any], groups: Sequence[NDArray[np.int64]]
) -> Mapping[str, NDArray[Any]]:
    """The parameters of every group of rows where they differ from the prior: path -> [groups, ...].

    Args:
        adapter: What adapts.
        prior: Parameters before adaptation.
        X: The network's inputs.
        y: Targets.
        groups: Row numbers of each group; the first 512 of each are used.
    """
    if isinstance(adapter, HeadAdapter):
        return {"head": adapter.heads_of(X, y, [rows[:_MOST_ROWS] for rows in groups])}
    assert adapter.learner is not None  # one that was just trained
    stacked = flatten(metagrad.adapt_groups(adapter.learner, X, y, groups))
    shared = flatten(prior)
    return {path: leaf for path, leaf in stacked.items() if (leaf != shared[path]).any()}


def _in_numpy(part: Any) -> Any:
    """A tree of arrays in numpy."""
    if isinstance(part, dict):
        return {name: _in_numpy(leaf) for name, leaf in part.items()}
    return [_in_numpy(leaf) for leaf in part] if isinstance(part, list | tuple) else np.asarray(part)
