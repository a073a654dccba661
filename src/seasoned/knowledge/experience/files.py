"""Files of experience: one Parquet file with a row per trial, and import of past runs from a CSV file.

Columns of the Parquet file:

- `study`: the key of the study;
- description of the study: `name`, `family`, `kind`, `version`, `sort`, `metric`, `baseline`, `source`, `created`, and
  `about` as JSON;
- meta-features of the study: `meta.log_rows` ...;
- the trial: `configuration` (JSON), `score` (to be minimised), `seconds`, `failed`, and `stopped`. The score and
  seconds of a stopped trial are lower bounds.

Repeated values are stored once (dictionary encoding).
"""

from __future__ import annotations

import json
import lzma
import math
import os
import re
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput, MissingExtra, SeasonedError
from seasoned.knowledge.experience.experience import Experience, texts_of
from seasoned.knowledge.experience.nested_configurations import value_of
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.storage.study_archive import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

__all__ = ["read_csv", "read_file", "whole", "write_file"]

FORMAT: Final = b"1"
_FORMAT_KEY: Final = b"seasoned.experience"
TRIALS_PER_WRITE: Final = 100_000
"""Number of trials that are written at a time."""
_META: Final = "meta."
_HEAD: Final = ("name", "family", "kind", "version", "sort", "metric", "baseline", "source", "created")
_WORDS: Final = ("study", "name", "family", "kind", "sort", "metric", "source", "created", "about", "configuration")
_EMPTY: Final = ("", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null")  # None may be a category
_YES: Final = frozenset({"true", "1", "1.0", "yes"})
_NO: Final = frozenset({"false", "0", "0.0", "no", "", "nan", "none"})
_SAID: Final = 200  # largest length of a quoted error message, in characters
_DAMAGE: Final = (lzma.LZMAError, zipfile.BadZipFile, zlib.error)
_SUFFIX: Final = re.compile(r"\.csv(\.\w+)?$|\.\w+$", re.IGNORECASE)
_RESERVED: Final = ("task", "score", "seconds", "failed", "configuration", "metric", "sort")


@contextmanager
def whole(source: str) -> Iterator[None]:
    """Context manager for reading a file that may be damaged: any exception becomes InvalidInput with the file's name.

    Args:
        source: Name of the file.

    Raises:
        InvalidInput: If the body fails. MissingExtra is raised unchanged.
    """
    try:
        yield
    except MissingExtra:
        raise
    except Exception as error:
        if isinstance(error, InvalidInput) and source in str(error):
            raise
        said = " ".join(str(error).split())[:_SAID].rstrip(".")
        kind = "" if isinstance(error, SeasonedError) else f"{type(error).__name__}: "
        raise InvalidInput(
            f"{source!r} holds no experience that can be read ({kind}{said}); give another copy."
        ) from error


def write_file(experience: Experience, path: Path) -> None:
    """Write an experience to a Parquet file, atomically. The file contains no rows of any user table.

    Raises:
        InvalidInput: If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {str(path.parent)!r} to write {path.name!r} in; make it first.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(experience, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(experience: Experience, path: Path) -> None:
    """Write in batches of trials, because columns of repeated values are large before encoding."""
    import pyarrow.parquet as pq

    about = _about(experience)
    schema = _trials(experience, about, slice(0, 0)).schema.with_metadata({_FORMAT_KEY: FORMAT})
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=15) as writer:
        for first in range(0, len(experience.scores), TRIALS_PER_WRITE):
            writer.write_table(_trials(experience, about, slice(first, first + TRIALS_PER_WRITE)))


def _about(experience: Experience) -> dict[str, Any]:
    """Columns that describe studies, with one row per study."""
    import pyarrow as pa

    columns: dict[str, Any] = {"study": pa.array(list(experience.keys), pa.string())}
    for name in _HEAD:
        columns[name] = pa.array([getattr(head, name) for head in experience.heads])
    columns["about"] = pa.array([json.dumps(dict(head.about), sort_keys=True) for head in experience.heads])
    for place, feature in enumerate(METAFEATURES):
        columns[_META + feature.name] = pa.array(experience.metafeatures[:, place])
    return columns


def _trials(experience: Experience, about: dict[str, Any], span: slice) -> pa.Table:
    """Rows of the file for the trials in `span`, without trials whose configurations were deleted from the store."""
    import pyarrow as pa

    places = np.arange(len(experience.scores))[span]
    studies = np.searchsorted(experience.starts, places, side="right") - 1
    columns = {name: column.take(studies) for name, column in about.items()}
    numbers, codes = np.unique(experience.configurations[span], return_inverse=True)
    texts = experience.texts(numbers.tolist())
    known = np.array([int(number) in texts for number in numbers], dtype=bool)
    words = [texts.get(int(number), "{}") for number in numbers]
    columns["configuration"] = pa.array(words, pa.string()).take(codes)
    columns |= {"score": pa.array(experience.scores[span]), "seconds": pa.array(experience.seconds[span])}
    columns |= {"failed": pa.array(experience.failed[span]), "stopped": pa.array(experience.stopped[span])}
    return pa.table(columns).filter(pa.array(known[codes], pa.bool_()))


def read_file(path: Path) -> Experience:
    """Read an experience from a Parquet file of `write_file`, also from another machine.

    Raises:
        InvalidInput: If the file is not such a file, is damaged, or has a newer format.
    """
    import pyarrow.parquet as pq

    with whole(path.name):
        found = (pq.read_schema(path).metadata or {}).get(_FORMAT_KEY)
        if found is None or int(found) > int(FORMAT):
            raise InvalidInput(f"{path.name!r} is of format {found!r}, and this version reads {FORMAT!r}; upgrade.")
        with pq.ParquetFile(path, read_dictionary=[*_WORDS]) as file:
            return _from_file(file)


def _from_file(file: pq.ParquetFile) -> Experience:
    """Read the columns. Columns that describe studies are read one at a time, to save memory."""
    table = file.read(["study", "configuration", "score", "seconds", "failed", "stopped"])
    studies, keys = _coded(table["study"])
    order = np.argsort(studies, kind="stable")
    studies = studies[order]
    starts = np.searchsorted(studies, np.arange(len(keys) + 1))
    first = order[starts[:-1]] if len(keys) else np.zeros(0, dtype=np.intp)
    about = {name: file.read([name])[name].take(first).to_pylist() for name in (*_HEAD, "about")}
    heads = tuple(
        Head(**{**dict(zip(about, row, strict=True)), "about": json.loads(row[-1])}).check()
        for row in zip(*about.values(), strict=True)
    )
    metafeatures = np.full((len(keys), len(METAFEATURES)), np.nan)
    for place, name in enumerate(_META + feature.name for feature in METAFEATURES):
        if name in file.schema_arrow.names:
            metafeatures[:, place] = file.read([name])[name].to_numpy()[first]
    stopped = np.zeros(len(order), dtype=bool)  # for files of earlier versions, which lack the column
    if "stopped" in table.column_names:
        stopped = table["stopped"].to_numpy()[order].astype(bool)
    codes, texts = _coded(table["configuration"])
    for text in texts:
        _configuration(text, "a trial")
    numbers = np.array([digest(text) for text in texts], dtype=np.int64)
    return Experience(
        tuple(keys),
        heads,
        metafeatures,
        starts,
        numbers[codes[order]],
        table["score"].to_numpy()[order].astype(np.float64),
        table["seconds"].to_numpy()[order].astype(np.float32),
        table["failed"].to_numpy()[order].astype(bool),
        stopped,
        texts_of(dict(zip(numbers.tolist(), texts, strict=True))),
    )


def _coded(column: Any) -> tuple[NDArray[np.intp], list[str]]:
    """Decode a text column into codes, shape (rows,), and the list of distinct texts.

    Raises:
        InvalidInput: If the column is not text, or a cell is empty.
    """
    import pyarrow as pa

    sort = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    words = pa.types.is_string(sort) or pa.types.is_large_string(sort)
    if len(column) and (column.null_count or not words):
        raise InvalidInput(f"a column of studies or configurations holds {sort} or empty cells, and must hold text.")
    chunks = [chunk.dictionary_encode() if not pa.types.is_dictionary(chunk.type) else chunk for chunk in column.chunks]
    if not chunks:
        return np.zeros(0, dtype=np.intp), []
    whole: Any = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    return np.asarray(whole.indices.to_numpy(zero_copy_only=False), dtype=np.intp), whole.dictionary.to_pylist()


def read_csv(path: Path, *, maximise: bool = False, kind: str | None = None) -> Experience:
    """Read past runs of any function from a CSV file with one row per run.

    Required columns: `task` groups the runs, and `score` is the result of a run (empty for a failed run). Optional
    columns: `seconds`, `failed` (true, 1 or yes; false, 0, no or empty), `sort` and `metric`. A column `configuration`
    may contain parameters as JSON. Every other column is a parameter.

    Args:
        path: Path of the file.
        maximise: True if a higher score is better.
        kind: Name of the space of the configurations; the name of the file if None.

    Raises:
        InvalidInput: If the file, a required column or a task name is missing. Also if a cell of `failed`, `score`,
            `seconds` or `configuration` is invalid, or `sort` or `metric` differs within a task.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=_EMPTY, dtype=str)
    except (OSError, EOFError, ValueError, RuntimeError, ImportError, *_DAMAGE) as error:
        raise InvalidInput(f"{path.name!r} cannot be read as CSV: {' '.join(str(error).split())}.") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas used the first cells as an index
        raise InvalidInput(
            f"{path.name!r} has rows with more cells than its header; put cells with commas in quotation marks, or "
            "complete the header."
        )
    missing = [name for name in ("task", "score") if name not in frame.columns]
    if missing:
        raise InvalidInput(
            f"{path.name!r} lacks the column {missing[0]!r}; its columns are {', '.join(frame.columns)}."
        )
    nameless = frame["task"].isna() | (frame["task"].astype(str).str.strip() == "")
    if nameless.any():
        raise InvalidInput(f"run {int(nameless.argmax()) + 1} of {path.name!r} names no task; fill it in.")
    sign = -1.0 if maximise else 1.0
    studies = []
    for name, rows in frame.groupby("task", sort=False):
        plain = rows.astype(object).where(rows.notna(), None)
        records = list(zip(plain.index, plain.to_dict("records"), strict=True))
        trials = [_trial(row, sign, f"run {place + 1} of {path.name!r}") for place, row in records]
        sort, metric = (_one_of(rows, key, f"task {name!r} of {path.name!r}") for key in ("sort", "metric"))
        head = Head(
            str(name), str(name), kind or _SUFFIX.sub("", path.name), sort=sort, metric=metric, source=path.name
        )
        studies.append(PastStudy(head, {}, trials))
    return Experience.of_studies(studies)


def _one_of(rows: pd.DataFrame, name: str, where: str) -> str:
    """Return the only value of a column within a task; empty if the column has none."""
    found: list[str] = rows[name].dropna().astype(str).unique().tolist() if name in rows.columns else []
    if len(found) > 1:
        raise InvalidInput(
            f"{where} has several values of {name!r} ({found[0]}, {found[1]}), which says what the task is; put "
            "parameters of that name into a column `configuration`, as JSON."
        )
    return found[0] if found else ""


def _trial(row: dict[Any, Any], sign: float, where: str) -> PastTrial:
    score, seconds = (_number(row.get(name), name, where) for name in ("score", "seconds"))
    config = {key: value_of(cell) for key, cell in row.items() if key not in _RESERVED and cell is not None}
    if "configuration" in row:
        told = _configuration(row["configuration"], where)
        if twice := sorted(config.keys() & told.keys()):
            raise InvalidInput(f"{where} has {twice[0]!r} as a column and in its configuration; leave one of them out.")
        config |= told
    failed = _truth(row.get("failed"), where) or score is None or not math.isfinite(score)
    return PastTrial(config, None if failed or score is None else sign * score, seconds, failed)


def _number(value: Any, name: str, where: str) -> float | None:
    """Parse a cell as a number; None if the cell is empty."""
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        raise InvalidInput(
            f"{where} has {value!r} as {name}; write a number, or nothing where a run has none."
        ) from None
    return None if math.isnan(number) else number


def _configuration(text: Any, where: str) -> dict[str, Any]:
    """Parse a cell as a configuration."""
    try:
        config = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise InvalidInput(f'{where} has {text!r} as configuration; write a JSON object such as {{"x": 1}}.')
    return config


def _truth(value: Any, where: str) -> bool:
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise InvalidInput(f"{where} has {value!r} as failed; write true, 1 or yes, or false, 0, no or nothing.")
    return word in _YES
