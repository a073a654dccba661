"""The objective: a configuration in, its cross-validated loss out."""

from __future__ import annotations

import hashlib
import json
import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import Pruned
from seasoned.execution.resources import cpu_count
from seasoned.tabular.bar import Bar
from seasoned.tabular.columns.stored import rows_of
from seasoned.tabular.features.base import Rows
from seasoned.tabular.features.featured import Featured
from seasoned.tabular.features.given import load_given
from seasoned.tabular.features.made import aims_of, fit_features, most_columns, reads_texts, split_features
from seasoned.tabular.foreseen import Extent, check_memory, free_memory
from seasoned.tabular.levels import MOST_VALID, nested
from seasoned.tabular.models.base import Job, predict
from seasoned.tabular.models.registry import BASELINE, find, takes_weights
from seasoned.tabular.runs import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.fidelity.live import LiveTrial
    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.features.base import Given
    from seasoned.tabular.features.made import Made
    from seasoned.tabular.folds import Fold
    from seasoned.tabular.measure import Measure
    from seasoned.tabular.models.base import Model

    Pipeline = tuple[str, dict[str, Any], Mapping[str, Any] | None]

__all__ = ["CrossValidation", "TrialRecord", "write_arrays"]

_FOLDS = "folds.npz"
_BAR = "bar.json"
_WEIGHTS = "weights.npy"
_QUICK = "quick.json"
_PATIENCE = 1.5  # times predict_limit that the first fold may take, for the machine may be busy


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What a trial leaves in the run folder for the refit.

    Attributes:
        rounds: Boosting rounds, the mean over folds; None for models without.
        fit_seconds: Seconds of one fit, the median over folds, for the first may have to load a library.
        losses: Loss on each fold alone; None where it is undefined.
        predict_ms: Milliseconds that predicting a row took, made features included: the least over folds.
        sample_seconds: What fits on samples of the rows took before, on a large table.
    """

    rounds: int | None
    fit_seconds: float
    losses: tuple[float | None, ...] = ()
    predict_ms: float = 0.0
    sample_seconds: float = 0.0


def write_arrays(
    folder: Path,
    y: NDArray[Any],
    folds: list[Fold],
    matrices: Mapping[str, NDArray[np.float64]],
    weights: NDArray[np.float64] | None = None,
) -> None:
    """Store what the objective reads: target, folds, one matrix per diet, and how much each row counts."""
    np.save(folder / "y.npy", y)
    if weights is not None:
        np.save(folder / _WEIGHTS, weights)
    pairs: dict[str, Any] = {
        f"{part}{index}": rows for index, fold in enumerate(folds) for part, rows in zip("tv", fold, strict=True)
    }
    np.savez(folder / _FOLDS, **pairs)
    for diet, matrix in matrices.items():
        np.save(folder / f"{diet}.npy", matrix)


@dataclass(slots=True)
class CrossValidation:
    """Loss of the predictions for rows that the predicting model has not seen.

    Every fold's model predicts its validation rows; the metric is taken once, over all of these together, so that
    it is defined even where a fold lacks a class. Boosters stop early on the validation rows, so one integer, the
    number of rounds, is chosen with sight of them, as if it were one more hyperparameter. Where the training rows of a
    fold are all of one class, as can be early in time, that class is predicted.

    A small object that points to a folder; the arrays are memory-mapped in the process that runs it, and stay there.

    Attributes:
        folder: The run folder.
        job: What models are built for.
        metric: What to measure.
        own: Families of the user's own, which travel to the workers with this object.
        predict_limit: Milliseconds a row that models may take to predict; None for no limit.
        memory: Bytes that a trial may use beside what its worker holds; None for what is free on the machine.
        levels: Training rows of the first fold on which a trial is judged one after the other (`levels.py`), the last
            being all of them; empty where all come at once.
    """

    folder: Path
    job: Job
    metric: Measure
    own: tuple[Model, ...] = ()
    predict_limit: float | None = None
    memory: int | None = None
    levels: tuple[int, ...] = ()
    _arrays: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.folder, self.job, self.metric, self.own, self.predict_limit, self.memory, self.levels

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.folder, self.job, self.metric, self.own, self.predict_limit, self.memory, self.levels = state
        self._arrays = {}

    def __call__(self, config: Mapping[str, Any], trial: LiveTrial | None = None) -> float:
        """The loss of `{"model": {family: {...}}}`; lower is better.

        Args:
            config: What is tried.
            trial: Whom to tell of fits on samples of the rows, which then come first; None for all rows at once.

        Raises:
            Pruned: If its samples or first folds are too far behind, or predicting takes longer than
                `predict_limit` allows and another trial does not.
            NotEnoughMemory: If its fit would take more memory than there is.
        """
        pipeline = _family(config)
        self._check_memory(*pipeline)
        sampling = 0.0 if trial is None else self._climb(pipeline, trial)
        job, y, folds = self.job, self._target(), self._folds()
        predicted = np.full((len(y), job.n_classes) if job.n_classes else len(y), np.nan)
        parts: list[_Part] = []
        losses: list[float | None] = []
        end = math.inf if job.seconds is None else time.perf_counter() + job.seconds * len(folds)
        for place, fold in enumerate(folds):
            parts.append(self._fit_part(pipeline, fold, end, len(folds) - place))
            predicted[fold[1]] = parts[-1].predicted
            losses.append(self._loss_or_none(fold[1], parts[-1].predicted))
            if place + 1 < len(folds):
                self._check_bar(losses)
            if place == 0:
                self._check_pace(parts[0].pace)
        known = ~np.isnan(predicted).reshape(len(y), -1).any(axis=1)  # a time split leaves the first rows unpredicted
        self._write(config, predicted, _record(parts, losses, sampling))
        return self.metric.loss(y[known], predicted[known], self._weights_of(known))

    def _fit_part(self, pipeline: Pipeline, fold: Fold, end: float, fits: int) -> _Part:
        """Fit on the first of a fold's rows, and predict the others; so many fits share the time until the end."""
        name, settings, features = pipeline
        train, valid = fold
        model, job, y = self._model(name), self._job(), self._target()
        start = time.perf_counter()
        X_train, made = self._made(features, train, model.diet)
        X_valid, making = self._beside(made, valid, model.diet)
        able = model if not job.n_classes or len(np.unique(y[train])) > 1 else BASELINE  # of one class knows only it
        estimator = able.build(dict(settings), self._fed(job, made, able))
        weights = self._weigh(able, train, valid)
        share = None if job.seconds is None else max(end - time.perf_counter(), 0.0) / fits
        with _quiet():
            taken = able.fit(estimator, (X_train, y[train]), (X_valid, y[valid]), share, **weights)
        seconds = time.perf_counter() - start
        before = time.perf_counter()
        predicted = predict(estimator, X_valid, job.n_classes)
        pace = 1_000 * (making + time.perf_counter() - before) / len(valid)
        return _Part(predicted, taken, seconds, pace)

    def _climb(self, pipeline: Pipeline, trial: LiveTrial) -> float:
        """Fit on samples of the first fold's training rows, and report what each reaches; the seconds that it took.

        Raises:
            Pruned: If what it reached is too far behind.
        """
        start = time.perf_counter()
        for rows in self.levels[:-1]:
            if rows <= trial.step:  # told to go on from there before its process ended
                continue
            fold = self._sample(rows)
            end = time.perf_counter() + (self.job.seconds or 0.0) * rows / self.levels[-1]
            loss = self._loss_or_none(fold[1], self._fit_part(pipeline, fold, end, 1).predicted)
            trial.report(rows, math.nan if loss is None else loss)
        return time.perf_counter() - start

    @property
    def climbing_seconds(self) -> float:
        """Seconds that a trial's fits on samples may take beside its folds; 0 where there are none."""
        return (self.job.seconds or 0.0) * sum(self.levels[:-1]) / self.levels[-1] if self.levels else 0.0

    def sample_baseline(self) -> float | None:
        """Loss of predicting the same for all rows that judge the samples; None where it is undefined."""
        rows = self._sample(self.levels[0])[1]
        return self._loss_or_none(rows, self._baseline()[rows])

    def sample_rows(self) -> int:
        """Number of rows that judge the samples."""
        return len(self._sample(self.levels[0])[1])

    def _sample(self, rows: int) -> Fold:
        """So many training rows of the first fold, and at most 20,000 that it holds out; more rows hold the fewer."""
        if "nested" not in self._arrays:
            y, seed = self._target(), self.job.seed
            self._arrays["nested"] = [
                part[nested(y[part] if self.job.n_classes else None, len(part), seed)] for part in self._folds()[0]
            ]
        train, valid = self._arrays["nested"]
        return np.sort(train[:rows]), np.sort(valid[:MOST_VALID])

    def _write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Leave what the refit, the ensemble and later trials need."""
        folder = RunFolder(self.folder)
        folder.write_json(_record_name(config), asdict(record))
        if self.predict_limit is not None and record.predict_ms <= self.predict_limit:
            folder.write_json(_QUICK, record.predict_ms)
        np.save(self._predictions_path(config), predicted.astype(np.float32))

    def _check_memory(self, name: str, settings: Mapping[str, Any], features: Mapping[str, Any] | None) -> None:
        """Refuse what will not fit before it costs any time."""
        model, (train, valid) = self._model(name), max(self._folds(), key=lambda fold: len(fold[0]))
        columns = self._matrix(model.diet).shape[1] + most_columns(features)
        levels = len(self.job.categorical) if model.diet == "codes" else 0
        at = Extent(len(train), len(valid), columns, self.job.n_classes, levels)
        check_memory(name, settings, at, self.memory, free_memory())

    def _check_pace(self, pace: float) -> None:
        """Give up what is too slow to predict, once there is something that is not."""
        limit = self.predict_limit
        if limit is None or pace <= _PATIENCE * limit or len(self._folds()) == 1:
            return
        if RunFolder(self.folder).read_json(_QUICK) is not None:
            raise Pruned(f"it took {pace:.3g} ms to predict a row; predict_limit leaves {limit:.3g} to the models")

    def _check_bar(self, losses: list[float | None]) -> None:
        """Give up what lags so far behind the best trial that the other folds are not worth their time."""
        told = RunFolder(self.folder).read_json(_BAR)
        bar = None if told is None else Bar.from_dict(told)
        if bar is not None and bar.stops([math.nan if loss is None else loss for loss in losses]):
            own, best = (
                self.metric.score(float(np.nanmean(np.array(some, dtype=np.float64))))
                for some in (losses, bar.best[: len(losses)])
            )
            raise Pruned(
                f"its first {len(losses)} of {self.folds} folds reached {self.metric.name} {own:.5g}, too far from the "
                f"{best:.5g} of the best trial"
            )

    def set_bar(self, bar: Bar) -> None:
        """From now on, stop what lags too far behind; in the run folder, where all workers see it."""
        RunFolder(self.folder).write_json(_BAR, bar.to_dict())

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(self._folds())

    @property
    def train_share(self) -> float:
        """Share of the rows that a fold trains on, the mean over folds: in time, early folds have few."""
        return float(np.mean([len(train) for train, _ in self._folds()])) / len(self._target())

    def first_fold_rows(self) -> int:
        """Number of rows that the first fold validates."""
        return len(self._folds()[0][1])

    def baseline_losses(self) -> tuple[float | None, ...]:
        """Loss on each fold of predicting the same for all its rows; None where it is undefined."""
        predicted = self._baseline()
        return tuple(self._loss_or_none(valid, predicted[valid]) for _, valid in self._folds())

    def baseline_loss(self) -> float | None:
        """Loss of predicting the same for all rows of a fold, over all folds; None where it is undefined."""
        known = self.known_rows()
        return self._loss_or_none(known, self._baseline()[known])

    def _baseline(self) -> NDArray[np.float64]:
        """What predicting the same for all rows of a fold predicts."""
        X, y = np.zeros((len(self._target()), 1)), self._target()
        predicted = np.full((len(y), self.job.n_classes) if self.job.n_classes else len(y), np.nan)
        for train, valid in self._folds():
            estimator = BASELINE.build({}, self.job)
            BASELINE.fit(estimator, (X[train], y[train]), None, **self._weigh(BASELINE, train))
            predicted[valid] = predict(estimator, X[valid], self.job.n_classes)
        return predicted

    def note_rounds(self, config: Mapping[str, Any], rounds: int | None) -> None:
        """Leave the record of a trial that took so many rounds, where there was none here."""
        RunFolder(self.folder).write_json(_record_name(config), asdict(TrialRecord(rounds, 0.0)))

    def record(self, config: Mapping[str, Any]) -> TrialRecord:
        """What the trial of this configuration left."""
        found = RunFolder(self.folder).read_json(_record_name(config))
        if found is None:
            return TrialRecord(None, 0.0)
        found = {name: value for name, value in found.items() if name in TrialRecord.__slots__}  # others are of before
        return TrialRecord(**{**found, "losses": tuple(found.get("losses", ()))})

    def refit(self, config: Mapping[str, Any]) -> Any:
        """The estimator of this configuration, fitted on all rows; a `Featured` one where features were made."""
        name, settings, features = _family(config)
        model = self._model(name)
        rows = np.arange(len(self._target()))
        X, made = self._made(features, rows, model.diet)
        settings = model.with_rounds(dict(settings), self.record(config).rounds)
        estimator = model.build(settings, self._fed(self._job(), made, model))
        with _quiet():
            model.fit(estimator, (X, self._target()), None, **self._weigh(model, rows))
        return estimator if made is None else Featured(estimator, made)

    def _made(
        self, features: Mapping[str, Any] | None, train: NDArray[np.int64], diet: Diet
    ) -> tuple[NDArray[np.float64], Made | None]:
        """The training rows as the model eats them, features included, and what makes these."""
        matrix = rows_of(self._matrix(diet), train)
        if features is None:
            return matrix, None
        aims = aims_of(self._target()[train], self.job.n_classes)
        given = self._given(reads_texts(features)).take(train)
        levels = range(self._matrix("codes").shape[1], given.codes.shape[1])  # of text columns
        categorical = frozenset([*self.job.categorical, *levels])
        rows = Rows(given, categorical, aims, self._weights_of(train), self.job.seed, self.job.cyclic)
        made, matrix = fit_features(features, rows, matrix, diet)
        return matrix, made

    def _beside(self, made: Made | None, rows: NDArray[np.int64], diet: Diet) -> tuple[NDArray[np.float64], float]:
        """Other rows in the same way, and the seconds that making features of them took."""
        matrix = rows_of(self._matrix(diet), rows)
        if made is None:
            return matrix, 0.0
        given = self._given(made.reads_texts).take(rows)
        start = time.perf_counter()
        return made.extend(given, matrix, diet), time.perf_counter() - start

    def _fed(self, job: Job, made: Made | None, model: Model) -> Job:
        """The job as the model sees it once columns are made or left out: level codes have other places."""
        if made is None or model.diet != "codes":
            return job
        return replace(job, categorical=made.categorical(job.categorical, self.matrix("codes").shape[1]))

    def _given(self, texts: bool) -> Given:
        """What features of all rows are made from, with the texts or without; texts are read once in a process."""
        name = "given with texts" if texts else "given"
        if name not in self._arrays:
            self._arrays[name] = load_given(self.folder, self._matrix("codes"), texts=texts)
        given: Given = self._arrays[name]
        return given

    def out_of_fold(self, config: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """What the trial predicted, shape (n, classes) or (n,), NaN where nothing was; None if it is lost."""
        path = self._predictions_path(config)
        return np.load(path) if path.is_file() else None

    def matrix(self, diet: Diet) -> NDArray[np.float64]:
        """All rows as a family of this diet eats them, mapped from the disk."""
        return self._matrix(diet)

    def known_rows(self) -> NDArray[np.int64]:
        """The rows that some fold validates."""
        return np.unique(np.concatenate([valid for _, valid in self._folds()]))

    def fold_of_rows(self) -> NDArray[np.int64]:
        """The fold that validates each row, shape (n,); the last of several, -1 for none."""
        found = np.full(len(self._target()), -1)
        for place, (_, valid) in enumerate(self._folds()):
            found[valid] = place
        return found

    def target(self) -> NDArray[Any]:
        """Class codes or numbers, shape (n,)."""
        return self._target()

    def weights(self) -> NDArray[np.float64] | None:
        """How much each row counts, shape (n,), above 0; None if all count the same."""
        if "weights" not in self._arrays:
            path = self.folder / _WEIGHTS
            self._arrays["weights"] = np.load(path) if path.is_file() else None
        weights: NDArray[np.float64] | None = self._arrays["weights"]
        return weights

    def _weights_of(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        """Those of some rows, 1 on average, so that penalties mean the same in each fold."""
        weights = self.weights()
        return None if weights is None else weights[rows] / weights[rows].mean()

    def _weigh(self, model: Model, train: NDArray[np.int64], valid: NDArray[np.int64] | None = None) -> dict[str, Any]:
        """The argument `weights` of `Model.fit`, where rows count differently and the family can tell."""
        weights = self._weights_of(train)
        if weights is None or not takes_weights(model):
            return {}
        return {"weights": (weights, None if valid is None else self._weights_of(valid))}

    def _loss_or_none(self, rows: NDArray[np.int64], predicted: NDArray[np.float64]) -> float | None:
        """The loss on a part of the rows; None where the metric needs more, such as a second class."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a part lacks a class is no news to anybody
            try:
                loss = self.metric.loss(self._target()[rows], predicted, self._weights_of(rows))
            except ValueError:
                return None
        return loss if math.isfinite(loss) else None

    def _predictions_path(self, config: Mapping[str, Any]) -> Path:
        return self.folder / _record_name(config).replace(".json", ".npy")

    def _model(self, name: str) -> Model:
        return next((model for model in self.own if model.name == name), None) or find(name)

    def _job(self) -> Job:
        return replace(self.job, threads=cpu_count())

    def _matrix(self, diet: Diet) -> NDArray[np.float64]:
        if diet not in self._arrays:
            self._arrays[diet] = np.load(self.folder / f"{diet}.npy", mmap_mode="r")
        matrix: NDArray[np.float64] = self._arrays[diet]
        return matrix

    def _target(self) -> NDArray[Any]:
        if "y" not in self._arrays:
            self._arrays["y"] = np.load(self.folder / "y.npy")
        y: NDArray[Any] = self._arrays["y"]
        return y

    def _folds(self) -> list[Fold]:
        if "folds" not in self._arrays:
            with np.load(self.folder / _FOLDS) as stored:
                self._arrays["folds"] = [(stored[f"t{i}"], stored[f"v{i}"]) for i in range(len(stored.files) // 2)]
        folds: list[Fold] = self._arrays["folds"]
        return folds


@dataclass(frozen=True, slots=True)
class _Part:
    """One fit of a trial: predictions for its held-out rows, rounds, seconds, and milliseconds a row predicted."""

    predicted: NDArray[np.float64]
    rounds: int | None
    seconds: float
    pace: float


def _record(parts: Sequence[_Part], losses: Sequence[float | None], sampling: float) -> TrialRecord:
    rounds = [part.rounds for part in parts if part.rounds is not None]
    mean_rounds = round(float(np.mean(rounds))) if rounds else None
    median = float(np.median([part.seconds for part in parts]))
    return TrialRecord(mean_rounds, median, tuple(losses), min(part.pace for part in parts), sampling)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without scikit-learn's guess that many classes are numbers: who wants classes has said so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield


def _family(config: Mapping[str, Any]) -> Pipeline:
    """Name, hyperparameters, and the choice of features; None if there is none."""
    ((name, settings),) = config["model"].items()
    return name, *split_features(settings)


def _record_name(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=dict)
    return f"trials/{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
