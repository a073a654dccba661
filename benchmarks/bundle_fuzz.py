"""Random mutation of bundles with hashes made right: everything that raises must be a sentence of ours.

    python benchmarks/bundle_fuzz.py --cases 2000 --seed 0

Fits a few small models, changes their manifest, JSON members and arrays at random, and loads, predicts and shows each
forged file in this process. Prints each kind of raw error once, with the change that caused it; ends with 1 if there is
one. What it found is a table in `tests/tabular/bundle/test_forged_content.py`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.errors import SeasonedError
from seasoned.tabular.safe_files import zip_container

HOSTILE = [
    None, True, False, 0, 1, -1, 2, 10**9, 2**63, 10**30, 0.5, -0.5, 1e308, "", "x", "nan", "\x00", "-1", [], [0], [[]],
    [None], {}, {"x": 0}, {"a": {"b": 1}},
]  # fmt: skip


def models(folder: Path) -> list[tuple[Path, pd.DataFrame]]:
    """Small models that between them have every member of a bundle."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"n": rng.normal(size=150), "b": rng.choice(["yes", "no"], 150), "d": pd.date_range("2020", periods=150)}
    )
    X["c"], X["m"] = rng.choice(list("abc"), 150), rng.choice([f"l{k}" for k in range(120)], 150)
    X["t"] = [" ".join(rng.choice(["red", "green", "blue", "old", "new", "late"], 4)) + f" {k}" for k in range(150)]
    X.loc[3, "n"] = np.nan
    y = X["n"].fillna(0) + (X["b"] == "yes")
    found = []
    for place, (make, target, names) in enumerate(
        [
            (AutoClassifier, np.where(y > 0.5, "p", "q"), ["linear", "tree"]),
            (AutoClassifier, np.digitize(y, [0.0, 0.8]), ["linear", "lightgbm"]),
            (AutoRegressor, np.exp(y), ["linear", "histogram"]),
        ]
    ):
        search = SearchSettings(models=names, folds=2, features="all")
        model = make(trials=4, search=search, experience=None, random_state=0, workers=1, time_limit=120).fit(X, target)
        found.append((folder / f"{place}.seasoned", X))
        model.save(found[-1][0])
    return found


def change(rng: np.random.Generator, value: Any) -> tuple[Any, str]:
    """A value with something inside it changed, and a word for what was done."""
    if isinstance(value, dict) and value and rng.random() < 0.93:
        name = list(value)[rng.integers(len(value))]
        if rng.random() < 0.1:
            return {key: inner for key, inner in value.items() if key != name}, f"without {name}"
        inner, told = change(rng, value[name])
        return {**value, name: inner}, f"{name}/{told}"
    if isinstance(value, list) and value and rng.random() < 0.93:
        place = int(rng.integers(len(value)))
        kind = rng.random()
        if kind < 0.1:
            return [*value[:place], *value[place + 1 :]], f"without [{place}]"
        if kind < 0.2:
            return [*value, value[place]], f"[{place}] twice"
        inner, told = change(rng, value[place])
        return [*value[:place], inner, *value[place + 1 :]], f"[{place}]/{told}"
    new = HOSTILE[rng.integers(len(HOSTILE))]
    return new, f"= {new!r}"


def change_arrays(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """The arrays of a member, one of them changed."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = list(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    ways = {
        "cut": lambda: array[: len(array) // 2] if array.ndim else array,
        "doubled": lambda: np.concatenate([array, array]) if array.ndim else np.array([array, array]),
        "flat": lambda: array.reshape(-1),
        "deeper": lambda: array[None],
        "of floats": lambda: array.astype(np.float32) if array.dtype.kind in "biuf" else array,
        "of text": lambda: array.astype(np.str_),
        "negative": lambda: -array if array.dtype.kind in "if" else array,
        "huge": lambda: array * 10**6 if array.dtype.kind in "iuf" else array,
        "NaN": lambda: array * np.nan if array.dtype.kind == "f" else array,
        "of zeros": lambda: np.zeros_like(array),
        "empty": lambda: array[:0] if array.ndim else array,
    }
    way = list(ways)[rng.integers(len(ways))]
    arrays[name] = ways[way]()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue(), f"{name} {way}"


def forge(rng: np.random.Generator, manifest: dict[str, Any], members: dict[str, bytes]) -> tuple[bytes, str]:
    """A bundle with one change, and a word for it."""
    names = ["manifest", *(name for name in members if name.endswith((".json", ".npz")) or "target" in name)]
    name = names[rng.integers(len(names))]
    if name == "manifest":
        manifest, told = change(rng, manifest)
    elif name.endswith(".npz"):
        data, told = change_arrays(rng, members[name])
        members = {**members, name: data}
    else:
        content, told = change(rng, json.loads(members[name]))
        members = {**members, name: json.dumps(content).encode()}
    return zip_container.pack({**manifest} if isinstance(manifest, dict) else {}, members, None), f"{name}: {told}"


def use(path: Path, X: pd.DataFrame) -> None:
    """What is done with a loaded model."""
    model = load(path)
    model.predict(X)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X.head(3))
    model.leaderboard()
    model.failures()
    _ = model.validation_score_, model.baseline_score_, model.fitted_.summary, model.fitted_.sentences
    (model.predict_interval if hasattr(model, "predict_interval") else model.predict_set)(X.head(3), 0.8)
    model.predict(X.iloc[:0])
    model.save(path.with_suffix(".again"))


def main() -> int:
    """Run the cases; 1 if there was a raw error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, raw, ends = np.random.default_rng(options.seed), {}, Counter()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        known = [(zip_container.unpack(path, None), X) for path, X in models(Path(name))]
        for _ in range(options.cases):
            (manifest, members), X = known[rng.integers(len(known))]
            data, told = forge(rng, manifest, members)
            path = Path(name) / "forged.seasoned"
            path.write_bytes(data)
            try:
                use(path, X)
                ends["used"] += 1
            except SeasonedError:
                ends["refused"] += 1
            except Exception as error:  # noqa: BLE001 - what it looks for
                ends["raw"] += 1
                frames = [one for one in traceback.extract_tb(error.__traceback__) if "seasoned" in one.filename]
                place = f"{Path(frames[-1].filename).stem}.{frames[-1].name}"
                door = next((one.name for one in frames if one.name in {"load", "save", "predict", "leaderboard"}), "?")
                raw.setdefault((type(error).__name__, place, door), []).append(f"{told} -> {str(error)[:90]}")
    for kind, cases in sorted(raw.items(), key=lambda one: -len(one[1])):
        print(f"{len(cases):4} {kind[0]} in {kind[1]} ({kind[2]})")
        for case in cases[:3]:
            print(f"         {case}")
    print(dict(ends))
    return int(bool(raw))


if __name__ == "__main__":
    sys.exit(main())
