"""Search on a new task with the experience of past ones, on recorded tables.

    python benchmarks/transfer.py --train FOLDER --test FOLDER --out transfer.json

A folder holds sources, each with `configs.parquet` and `error.parquet` or `scores.parquet` (the largest fidelity
counts). Tables of error are minimised; of long ones the first column of `MAXIMISED` and `MINIMISED` is the score
(`transferring/sources.py`). Where both folders are the same, five folds of tasks that follow each other by OpenML's
ids, so that most of a family is in one fold, and those of the same numbers of rows and columns in one wherever they are
(`NumberOfInstances`, `NumberOfFeatures`, where these are known); else all tasks of the one are past, those that are
also tested left out, and all of the other are tested. All sources that `--test` has are tested, or those of `--only`.
A source that only `--test` has, or whose configurations are all others there, is a new space, of which nothing is
known. The scores of a
tested task are seen as trials only, beside its meta-features, if the folder has them (`*_metafeatures/tasks.parquet`,
`SOURCE/tasks.parquet`, by OpenML ids); configurations not evaluated on it are no candidates for any method. `--methods`
may name two that show what wrong experience costs: `poisoned`, which learns from the negated scores of past tasks, and
`strange`, which knows none of the configurations; `mixture`, the learned metric without a search beside it; and with
`--network FILE` `incontext`, its neural form in the place of the mixture. A task's regret is

    clip((best trial - best of the task) / (median of the task - best of the task), 0, 1),   1 where these two tie,

and `FILE` gets JSON: source -> method -> evaluations -> its mean over tasks. With `--details FILE` another file gets
the regrets of each task, paired bootstrap intervals and versions; a run that was cut off goes on from it. Choices are
made on the folds of the development tables; another folder is for reporting.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import common
from transferring.measure import regrets
from transferring.methods import METHODS, SEEDS, STANDARD, Past, Problem, incontext
from transferring.sources import Source, aligned, folded, metafeatures, read, sources, unknown

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

AT = (1, 5, 10, 25)
KEPT = (1, 2, 3, 5, 8, 10, 13, 22, 25)  # so that a delay of three trials can be told
FOLDS = 5
SEED = 0
DRAWS = 2000
SOURCES = ("pmf", "tensor_oboe", "oboe", "yahpo_rbv2_xgboost", "yahpo_rbv2_rpart", "yahpo_lcbench")

Curves = dict[str, dict[str, dict[str, list[float]]]]


class Split(NamedTuple):
    """Past and tested tasks of one source.

    Attributes:
        past: What methods learn from.
        tasks: Names of the tested ones.
        scores: Theirs, shape (tasks, configurations), NaN where not evaluated.
        about: Their meta-features, if any.
        losses: The regrets of these scores, if the table has more than them; else None until `usable` has seen them.
    """

    past: Past
    tasks: NDArray[np.str_]
    scores: NDArray[np.float64]
    about: NDArray[np.float64] | None = None
    losses: NDArray[np.float64] | None = None


class Table(NamedTuple):
    """A source and the meta-features of its tasks, if any."""

    source: Source
    about: pd.DataFrame | None


def table(folder: Path, name: str) -> Table:
    source = read(folder / name)
    return Table(source, metafeatures(folder, name, source.tasks))


def shared(
    train: pd.DataFrame | None, test: pd.DataFrame | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """The meta-features that both folders have, by name and in one order; None where there are none."""
    if train is None or test is None:
        return None, None
    both = [name for name in train if name in test]
    alone = [name for name in (*train, *test) if name not in both]
    if alone:
        print(f"meta-features that one folder alone has are left out: {', '.join(alone)}.", file=sys.stderr, flush=True)
    return (train[both].to_numpy(dtype=float), test[both].to_numpy(dtype=float)) if both else (None, None)


def splits(train: Table | None, test: Table | None) -> list[Split]:
    """One split per fold, or one if there is another table to test on; without a table to train on there is no past."""
    if train is None or (test is not None and not np.isin(train.source.configs, test.source.configs).any()):
        assert test is not None, "one of the two folders has the source"
        source = test.source
        return [Split(Past(source.scores[:0], source.features, None, source.points), source.tasks, source.scores)]
    if test is not None:
        past, tested = aligned(train.source, test.source)
        there, here = shared(train.about, test.about)
        kept = None if there is None else there[~np.isin(train.source.tasks, test.source.tasks)]
        columns = np.isin(test.source.configs, tested.configs)
        losses = regrets(test.source.scores)[:, columns]  # the best of the table may be one that no past task has
        known = Past(past.scores, past.features, kept, past.points)
        return [Split(known, tested.tasks, tested.scores, here, losses)]
    source = train.source
    about, _ = shared(train.about, train.about)
    return [
        Split(
            Past(source.scores[past], source.features, None if about is None else about[past], source.points),
            source.tasks[tested],
            source.scores[tested],
            None if about is None else about[tested],
        )
        for past, tested in folded(source, FOLDS, train.about)
    ]


def usable(split: Split) -> Split:
    """Without configurations that no past task has tried, if there are past tasks; what counts as best is of all."""
    past, told = split.past, np.isfinite(split.past.scores).any(axis=1)
    past = past._replace(scores=past.scores[told], about=None if past.about is None else past.about[told])
    kept = np.isfinite(past.scores).any(axis=0) | (len(past.scores) == 0)
    tasks = np.isfinite(split.scores[:, kept]).any(axis=1)
    about = None if split.about is None else split.about[tasks]
    scores = split.scores[tasks]
    losses = regrets(scores) if split.losses is None else split.losses[tasks]
    points = None if past.points is None else past.points.of(kept)
    known = Past(past.scores[:, kept], past.features[kept], past.about, points)
    return Split(known, split.tasks[tasks], scores[:, kept], about, losses[:, kept])


def curve(search: Any, split: Split, at: int, seed: int) -> list[float]:
    """Regret after each number of evaluations in `KEPT`; a task with fewer candidates keeps its last."""
    assert split.losses is not None, "the split is a usable one"
    scores, about = split.scores[at], None if split.about is None else split.about[at]
    tried: list[int] = []

    def evaluate(row: int) -> float:
        tried.append(row)
        return float(scores[row])

    seeds = (seed, at)
    search(Problem(np.isfinite(scores), evaluate, max(KEPT), np.random.default_rng(seeds), about, seeds))
    assert len(set(tried)) == len(tried), "no method may try a configuration twice"
    best = np.minimum.accumulate(split.losses[at][tried])
    return [float(best[min(count, len(best)) - 1]) for count in KEPT]


def measured(
    split: Split, method: str, known: dict[str, list[float]], network: str | None = None
) -> dict[str, list[float]]:
    """Curves of the tasks that are not known yet, the mean over the method's seeds; `incontext` needs its network."""
    missing = [at for at, task in enumerate(split.tasks) if task not in known]
    if not missing:
        return {}
    search = (METHODS[method] if network is None or method != "incontext" else incontext(network))(split.past)
    found = {}
    for at in missing:
        runs = [curve(search, split, at, seed) for seed in range(SEEDS.get(method, 1))]
        found[str(split.tasks[at])] = np.mean(runs, axis=0).round(6).tolist()
    return found


def means(curves: Curves) -> dict[str, dict[str, dict[str, float]]]:
    """Source -> method -> evaluations -> mean over tasks; without sources of which no task could be tested."""
    return {
        source: {
            method: {str(at): round(float(np.mean([task[KEPT.index(at)] for task in tasks.values()])), 4) for at in AT}
            for method, tasks in methods.items()
        }
        for source, methods in curves.items()
        if all(methods.values())
    }


def intervals(curves: Curves) -> dict[str, Any]:
    """Source -> other method -> mean of ours minus theirs and its 95% interval, by bootstrap over tasks."""
    found: dict[str, Any] = {}
    for source, methods in curves.items():
        ours = methods.get("seasoned")
        for method in [name for name in methods if ours and name != "seasoned"]:
            tasks = sorted(set(ours) & set(methods[method]))
            if not tasks:
                continue
            gaps = np.array([np.subtract(ours[task], methods[method][task]) for task in tasks])
            rows = np.random.default_rng(SEED).integers(len(tasks), size=(DRAWS, len(tasks)))
            low, high = np.quantile(gaps[rows].mean(axis=1), (0.025, 0.975), axis=0)
            found.setdefault(source, {})[method] = {
                str(count): [round(float(x), 4) for x in (gaps[:, at].mean(), low[at], high[at])]
                for at, count in enumerate(KEPT)
            }
    return found


def show(result: dict[str, dict[str, dict[str, float]]]) -> None:
    """As a table."""
    for source, methods in result.items():
        for method, values in methods.items():
            print(f"{source:20} {method:10}", *(f"{values[str(count)]:7.3f}" for count in AT), flush=True)


def mark(*tables: Table | None) -> str:
    """Tells what a source's curves are of: a digest of its tables' tasks, configurations, scores and folds."""
    found = hashlib.blake2b(digest_size=8)
    for one in tables:
        for part in () if one is None else (one.source.tasks, one.source.configs, one.source.scores):
            found.update(np.ascontiguousarray(part.astype(str) if part.dtype == object else part).tobytes())
        for past, _ in () if one is None else folded(one.source, FOLDS, one.about):
            found.update(past.tobytes())
    return found.hexdigest()


def stored(path: Path | None) -> tuple[Curves, dict[str, str]]:
    """The curves in a file of details, and which tables each source's are of."""
    found = json.loads(path.read_text()) if path and path.exists() else {"curves": {}, "of": {}}
    return found["curves"], found.get("of", {})


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, metavar="FOLDER", help="past tasks")
    parser.add_argument("--test", type=Path, required=True, metavar="FOLDER", help="tested tasks")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with the means")
    parser.add_argument("--details", type=Path, metavar="FILE", help="JSON with all regrets; a run goes on from it")
    parser.add_argument("--only", default="all", help="names of sources (default: all that can be read)")
    parser.add_argument("--methods", default=",".join(STANDARD), help=f"some of {', '.join([*METHODS, 'incontext'])}")
    parser.add_argument("--network", metavar="FILE", help="network of incontext; for another, another --details")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are tested (default 5)")
    options = parser.parse_args(words)
    options.methods = [name.strip() for name in options.methods.split(",") if name.strip()]
    options.only = ",".join(name.strip() for name in options.only.split(",") if name.strip()) or "all"
    if "incontext" in options.methods and options.network is None:
        parser.error("the method incontext needs --network FILE, and no weights ship yet; train one")
    if strange := [name for name in options.methods if name not in (*METHODS, "incontext")]:
        parser.error(f"there is no method {strange[0]!r}; choose from {', '.join(METHODS)}")
    if not options.methods or not 1 <= options.folds <= FOLDS:
        parser.error(f"give a method at least, and from 1 to {FOLDS} folds")
    return options


def asked_for(options: argparse.Namespace) -> list[str]:
    """The sources to test.

    Raises:
        SystemExit: If a folder or a named source is not there, or nothing is.
    """
    for folder in (options.train, options.test):
        if not folder.is_dir():
            raise SystemExit(f"there is no folder {folder}.")
    names = sources(options.test)
    if options.only != "all":
        strange = sorted(set(options.only.split(",")) - set(names))
        if strange:
            raise SystemExit(f"{options.test} has no source {', '.join(strange)}; it has {', '.join(names) or 'none'}.")
        names = options.only.split(",")
    elif left := unknown(options.test):
        say(f"left out, for they have neither error.parquet nor scores.parquet: {', '.join(left)}.")
    if not names:
        raise SystemExit(f"no folder in {options.test} has configs.parquet and error.parquet or scores.parquet.")
    return names


def tables(options: argparse.Namespace, name: str, *, same: bool) -> tuple[Table | None, Table | None]:
    """A source as it is in the two folders; where these are one, it is there once."""
    train = table(options.train, name) if name in sources(options.train) else None
    if train is None:
        say(f"{name}: a new space, of which nothing is known.")
    return train, None if same else table(options.test, name)


def tell_of_gaps(name: str, train: Source, test: Source) -> None:
    """Say what of another folder's source nothing is known of."""
    shared = int(np.isin(test.configs, train.configs).sum())
    past = int((~np.isin(train.tasks, test.tasks)).sum())
    if 0 < shared < len(test.configs):
        say(f"{name}: {len(test.configs) - shared} of {len(test.configs)} configurations are in no past task, and no "
            "candidates; the best of the table may be one of them.")  # fmt: skip
    say(f"{name}: {past} past tasks, without the {len(train.tasks) - past} that are tested as well.")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    same, methods = options.train.resolve() == options.test.resolve(), options.methods
    curves, of = stored(options.details)
    unread = []
    for name in asked_for(options):
        try:
            train, test = tables(options, name, same=same)
        except (KeyError, OSError, TypeError, ValueError) as error:  # the others are worth having
            say(f"{name} cannot be read, and is left out: {error}.")
            unread.append(name)
            continue
        if curves.get(name) and of.get(name) != mark(train, test):
            raise SystemExit(f"the regrets of {name} in {options.details} are of other tables; name another file.")
        of[name] = mark(train, test)
        if train is not None and test is not None:
            tell_of_gaps(name, train.source, test.source)
        for split in map(usable, splits(train, test)[: options.folds]):
            for method in methods:
                known = curves.setdefault(name, {}).setdefault(method, {})
                known.update(measured(split, method, known, options.network))
                if options.details:
                    details = {"curves": curves, "of": of, "intervals": intervals(curves), "same": same}
                    common.write(options.details, details)
        found = means(curves)
        show({name: found[name]} if name in found else {})
        say(f"{name}: {len(curves[name][methods[0]])} tasks tested.")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    if unread and (options.only != "all" or not curves):  # of a whole folder what can be read is what was asked for
        raise SystemExit(f"not read: {', '.join(unread)}.")


if __name__ == "__main__":
    main()
