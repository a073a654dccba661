"""Stage of a fit: scores of the texts of all rows, each by a linear model that was fitted without the row."""

from __future__ import annotations

import io
import logging
import math
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.execution.base import Ending, Limits
from seasoned.tabular.features.inputs import load_texts
from seasoned.tabular.preprocessing.sentence_embeddings import DIMENSIONS, embed_texts, has_embeddings
from seasoned.tabular.preprocessing.sparse_logistic import LOWEST_SCORE
from seasoned.tabular.preprocessing.text_scores import (
    TextScores,
    choose_inputs,
    count_texts,
    reading_lengths,
    score_loss,
    words_of,
)
from seasoned.tabular.trial.arrays import Arrays
from seasoned.tabular.validation.folds import together_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.execution.base import Outcome
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.trial.run_folder import RunFolder
    from seasoned.tabular.validation.folds import Fold

    Scored = tuple[TextScores, NDArray[np.float64]]

__all__ = ["learn_scores", "scores_of_run"]

logger = logging.getLogger("seasoned.tabular")

_SHARE: Final = 0.25  # largest time of the scores, as a share of the time limit
_MORE: Final = 0.1  # further share for scores of words alone, where scores of all n-grams would be late
_PARTS: Final = 4  # number of parts of rows that no fold validates
_MAX_CLASSES: Final = 200  # largest number of classes
_MAX_WORK: Final = 200_000_000  # largest number of counts times classes; with more, character n-grams are left out
_EMBEDDING_WORK: Final = 0.5  # work of a number of an embedding, in counts
_SCORES, _NONE, _COUNTS, _EMBEDDED = "scores.npz", "scores.none", "counts.npz", "embedded.npy"


class _Reading(NamedTuple):
    """Inputs of all rows are on disk: how many characters were read, the penalty, classes, and whether embeddings."""

    longest: tuple[int, int]
    penalty: float
    n_classes: int
    embeds: bool


def scores_of_run(run: RunFolder, n_classes: int, seed: int, pool: WorkerPool) -> Scored | None:
    """Return `learn_scores` of the run folder; a resumed run reads the scores that its trials had, if any."""
    if (stored := run.path / _SCORES).is_file():
        with np.load(stored) as arrays:
            return TextScores.from_arrays(arrays, math.inf), arrays["values"]
    if (run.path / _NONE).is_file():
        return None
    found = learn_scores(run.path, n_classes, seed, pool)
    if found is not None:
        buffer, arrays = io.BytesIO(), dict[str, Any](found[0].arrays())
        np.savez(buffer, values=found[1], **arrays)
        run.write_bytes(_SCORES, buffer.getvalue())
    elif not pool.budget.stop():  # after a stop, a resumed run may still learn them
        run.write_bytes(_NONE, b"")
    return found


def learn_scores(folder: Path, n_classes: int, seed: int, pool: WorkerPool) -> Scored | None:
    """Learn the scores of the texts in a folder, in workers.

    Each row is scored by a model of the other folds, as the out-of-fold predictions of a trial are; rows that no fold
    validates are scored by models of the other ones among them. The model of predictions is fitted to all rows. The
    scores of training rows thus come from models that have seen targets of other folds, as in every stacked ensemble.

    Args:
        folder: Folder with the arrays and texts of the table.
        n_classes: Number of classes.
        seed: Random seed.
        pool: The workers.

    Returns:
        The model of all rows, and the scores of the training rows, shape (n, scores). None if the texts say nothing
        about the target, or there was no time.
    """
    if n_classes > _MAX_CLASSES:
        return None
    budget = pool.budget
    seconds = _SHARE * budget.seconds if budget.trials is None else 0.5 * budget.remaining
    end = time.monotonic() + max(seconds, 1.0)
    data = Arrays(folder)
    parts, rows = _parts(data, seed), np.arange(len(data.target))
    models = [*parts, (rows, rows)]
    try:
        (reading,) = _called(pool, _count, [(folder, n_classes, seed, has_embeddings())], end)
        try:
            found = _called(pool, _fit, [(folder, reading, *part) for part in models], end)
        except _UnfinishedError as error:
            logger.info("scores of texts are learned from words alone: with character n-grams, %s.", error)
            words = reading._replace(longest=(reading.longest[0], 0), embeds=False)
            found = _called(pool, _fit, [(folder, words, *part) for part in models], end + _MORE * budget.seconds)
    except _UnfinishedError as error:
        logger.warning("texts get no scores of their words: %s", error)
        return None
    finally:
        for name in (_COUNTS, _EMBEDDED):
            (folder / name).unlink(missing_ok=True)
    *told, whole = found
    if whole is None:
        return None
    values = np.empty((len(rows), whole.count))
    for (_, valid), scores in zip(parts, told, strict=True):
        values[valid] = scores
    return (whole, values) if _useful(values, data.target, n_classes) else None


class _UnfinishedError(Exception):
    """Some calls failed or were late."""


def _called(pool: WorkerPool, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], end: float) -> list[Any]:
    """Results of all calls, which take about the same time.

    Args:
        pool: The workers.
        function: The function.
        calls: Arguments of each call.
        end: Deadline on `time.monotonic`'s clock.

    Raises:
        _UnfinishedError: If a call fails, or if the first one shows that the last would be late.
    """
    begun, budget, late = time.monotonic(), pool.budget, False
    rounds = math.ceil(len(calls) / budget.workers)

    def left() -> float:
        return 0.0 if late or budget.stop() else end - time.monotonic()

    ended: dict[int, Outcome] = {}
    limits = Limits(seconds=max(left(), 1.0), memory=budget.trial_memory)
    for place, outcome in pool.run_all(function, calls, left, limits):
        ended[place] = outcome
        late = late or (len(ended) == 1 and begun + rounds * (time.monotonic() - begun) > end)
    failed = [outcome for outcome in ended.values() if outcome.ending is not Ending.RETURNED]
    if failed or len(ended) < len(calls):
        reason = budget.explain(failed[0].reason) if failed else "the time for it was over"
        raise _UnfinishedError(reason)
    return [ended[place].value for place in range(len(calls))]


def _count(folder: Path, n_classes: int, seed: int, embeddings: bool) -> _Reading:
    """Count the n-grams of all rows, choose penalty and embeddings, and store what is used."""
    from scipy.sparse import save_npz

    texts, y = load_texts(folder), Arrays(folder).target
    longest = reading_lengths(texts)
    counts = count_texts(texts, longest)
    most = _MAX_WORK / n_classes
    if counts.nnz > most:
        longest = longest[0], 0
        counts = count_texts(texts, longest)

    def embed(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return embed_texts([[column[row] for row in rows] for column in texts], longest[0])

    penalty, embeds = choose_inputs(counts, y, n_classes, seed, embed if embeddings else None)
    numbers = _EMBEDDING_WORK * DIMENSIONS * len(texts) * len(y)
    if embeds and counts.nnz + numbers > most:  # embeddings take the place of character n-grams, or are left out
        words = count_texts(texts, (longest[0], 0))
        embeds = words.nnz + numbers <= most
        longest, counts = ((longest[0], 0), words) if embeds else (longest, counts)
    if embeds:
        np.save(folder / _EMBEDDED, embed(np.arange(len(y))))
    save_npz(folder / _COUNTS, counts, compressed=False)
    return _Reading(longest, penalty, n_classes, embeds)


def _fit(folder: Path, reading: _Reading, train: NDArray[np.int64], valid: NDArray[np.int64]) -> Any:
    """Fit to some rows, and score others; the model itself if both are all rows, or None if it learned nothing."""
    from scipy.sparse import load_npz

    longest, penalty, n_classes, embeds = reading
    counts: Any = load_npz(folder / _COUNTS)
    counts = counts if longest[1] else words_of(counts)
    data = Arrays(folder)
    embedded = np.load(folder / _EMBEDDED, mmap_mode="r") if embeds else None
    train_embedded, valid_embedded = (None if embedded is None else embedded[rows] for rows in (train, valid))
    y, weights = data.target[train], data.weights_of(train)
    fitted = TextScores.fit(
        counts[train], y, n_classes, longest=longest, penalty=penalty, weights=weights, embedded=train_embedded
    )
    if len(valid) == len(data.target):
        return fitted
    columns = n_classes if n_classes > 2 else 1
    if fitted is None:
        return np.zeros((len(valid), columns))
    scores = fitted.of_counts(counts[valid], valid_embedded)
    return scores if n_classes < 3 else _of_all_classes(scores, np.unique(y), n_classes)


def _of_all_classes(scores: NDArray[np.float64], seen: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Scores of all classes, shape (n, n_classes), from those of the classes that the training rows had."""
    if scores.shape[1] == 1:  # two classes were seen
        scores = -np.logaddexp(0.0, np.hstack([scores, -scores]))
    found = np.full((len(scores), n_classes), LOWEST_SCORE)
    found[:, seen] = np.maximum(scores, LOWEST_SCORE)
    return found


def _parts(data: Arrays, seed: int) -> list[Fold]:
    """Training and scored rows of each model; each row is scored once."""
    found, open_rows = [], np.ones(len(data.target), dtype=np.bool_)
    for train, valid in data.folds:
        if len(scored := valid[open_rows[valid]]):
            found.append((train, scored))
            open_rows[scored] = False
    rest = np.flatnonzero(open_rows)
    if len(rest):
        groups = np.arange(len(rest)) if data.together is None else data.together[rest]
        part = together_in(groups, _PARTS, np.random.default_rng(seed))
        found += [(rest[part != one], rest[part == one]) for one in np.unique(part)]
    return found


def _useful(values: NDArray[np.float64], y: NDArray[Any], n_classes: int) -> bool:
    """True if the scores predict better than a constant."""
    shares = np.bincount(y, minlength=n_classes) / len(y)
    constant = -float(np.log(shares[y]).mean())
    return score_loss(values, y, np.arange(n_classes)) < constant
