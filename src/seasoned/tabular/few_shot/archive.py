"""Files of few-shot models: the bundle of the global models, extended by network, known tasks and adapter.

Members beyond those of a bundle:

- `few-shot.json`: scaling, network, tasks, names of the arrays.
- `few-shot.npz`: parameters before adaptation, parameters of the known tasks where they differ, arrays of the adapter.
  For a learner other than a ridge head also the bytes of its file, which are read only for adaptation.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput, MissingExtra
from seasoned.metagrad._common.npz_files import flatten, to_json, unflatten
from seasoned.metagrad.learners.adapted_model import describe_network, network_of
from seasoned.metagrad.learners.shrinkage import HeadAdapter
from seasoned.tabular.bundle import archive
from seasoned.tabular.few_shot.adapter import LearnerAdapter, checked_file
from seasoned.tabular.few_shot.model import FewShotFitted, Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted
    from seasoned.tabular.few_shot.adapter import Adapter

__all__ = ["is_few_shot", "rebuild", "write"]

_ABOUT, _ARRAYS = "few-shot.json", "few-shot.npz"
_HEAD: Final = ("variance", "sizes", "losses", "trust")  # arrays of a HeadAdapter


def write(
    few_shot: FewShotFitted,
    adapter: Adapter,
    rows: pd.DataFrame | None,
    about: dict[str, Any],
    path: Path,
    key: bytes | str | None,
) -> None:
    """Write the file whole or not at all.

    Args:
        few_shot: The fitted model.
        adapter: The task adapter.
        rows: Canonical rows whose global predictions are stored; see `archive.write`.
        about: Plain data to store: the estimator's class and parameters, and the name of the target.
        path: The file; an existing one is replaced in one step.
        key: Secret that signs the file; None for no signature.
    """
    head = isinstance(adapter, HeadAdapter)
    text = {
        "scaling": asdict(few_shot.scaling),
        "network": describe_network(few_shot.network),
        "member_folds": list(few_shot.member_folds),
        "tasks": few_shot.tasks.tolist(),
        "columns": list(few_shot.columns),
        "adapter": {name: getattr(adapter, name) for name in ("loss", "steps", "floor")} if head else None,
    }
    arrays = {f"prior/{name}": leaf for name, leaf in flatten(few_shot.prior).items()}
    arrays |= {f"own/{name}": leaf for name, leaf in few_shot.own.items()}
    arrays |= {f"adapter/{name}": getattr(adapter, name) for name in _HEAD if head}
    arrays["task_folds"] = few_shot.task_folds
    if isinstance(adapter, LearnerAdapter):
        arrays["learner"] = np.frombuffer(adapter.dump(), dtype=np.uint8)
    buffer = io.BytesIO()
    places = {f"a{place}": leaf for place, leaf in enumerate(arrays.values())}  # plain names in place of paths
    np.savez_compressed(buffer, allow_pickle=False, **places)
    text["arrays"] = list(arrays)
    extra = {_ARRAYS: buffer.getvalue(), _ABOUT: to_json(text).encode()}
    archive.write(few_shot.fitted, rows, about, path, key, extra=extra)


def is_few_shot(members: Mapping[str, bytes]) -> bool:
    """Return True if the members of a bundle are those of a few-shot model."""
    return _ABOUT in members


def rebuild(fitted: Fitted, members: Mapping[str, bytes], name: str) -> tuple[FewShotFitted, Adapter]:
    """Rebuild the parts that `write` stored beside the global models, and check them.

    Raises:
        InvalidInput: If a part is missing, or the parts are inconsistent.
    """
    try:
        text = json.loads(members[_ABOUT])
        with np.load(io.BytesIO(members[_ARRAYS]), allow_pickle=False) as archived:
            arrays = {str(path): archived[f"a{place}"] for place, path in enumerate(text["arrays"])}
        if not all(leaf.dtype.kind in "iuf" and np.isfinite(leaf).all() for leaf in arrays.values()):
            raise ValueError("its parameters hold something else than finite numbers")
        few_shot = FewShotFitted(
            fitted,
            tuple(int(fold) for fold in text["member_folds"]),
            Scaling(**{name: float(value) for name, value in text["scaling"].items()}),
            network_of(text["network"]),
            unflatten(_part(arrays, "prior/")),
            np.array(text["tasks"], dtype=np.str_),
            arrays["task_folds"],
            _part(arrays, "own/"),
            tuple(str(column) for column in text["columns"]),
        )
        _check(few_shot)
        if text["adapter"] is None:
            return few_shot, LearnerAdapter(data=checked_file(arrays["learner"].astype(np.uint8).tobytes()))
        return few_shot, _head_adapter(few_shot, text["adapter"], _part(arrays, "adapter/"))
    except MissingExtra:
        raise
    except Exception as error:  # libraries raise errors of many types on an invalid file
        raise InvalidInput(f"{name!r} cannot be read: {error}; get another copy.") from error


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): leaf for name, leaf in arrays.items() if name.startswith(prefix)}


def _head_adapter(few_shot: FewShotFitted, text: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> HeadAdapter:
    adapter = HeadAdapter(
        few_shot.network, few_shot.prior, arrays["variance"], str(text["loss"]), int(text["steps"]), arrays["sizes"],
        arrays["losses"], arrays["trust"], float(text["floor"]),
    )  # fmt: skip
    classes = len(few_shot.fitted.classes)
    if adapter.loss != ("cross_entropy" if classes else "squared_error") or not 1 <= adapter.steps <= 1000:
        raise ValueError("its adapter is that of another target")
    if not (adapter.variance > 0).all() or not (adapter.sizes > 0).all() or not len(adapter.sizes):
        raise ValueError("its adapter has a prior that no tasks teach")
    width = few_shot.expected(_one_row(few_shot))[1]  # one adaptation checks all shapes
    adapter.adapt(np.repeat(width, 2, axis=0), np.zeros(2, dtype=np.int64), tune=True)
    return adapter


def _check(few_shot: FewShotFitted) -> None:
    """Raise ValueError if the parts are inconsistent."""
    count = len(few_shot.tasks)
    folds, members = few_shot.task_folds, few_shot.member_folds
    if not count or folds.shape != (count,) or len(members) != len(few_shot.fitted.members):
        raise ValueError("its tasks and folds do not fit together")
    if set(folds.tolist()) - set(members) or few_shot.tasks.tolist() != sorted(set(few_shot.tasks.tolist())):
        raise ValueError("its tasks are not those of its models")
    prior = flatten(few_shot.prior)
    for path, leaf in few_shot.own.items():
        if path not in prior or leaf.shape != (count, *prior[path].shape) or leaf.dtype != prior[path].dtype:
            raise ValueError("the parameters of its tasks are not those of its network")
    expected, inputs = few_shot.expected(_one_row(few_shot))
    if few_shot.corrected(expected, inputs, few_shot.prior).shape != expected.shape:
        raise ValueError("its network has other outputs than its target")


def _one_row(few_shot: FewShotFitted) -> Any:
    return [{column.name: None for column in few_shot.fitted.plan.schema.columns}]
