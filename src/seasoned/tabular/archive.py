"""The bundle file: one zip without pickle, whole or refused.

Members: `manifest.json` (what it is, versions, and a SHA-256 of every other member), `plan.json` (the column plan),
`text-*.skops` (text encoders), and the models in their own formats. Hashes find damage; they are no signature.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.columns.plan import ColumnPlan
from seasoned.tabular.columns.text import TextColumn
from seasoned.tabular.fitted import Fitted, Member
from seasoned.tabular.metrics import Metric
from seasoned.tabular.models import sklearn_file
from seasoned.tabular.models.custom import CustomModel, stored
from seasoned.tabular.models.registry import find

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "read", "write"]

FORMAT: Final = 1
_MANIFEST, _PLAN, _MODEL = "manifest.json", "plan.json", "model"
_PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn", "skops", "skrub")
_DAMAGE = (  # what zipfile, zlib and json raise on a file that was cut or changed
    zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, NotImplementedError, RuntimeError,
    OverflowError,
)  # fmt: skip


def write(fitted: Fitted, about: dict[str, Any], path: Path) -> None:
    """Write the bundle whole or not at all.

    Args:
        fitted: What to store.
        about: Plain data stored beside it: the estimator's class and parameters.
        path: The file; an existing one is replaced in one step.
    """
    members = _members(fitted)
    manifest = {
        "format": FORMAT,
        "what": "seasoned bundle",
        "packages": {name: version(name) for name in _PACKAGES},
        "about": about,
        "task": fitted.task,
        "classes": {"dtype": fitted.classes.dtype.kind, "values": fitted.classes.tolist()},
        "metric": [fitted.metric.name, fitted.metric.scorer],
        "members": [{"name": m.name, "config": m.config, "weight": m.weight, "own": _diet(m)} for m in fitted.members],
        "trials": list(fitted.trials),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1, allow_nan=False))
        for name, data in members.items():
            archive.writestr(name, data)
    _replace(path, buffer.getvalue())


def _members(fitted: Fitted) -> dict[str, bytes]:
    members = {_PLAN: json.dumps(fitted.plan.to_json(), allow_nan=False).encode()}
    for index, encoder in enumerate(fitted.plan.encoders):
        if isinstance(encoder, TextColumn) and encoder.encoder is not None:
            members[f"text-{index}.skops"] = sklearn_file.dump(encoder.encoder)
    for index, member in enumerate(fitted.members):
        members[f"{_MODEL}-{index}"] = member.model.dump(member.estimator)
    return members


def _replace(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename: a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> tuple[Fitted, dict[str, Any]]:
    """What `write` stored, and what was stored beside it.

    Raises:
        InvalidInput: If the file is missing, foreign, cut, changed, or of a newer format.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; check the path.")
    try:
        manifest, members = _unpack(path)
    except InvalidInput:
        raise
    except _DAMAGE as error:
        raise InvalidInput(f"{path.name!r} is no bundle, or is damaged ({error}); get another copy.") from error
    return _rebuild(manifest, members), manifest["about"]


def _unpack(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read(_MANIFEST))
        if manifest.get("what") != "seasoned bundle":
            raise InvalidInput(f"{path.name!r} is a zip file of something else; pass a file that `save` wrote.")
        if manifest["format"] > FORMAT:
            raise InvalidInput(
                f"{path.name!r} has format {manifest['format']}; this version reads up to {FORMAT}: upgrade seasoned."
            )
        members = {name: archive.read(name) for name in manifest["sha256"]}
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != manifest["sha256"][name]:
            raise InvalidInput(f"the member {name!r} of {path.name!r} was changed; get another copy.")
    return manifest, members


def _rebuild(manifest: dict[str, Any], members: dict[str, bytes]) -> Fitted:
    texts = {
        int(name.removeprefix("text-").removesuffix(".skops")): sklearn_file.load(data)
        for name, data in members.items()
        if name.startswith("text-")
    }
    classes = _classes(manifest["classes"])
    models = tuple(_member(about, members[f"{_MODEL}-{index}"]) for index, about in enumerate(manifest["members"]))
    plan = ColumnPlan.from_json(json.loads(members[_PLAN]), texts)
    name, scorer = manifest["metric"]
    metric = Metric(name, scorer, len(classes))
    return Fitted(manifest["task"], classes, metric, plan, models, tuple(manifest["trials"]))


def _member(about: dict[str, Any], data: bytes) -> Member:
    own = stored(about["name"], about["own"]) if about.get("own") else None
    return Member(about["name"], about["config"], (own or find(about["name"])).load(data), about["weight"], own)


def _diet(member: Member) -> str | None:
    """What an own model eats, which with its file is all that prediction needs; None for a built-in one."""
    if member.own is None:
        return None
    if isinstance(member.own, CustomModel):
        return member.own.diet
    raise InvalidInput(f"the model {member.name!r} cannot be saved: only CustomModel objects can; fit without it.")


def _classes(found: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtypes: dict[str, Any] = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64, "U": np.str_}
    return np.array(found["values"], dtype=dtypes[found["dtype"]])
