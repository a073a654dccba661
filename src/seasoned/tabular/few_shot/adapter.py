"""Task adapters of a few-shot model: numpy code for a ridge head, the meta-learner itself for all others."""

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

_MOST_ROWS: Final = 512  # largest number of rows of a known task that its ridge head is fitted to
_FILE: Final = "learner.npz"
_MAX_UNPACKED_BYTES: Final = 2**30  # largest unpacked size of a learner's file, in bytes


@dataclass(slots=True)
class LearnerAdapter:
    """Adapter of any meta-learner. A stored learner is loaded at its first use, because loading imports JAX.

    Attributes:
        learner: The fitted meta-learner; None before it is loaded.
        data: Content of the learner's file; empty for a learner of this process.
    """

    learner: MetaLearner | None = None
    data: bytes = field(default=b"", repr=False)

    def adapt(self, X: NDArray[Any], y: NDArray[Any], *, tune: bool) -> tuple[Any, int, float]:
        """Network parameters for a support set X [rows, inputs], y [rows]; the steps taken; the factor on the rates."""
        if self.learner is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, _FILE)
                path.write_bytes(self.data)
                self.learner = metagrad.load_learner(path)
        model = self.learner.adapt(X, y, tune=tune)
        return model.params, model.steps, model.rate_scale

    def dump(self) -> bytes:
        """Content of the learner's file.

        Raises:
            InvalidInput: If the network or loss is a function, or the learner or a part of it has a user-defined class.
        """
        if self.learner is None:
            return self.data
        if "Function" in json.dumps(describe_network(self.learner.network)) or not isinstance(self.learner.loss, str):
            raise InvalidInput(
                "the learner's network or loss is a function of your own, which no file can hold: predict in this "
                "process, or use a WideDeep or an MLP."
            )
        loading = importlib.import_module("seasoned.metagrad.loading")  # imports JAX
        own = ("network", "loss", "training", "fitted")  # fields with checks or file entries of their own
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
    """Return the content of a learner's file unchanged, if its unpacked size is at most 1 GiB.

    Raises:
        ValueError: If it unpacks to more.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise ValueError("its learner unpacks to more than 1 GiB, as none does")
    return data


Adapter: TypeAlias = HeadAdapter | LearnerAdapter


def adapter_of(learner: MetaLearner) -> Adapter:
    """Task adapter of a fitted meta-learner."""
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
    """Adapted parameters of every group of rows, where they differ from the prior: path -> [groups, ...].

    Args:
        adapter: The task adapter.
        prior: Parameters before adaptation.
        X: Network inputs, shape (n, inputs).
        y: Targets, shape (n,).
        groups: Row numbers of each group; the first 512 of each are used.
    """
    if isinstance(adapter, HeadAdapter):
        return {"head": adapter.heads_of(X, y, [rows[:_MOST_ROWS] for rows in groups])}
    assert adapter.learner is not None  # the learner was just trained
    stacked = flatten(metagrad.adapt_groups(adapter.learner, X, y, groups))
    shared = flatten(prior)
    return {path: leaf for path, leaf in stacked.items() if (leaf != shared[path]).any()}


def _in_numpy(part: Any) -> Any:
    """A tree of arrays in numpy."""
    if isinstance(part, dict):
        return {name: _in_numpy(leaf) for name, leaf in part.items()}
    return [_in_numpy(leaf) for leaf in part] if isinstance(part, list | tuple) else np.asarray(part)
