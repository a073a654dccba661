"""Bundle file: a fitted model in one zip archive without pickle. `safe_files/zip_container.py` checks the container.

Members of the archive:

- `manifest.json`: description of the model, package versions, and a SHA-256 digest of every other member.
- `plan.json`: the column plan. `text-*.npz`: its text vectorisers. `scores.npz`: its linear model of texts.
- `model-*`: the models, each in its family's own format. A second number in the name counts repeated fits of a model.
- `features-*.json`: the feature pipeline of a model that has engineered columns.
- `target-scale-*.json`: the inverse transform of a model that learned the logarithm of the target.
- `conformal.npz`, `conformal-scale`: errors on held-out rows, from which intervals and label sets are computed.
- `rows.json`: up to 20 rows of the table with their predictions, for the replay check under other package versions.
- `validated.npz`: targets and out-of-fold predictions of at most 2,000 rows, without features, for the report.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import get_scorer_names

from seasoned._util.atomic_write import check_name
from seasoned.errors import InvalidInput, MissingExtra, StorageError
from seasoned.tabular.budget.fit_summary import FitSummary
from seasoned.tabular.bundle.consistency_check import check_fitted
from seasoned.tabular.bundle.replay_check import changed_versions, replay, rows_from_json, rows_to_json, versions
from seasoned.tabular.ensemble.fitted_model import Fitted, Member
from seasoned.tabular.ensemble.prediction_time import PredictionTime
from seasoned.tabular.features.inputs import feature_width
from seasoned.tabular.features.pipeline import FeaturePipeline
from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.metrics.metric import COST, FUNCTION, QUANTILE, Measure
from seasoned.tabular.metrics.positive_class import Reason
from seasoned.tabular.models._common.log_target import Exponential, bare
from seasoned.tabular.models.custom import CustomModel, stored
from seasoned.tabular.models.registry import find
from seasoned.tabular.postprocessing.conformal import Conformal
from seasoned.tabular.postprocessing.postprocessor import Postprocessor
from seasoned.tabular.postprocessing.validation_evidence import ValidationEvidence
from seasoned.tabular.preprocessing.character_ngrams import Ngrams
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.preprocessing.text_scores import TextScores
from seasoned.tabular.safe_files import npz
from seasoned.tabular.safe_files.zip_container import DAMAGE, FORMAT, pack, unpack
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.seed_average import Repeated, fits_of, shares_of
from seasoned.tabular.trial.trial_row import TrialRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["DAMAGE", "FORMAT", "read", "write"]

_PLAN, _ROWS, _MODEL, _FEATURES, _VALIDATED = "plan.json", "rows.json", "model", "features", "validated.npz"
_CONFORMAL, _SCALE, _TARGET, _SCORES = "conformal.npz", "conformal-scale", "target-scale", "scores.npz"


def write(
    fitted: Fitted,
    rows: pd.DataFrame | None,
    about: dict[str, Any],
    path: Path,
    key: bytes | str | None = None,
    *,
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a bundle atomically: the whole file or nothing.

    Args:
        fitted: The model.
        rows: Canonical rows that are stored with their predictions, for the replay check under other package versions.
        about: Metadata in plain types: class and parameters of the estimator, and the names of parameters that are not
            plain data.
        path: The file. An existing file is replaced in one step.
        key: Secret that signs the bundle; None for no signature.
        extra: Additional archive members, which `read` returns.

    Raises:
        InvalidInput: If the folder does not exist or is not writable, or the path is a folder.
        StorageError: If the disk is full. The previous file stays.
    """
    check_name(path)
    if not path.parent.is_dir() or path.is_dir():
        raise InvalidInput(f"{str(path)!r} cannot be written; give the path of a file in a folder that exists.")
    members = {**_members(fitted), **(extra or {})}
    if rows is not None:
        members[_ROWS] = json.dumps(rows_to_json(rows, fitted), allow_nan=False).encode()
    manifest = {
        "packages": versions(fitted),
        "about": about,
        "task": fitted.task,
        "classes": {"dtype": fitted.classes.dtype.kind, "values": fitted.classes.tolist()},
        "metric": {
            "name": fitted.metric.name,
            "scorer": fitted.metric.scorer,  # a user's metric function itself is not stored
            "positive": fitted.metric.positive,
            "positive_reason": fitted.metric.positive_reason.value,
            "greater_is_better": fitted.metric.greater_is_better,
            "costs": None if fitted.metric.costs is None else fitted.metric.costs.tolist(),
            "quantile": fitted.metric.quantile,
        },
        "postprocessor": fitted.postprocessor.to_json(),
        "members": [_about_member(member) for member in fitted.members],
        "trials": [trial.to_json() for trial in fitted.trials],
        "fit": {
            "rows": fitted.rows,
            "seconds": fitted.seconds,
            "refitted": fitted.refitted,
            "experience": fitted.experience,
            "grouped": fitted.grouped,
            "summary": None if fitted.fit_summary is None else fitted.fit_summary.as_dict(),
        },
        "pace": None if fitted.pace is None else fitted.pace.to_json(),
    }
    replace_file(path, pack(manifest, members, key))


def _about_member(member: Member) -> dict[str, Any]:
    """Manifest entry of a member. The member's models are files of their own."""
    return {
        "name": member.name,
        "config": member.config,
        "weight": member.weight,
        "own": _diet(member),
        "fits": shares_of(member.estimator),
        "whole": member.whole,
    }


def _members(fitted: Fitted) -> dict[str, bytes]:
    members = _plan_members(fitted.plan)
    if fitted.validated is not None:
        members[_VALIDATED] = fitted.validated.dump()
    if fitted.conformal is not None:
        members[_CONFORMAL] = fitted.conformal.dump()
        if (scale := fitted.conformal.dump_scale()) is not None:
            members[_SCALE] = scale
    for index, member in enumerate(fitted.members):
        fits = fits_of(member.estimator)
        for place, fit in zip(_places(index, len(fits)), fits, strict=True):
            inner = fit
            if isinstance(fit, Featured):
                inner, made = fit.estimator, json.dumps(fit.made.to_json(), allow_nan=False).encode()
                members[f"{_FEATURES}-{place}.json"] = made
            if isinstance(inner, Exponential):
                members[f"{_TARGET}-{place}.json"] = json.dumps(inner.to_json(), allow_nan=False).encode()
            members[f"{_MODEL}-{place}"] = member.model.dump(bare(inner))
    return members


def _plan_members(plan: ColumnPlan) -> dict[str, bytes]:
    members = {_PLAN: json.dumps(plan.to_json(), allow_nan=False).encode()}
    for index, encoder in enumerate(plan.encoders):
        if isinstance(encoder, TextColumn) and encoder.vectors is not None:
            members[f"text-{index}.npz"] = npz.dump(encoder.vectors.arrays())
    if plan.scores is not None:
        members[_SCORES] = npz.dump(plan.scores.arrays())
    return members


def _places(index: int, fits: int) -> list[str]:
    """File name suffixes of a member's fits: `3`, `3-1`, `3-2` for three fits of member 3."""
    return [f"{index}-{repeat}" if repeat else f"{index}" for repeat in range(fits)]


def replace_file(path: Path, data: bytes) -> None:
    """Write a file atomically: temporary file, fsync, rename. A reader sees the old file or the new one.

    Where the system has unnamed files (`O_TMPFILE`), the temporary file gets its name after it is complete. A killed
    save then leaves no file behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        nameless = open_unnamed(path.parent)
        with partial.open("wb") if nameless is None else os.fdopen(nameless, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if nameless is not None:
                os.link(f"/proc/self/fd/{nameless}", partial, src_dir_fd=nameless)  # with src_dir_fd, link follows
        partial.replace(path)
    except PermissionError as error:
        raise InvalidInput(f"{str(path)!r} may not be written ({error.strerror}); choose another folder.") from error
    except OSError as error:
        raise StorageError(
            f"{str(path)!r} could not be written ({error.strerror or error}), and what was there before is as it was; "
            "make room or choose another place, and save again."
        ) from error
    finally:
        with suppress(OSError):  # the name may also be too long
            partial.unlink(missing_ok=True)


def open_unnamed(folder: Path) -> int | None:
    """Open an unnamed file for writing; None where the system or the file system has no unnamed files."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, kind | os.O_WRONLY, 0o666)
    except OSError:  # no support here; other errors recur when the named file is opened
        return None


def read(
    path: Path, key: bytes | str | None = None
) -> tuple[Fitted, pd.DataFrame | None, dict[str, Any], dict[str, bytes]]:
    """Read a bundle: the model, its stored rows, the metadata, and all archive members by name.

    Raises:
        InvalidInput: If the file is missing, no bundle, truncated, changed, of a newer format or signed with another
            key. Also if the stored rows get other predictions under the installed package versions.
        MissingExtra: If a model needs a package that is not installed.
    """
    manifest, members = unpack(path, key)
    changed: list[str] = []
    try:
        about = {name: manifest["about"][name] for name in ("estimator", "parameters")}
        about["unsaved"] = [str(name) for name in manifest["about"].get("unsaved", ())]
        about["decimal"] = "," if manifest["about"].get("decimal") == "," else None
        encoding = manifest["about"].get("encoding")
        about["encoding"] = encoding if isinstance(encoding, str) else None
        about["named"] = bool(manifest["about"].get("named", True))
        changed = changed_versions(manifest["packages"])
        fitted = _rebuild(manifest, members)
        check_fitted(fitted)
        stored = json.loads(members[_ROWS]) if _ROWS in members else None
        rows = None if stored is None else rows_from_json(stored, fitted.plan.schema)
        gap = replay(rows, stored, fitted) if changed else None
        _ = fitted.summary, fitted.sentences  # damaged report data must fail here, not later
    except MissingExtra:
        raise
    except Exception as error:  # libraries raise types of their own on malformed files
        before = f"was saved with {', '.join(changed)}, and " if changed else ""
        raise InvalidInput(f"{path.name!r} {before}cannot be read: {error}") from error
    if gap is not None:
        raise InvalidInput(
            f"{path.name!r} was saved with {', '.join(changed)}, and {gap}; install those versions, or fit again."
        )
    return fitted, rows, about, members


def _rebuild(manifest: dict[str, Any], members: dict[str, bytes]) -> Fitted:
    texts = _texts(members)
    classes = _classes(manifest["classes"])
    plan = ColumnPlan.from_json(json.loads(members[_PLAN]), texts)
    if _SCORES in members:
        scores = TextScores.from_arrays(npz.load(members[_SCORES], TextScores.KINDS), len(plan.text_columns))
        plan = replace(plan, scores=scores)
    models = tuple(read_member(about, index, members, plan) for index, about in enumerate(manifest["members"]))
    metric = _measure(manifest["metric"], len(classes))
    validated = ValidationEvidence.load(members[_VALIDATED], len(classes)) if _VALIDATED in members else None
    about = manifest.get("fit", {})
    trials = tuple(
        TrialRow.from_json({**trial, "config": with_tuples(trial["config"])}) for trial in manifest["trials"]
    )
    finish = Postprocessor.from_json(manifest.get("postprocessor"), len(classes), len(models))
    task, rows, seconds = manifest["task"], about.get("rows"), about.get("seconds")
    conformal = Conformal.load(members[_CONFORMAL], members.get(_SCALE)) if _CONFORMAL in members else None
    pace = PredictionTime.from_json(manifest.get("pace"))
    fitted = Fitted(task, classes, metric, plan, models, trials, validated, rows, seconds, about.get("experience"))
    grouped = bool(about.get("grouped", False))
    more = {"refitted": about.get("refitted"), "fit_summary": FitSummary.from_dict(about.get("summary"))}
    return replace(fitted, postprocessor=finish, conformal=conformal, pace=pace, grouped=grouped, **more)


def _texts(members: Mapping[str, bytes]) -> dict[int, Ngrams]:
    """Text vectorisers by column position."""
    found = {}
    for name, data in members.items():
        if name.startswith("text-"):
            if name.endswith(".skops"):
                raise InvalidInput(
                    "its text columns are stored in a format that this version no longer reads; fit again."
                )
            place = int(name.removeprefix("text-").removesuffix(".npz"))
            found[place] = Ngrams.from_arrays(npz.load(data, Ngrams.KINDS))
    return found


def _measure(stored: dict[str, Any], n_classes: int) -> Measure:
    known = {*get_scorer_names(), "kappa", COST, QUANTILE, FUNCTION}
    scorer, costs, quantile = stored["scorer"], stored.get("costs"), stored.get("quantile")
    if scorer not in known or stored["positive"] not in {0, 1}:
        raise ValueError(f"the metric {stored['name']!r} is unknown to this version, or has no valid positive class")
    if (costs is not None) != (scorer == COST) or (quantile is not None) != (scorer == QUANTILE):
        raise ValueError("its metric lacks its costs or quantile, or has one that does not belong to it")
    if costs is not None:
        costs = Decision.from_json({"costs": costs, "given": True}, n_classes).costs
    quantile = None if quantile is None else float(quantile)
    if quantile is not None and not 0 < quantile < 1:
        raise ValueError(f"its metric asks for the quantile {quantile}")
    better = bool(stored["greater_is_better"])
    name, positive = str(stored["name"]), int(stored["positive"])
    reason = Reason(stored.get("positive_reason", Reason.LAST))  # older files have none: the class sorted last
    return Measure(name, scorer, n_classes, positive, better, costs=costs, quantile=quantile, positive_reason=reason)


def read_member(about: dict[str, Any], index: int, members: Mapping[str, bytes], plan: ColumnPlan) -> Member:
    own = stored(about["name"], about["own"]) if about.get("own") else None
    family, fits, shares = own or find(about["name"]), [], tuple(map(float, about.get("fits", [1.0])))
    makers: dict[bytes, FeaturePipeline] = {}  # fits with the same features share one pipeline
    for place in _places(index, len(shares)):
        fit, features = family.load(members[f"{_MODEL}-{place}"]), members.get(f"{_FEATURES}-{place}.json")
        if (scale := members.get(f"{_TARGET}-{place}.json")) is not None:
            fit = Exponential.from_json(fit, json.loads(scale))
        if features is not None:
            if features not in makers:
                width, texts = feature_width(plan), len(plan.text_columns)
                makers[features] = FeaturePipeline.from_json(json.loads(features), width, texts)
            fit = Featured(fit, makers[features])
        fits.append(fit)
    estimator = fits[0] if len(fits) == 1 else Repeated(tuple(fits), shares)
    return Member(
        about["name"], with_tuples(about["config"]), estimator, about["weight"], own, whole=about.get("whole", True)
    )


def with_tuples(value: Any) -> Any:
    """Restore the tuples of a configuration, which JSON stored as lists."""
    if isinstance(value, dict):
        return {name: with_tuples(inner) for name, inner in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, list) else value


def _diet(member: Member) -> str | None:
    """Input format of a user's own model, which prediction needs in addition to its file; None for a built-in model."""
    if member.own is None:
        return None
    if isinstance(member.own, CustomModel):
        return member.own.diet
    raise InvalidInput(f"the model {member.name!r} cannot be saved: only CustomModel objects can; fit without it.")


def _classes(found: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtypes: dict[str, Any] = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64, "U": np.str_}
    return np.array(found["values"], dtype=dtypes[found["dtype"]])
