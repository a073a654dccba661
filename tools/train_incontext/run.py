"""A training in one folder: settings, checkpoint, log and network; it can be stopped and continued at any step."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput, SeasonedError
from seasoned.incontext.batches import BUCKETS, TRIAL_BUCKETS
from seasoned.incontext.network import Network
from seasoned.incontext.prior import draw_table, draw_trials
from seasoned.incontext.settings import NetworkSettings
from seasoned.incontext.training import Recipe, checkpoint, network_of, resume, start, train, validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from seasoned.incontext.training import TrainingState

__all__ = ["Journal", "main", "run"]

PRIORS: Final = {"tables": draw_table, "trials": draw_trials}
SIZES: Final = {"tables": BUCKETS, "trials": TRIAL_BUCKETS}
NUMBERS: Final = tuple(f.name for f in fields(NetworkSettings))
LOCK: Final = Path("benchmarks/lock")
_CHECKED: Final = 3  # every third size of the batches has validation tables


@dataclass
class Journal:
    """Checkpoints and log of a training, as the function that `train` calls before each step.

    Attributes:
        folder: Folder of the files.
        pause_while: File; while another process holds a lock on it, no step begins. It need not exist.
        every: Seconds between two checkpoints.
        before: Hours of training before this call.
        validation: Function from weights to a loss, which the log gets for the averaged weights.
    """

    folder: Path
    pause_while: Path = LOCK
    every: float = 120.0
    before: float = 0.0
    validation: Callable[[Any], float] | None = None
    began: float = field(default_factory=time.monotonic)
    written: float = field(default_factory=time.monotonic)
    losses: Sequence[float] = ()
    reported: int = 0

    @property
    def hours(self) -> float:
        """Hours of training so far."""
        return self.before + (time.monotonic() - self.began) / 3600

    def __call__(self, state: TrainingState, losses: Sequence[float]) -> None:
        """Wait for the lock; write a checkpoint and a line of the log when they are due."""
        self.losses = losses
        if time.monotonic() - self.written >= self.every:
            self.write(state)
        _wait_for(self.pause_while)

    def write(self, state: TrainingState) -> None:
        """Write the checkpoint, and the mean loss since the last line of the log."""
        checkpoint(state, self.folder / "checkpoint.npz")
        recent = self.losses[self.reported :]
        loss = round(float(np.mean(recent)), 4) if recent else None
        line = {"step": state.step, "hours": round(self.hours, 4), "loss": loss}
        if self.validation is not None and recent:
            line["validation"] = round(self.validation(state.average), 4)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self.reported, self.written = len(self.losses), time.monotonic()


def run(
    folder: Path,
    settings: NetworkSettings,
    recipe: Recipe,
    prior: str,
    *,
    seconds: float,
    begin_with: Path | None = None,
    pause_while: Path = LOCK,
) -> None:
    """Train a network, or continue the training of a folder, and write `network.npz`.

    Args:
        folder: Folder of the training.
        settings: Shape and sizes of the network.
        recipe: Settings of the training.
        prior: "tables" or "trials".
        seconds: Time limit of this call.
        begin_with: File of a trained network, whose weights are the first ones of a new folder.
        pause_while: File; while another process holds a lock on it, no step begins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _same_or_new(folder / "settings.json", {"network": asdict(settings), "recipe": asdict(recipe), "prior": prior})
    kept = folder / "checkpoint.npz"
    trained = None if begin_with is None else Network.load(begin_with)
    state = resume(settings, recipe, kept) if kept.exists() else start(settings, recipe, trained)
    check = validation(settings, recipe.buckets[::_CHECKED], PRIORS[prior])
    journal = Journal(folder, pause_while, before=_hours(folder / "log.jsonl"), validation=check)
    state = train(state, settings, recipe, PRIORS[prior], seconds=seconds, before_step=journal)
    journal.write(state)
    card = _card(state, recipe, prior, journal.hours) | ({} if trained is None else {"began with": dict(trained.card)})
    network_of(state, settings, card).save(folder / "network.npz")


def _card(state: TrainingState, recipe: Recipe, prior: str, hours: float) -> dict[str, Any]:
    tables = sum(bucket.tables for bucket in recipe.buckets) / len(recipe.buckets)
    return {
        "prior": f"drawn {prior} of seasoned.incontext.prior",
        "never saw": "any real table or recorded study",
        "recipe": asdict(recipe),
        "steps": state.step,
        "tables": round(state.step * tables),
        "hours": round(hours, 2),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "licence": "Apache-2.0",
    }


def _same_or_new(path: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a new folder, or compare those of an old one."""
    text = json.dumps(settings, indent=1)
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    elif json.loads(path.read_text(encoding="utf-8")) != json.loads(text):
        raise InvalidInput(f"the training in {path.parent} has other settings: give another folder, or its settings.")


def _hours(log: Path) -> float:
    if not log.exists():
        return 0.0
    return float(json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["hours"])


def _wait_for(path: Path) -> None:
    """Wait while another process holds a lock on a file."""
    with contextlib.suppress(FileNotFoundError), path.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train_incontext", description=__doc__)
    sizes, recipe = NetworkSettings(), Recipe()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prior", choices=sorted(PRIORS), default="tables")
    parser.add_argument("--seconds", type=float, default=7200.0, help="time limit of this call")
    parser.add_argument("--begin-with", type=Path, help="trained network whose weights a new folder begins with")
    parser.add_argument("--steps", type=int, default=recipe.steps, help="steps of the whole training")
    parser.add_argument("--learning-rate", type=float, default=recipe.learning_rate)
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--tables", type=float, default=1.0, help="factor of the number of tables in each batch")
    for name in NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(sizes, name))
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line at the lowest priority."""
    options = _options(words)
    os.nice(19)
    settings = NetworkSettings(**{name: getattr(options, name) for name in NUMBERS})
    recipe = Recipe(seed=options.seed, steps=options.steps, learning_rate=options.learning_rate)
    buckets = tuple(replace(b, tables=max(round(b.tables * options.tables), 1)) for b in SIZES[options.prior])
    with _one_sentence():
        run(
            options.folder,
            settings,
            replace(recipe, buckets=buckets),
            options.prior,
            seconds=options.seconds,
            begin_with=options.begin_with,
        )


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """End the program with an error's sentence."""
    try:
        yield
    except SeasonedError as error:
        raise SystemExit(f"error: {error}") from error
