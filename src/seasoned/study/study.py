"""A study: a sampler proposes, a trial runs, an event is stored; it can be resumed, and driven by many processes."""

from __future__ import annotations

import logging
import operator
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seasoned._util.equivalents import refuse_unknown
from seasoned._util.progress_bar import ProgressBar
from seasoned.errors import InvalidInput, PruneReason, StudyConflict
from seasoned.execution._system.resources import parse_memory
from seasoned.execution.base import Limits
from seasoned.fidelity.checkpoints import Checkpoints
from seasoned.fidelity.sampler_per_rung import with_rungs
from seasoned.samplers.auto import Auto
from seasoned.space import Space
from seasoned.space.parameters import key_of
from seasoned.storage.memory import MemoryStorage
from seasoned.study.arguments import (
    check_agrees,
    check_callbacks,
    check_ends,
    check_exists,
    check_parts,
    check_run,
    check_seconds,
    check_space,
    executor_for,
    inward,
    located,
    open_storage,
    reason_of,
    warn_of_others,
)
from seasoned.study.ask_tell import ByHand
from seasoned.study.driver import Drive, Plan
from seasoned.study.objective import Constrained, Evaluation, Objective, Verdict, check_takes, read_values
from seasoned.study.replay import Ledger
from seasoned.study.study_view import StudyView
from seasoned.trials import Config, Created, StudySpec, Trial, TrialState
from seasoned.trials.notes import as_notes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from seasoned.execution.base import Executor
    from seasoned.fidelity.base import Fidelity
    from seasoned.fidelity.live_trial import LiveTrial
    from seasoned.samplers.base import Sampler
    from seasoned.storage.base import EventLog, Storage

__all__ = ["Study"]

_log = logging.getLogger("seasoned.study")


class Study(StudyView):
    """A search for the configuration of `space` with the best value of an objective.

    Args:
        space: Where to search.
        sampler: What decides on the next trial; `Auto()` if left out, which chooses one and changes it in long runs.
        storage: A database URL such as `"sqlite:///runs.db"`, the path of a SQLite file, or a Storage; in memory if
            left out.
        name: The study's name in the storage. A study of that name is opened with its trials; else it is created. Given
            another space than before, it moves there at its first new trial; looking at it changes nothing.
        direction: "minimize" or "maximize"; a tuple of them for several objectives.
        seed: Source of all randomness; drawn and stored if left out.
        fidelity: What decides how far a trial is run, such as `ASHA()`; the objective then takes the trial, too.
        budget: How many trials are planned, for samplers that pace themselves.
        checkpoints: Folder in which the study gets a subfolder for its trials' checkpoints; if left out, one in the
            user's cache, or for a study in memory a temporary one. Several machines need one that all of them see.

    Raises:
        InvalidInput: If an argument breaks a rule, or a warm start does not fit the space.
        StudyConflict: If the stored study has another direction or seed.
        StorageError: If the storage cannot be read or written.

    Example:
        >>> from seasoned import Float, Space, Study
        >>> study = Study(Space(x=Float(-1, 1)), seed=0)
        >>> study.optimize(lambda config: config["x"] ** 2, trials=30)
        >>> round(study.best.value, 2)
        0.0
    """

    @refuse_unknown
    def __init__(
        self,
        space: Space,
        *,
        sampler: Sampler[Any] | None = None,
        storage: str | os.PathLike[str] | Storage | None = None,
        name: str | None = None,
        direction: str | tuple[str, ...] = "minimize",
        seed: int | None = None,
        fidelity: Fidelity[Any] | None = None,
        budget: int | None = None,
        checkpoints: str | Path | None = None,
    ) -> None:
        if storage is not None and name is None:
            raise InvalidInput("storage is given without a name; give name='...' so that the study can be found again.")
        if name == "":
            raise InvalidInput("name is ''; give the study a name, or leave it out for a study in memory.")
        check_space(space)
        check_parts(sampler, fidelity)
        sampler = Auto() if sampler is None else sampler
        directions = (direction,) if isinstance(direction, str) else tuple(direction)
        if fidelity is not None and len(directions) > 1:
            raise InvalidInput(
                f"a rule of fidelity compares one number, not the objectives {directions}; leave it out."
            )
        sampler = sampler if fidelity is None else with_rungs(sampler, fidelity)
        warm_start = sampler.warm_start
        chosen_seed = secrets.randbits(63) if seed is None else seed
        spec = StudySpec(space, directions, chosen_seed, budget, inward(warm_start, space, directions))
        self.name = "study" if name is None else name
        place = located(storage)
        self._storage = open_storage(place)
        agrees = partial(check_agrees, directions=directions, seed=seed, name=self.name)
        self._ledger = self._opened(Created(spec), lambda log: Ledger(log, sampler, space, fidelity, agrees))
        warn_of_others(self._ledger.spec, spec, self.name)
        url = place if isinstance(place, str) else getattr(self._storage, "url", None)
        temporary = None
        if isinstance(self._storage, MemoryStorage):
            memory = self._storage
            url, temporary = memory.identity, lambda: memory.folder
        self._checkpoints = Checkpoints(checkpoints, url, self.name, self._ledger.spec.seed, temporary)
        self._by_hand = ByHand(self._ledger, self._checkpoints)
        self._stopping = False

    def _opened(self, created: Created, ledger: Callable[[EventLog], Ledger]) -> Ledger:
        """The study's ledger; if a sampler or a rule refuses a new study, its name stays free."""
        new = self.name not in self._storage.names()
        log = self._storage.open(self.name, created)
        try:
            return ledger(log)
        except InvalidInput:
            if new and list(log.read()) == [created]:
                self._storage.delete(self.name)
            raise

    @classmethod
    def load(cls, storage: str | os.PathLike[str] | Storage, name: str, **options: Any) -> Study:
        """A stored study, in its own space and direction.

        Args:
            storage: Where it is stored.
            name: Its name there.
            **options: Study's other arguments, such as the sampler with which it goes on.

        Raises:
            StudyConflict: If there is no study of that name, or no such SQLite file, which is then not created.

        Example:
            >>> from seasoned import Float, Space, Study
            >>> from seasoned.storage import MemoryStorage
            >>> storage = MemoryStorage()
            >>> Study(Space(x=Float(0, 1)), storage=storage, name="line").optimize(lambda config: config["x"], trials=3)
            >>> len(Study.load(storage, "line").trials)
            3
        """
        place = located(storage)
        check_exists(place, name)
        opened = open_storage(place)
        try:
            if name not in (names := opened.names()):
                raise StudyConflict(f"there is no study {name!r}; the names are {list(names)}.")
            spec = Ledger.present(opened.open(name, Created(StudySpec(Space()))))
        finally:
            if opened is not place:  # opened here, only to look
                opened.close()
        return cls(spec.space, storage=place, name=name, direction=spec.directions, **options)

    # ----------------------------------------------------------------------------------- running

    @refuse_unknown
    def optimize(
        self,
        f: Objective,
        *,
        trials: int | None = None,
        time_limit: float | None = None,
        workers: int | Executor = 1,
        trial_time_limit: float | None = None,
        trial_memory: float | str | None = None,
        callbacks: Sequence[Callable[[Study, Trial], None]] = (),
        progress: bool | None = None,
        stop: Callable[[], bool] | None = None,
        remaining: Callable[[], float] | None = None,
    ) -> None:
        """Run the objective until the study holds `trials` finished ones, or the time is up.

        Finished means complete, pruned or failed; trials that the study held before count, so an interrupted call can
        be repeated. With one worker and no limit per trial `f` runs in this process. Otherwise each runs in a warm
        worker process, which never imports the calling script, and whose whole process tree is killed at a limit.

        Args:
            f: Called with a configuration (a dict of its own), returns the value, or a tuple of several; `Constrained`
                adds outcomes that must keep a bound. With a rule of fidelity, or if it takes two arguments, it is
                called with a `LiveTrial`, too, with the trial's number, a folder of its own, and notes to be kept.
            trials: Number of finished trials that the study is to hold, over all drivers.
            time_limit: Seconds; trials still running in workers are cut off, and run again when the study goes on. One
                that runs in this process runs to its end, or with a rule of fidelity to its next report.
            workers: Number of trials at the same time; or your own executor, such as `RayExecutor`, which stays open.
            trial_time_limit: Seconds that one trial may take; for one that pauses at rungs, each of its runs.
            trial_memory: Bytes that one trial's process tree may use, or a text such as "8GB".
            callbacks: Called with the study and each trial that finished here. Where one has a true attribute
                `logs_trials`, it writes the log's lines of trials, and the study none above DEBUG.
            progress: Whether to show a progress bar; None shows it on terminals and in notebooks.
            stop: Called several times a second, but not while a trial runs in this process; true ends the call, and
                trials still running in workers are cut off.
            remaining: Returns the share of the budget that is left, from 1 to 0. It is stored before each configuration
                is suggested, for samplers whose choice depends on it.

        Raises:
            AllTrialsFailed: After 20 failures in this call without a success in the study's space, or so many in a row
                for the same reason that it is no chance (20 after seven successes; not with a plan such as `Grid`),
                unless a trial waits at a rung.
            InvalidInput: If an argument breaks a rule.
        """
        check_run(trials, time_limit, workers, trial_time_limit)
        check_callbacks(callbacks)
        memory = None if trial_memory is None else parse_memory(trial_memory)
        check_ends(trials, time_limit, ends=self._ledger.end is not None)
        self._stopping = False
        check_takes(f, trial=self._ledger.fidelity is not None, names=self.space.parameters)
        trials = None if trials is None else operator.index(trials)
        self._ledger.settle()
        self._ledger.sync()
        if trials is not None and (held := self._ledger.history.finished) >= trials:
            failed = self._ledger.history.count(TrialState.FAILED)
            text = "the study %r holds %d finished trials already (%d of them failed): with trials=%d nothing is run."
            _log.warning(text, self.name, held, failed, trials)
        evaluation = Evaluation(f, len(self._ledger.spec.directions))
        takes = evaluation.takes_trial or self._ledger.fidelity is not None
        folder = self._checkpoints.folder if takes else Path()
        quiet = any(getattr(callback, "logs_trials", False) for callback in callbacks)
        plan = Plan(
            trials, time_limit, Limits(trial_time_limit, memory), checkpoints=folder, quiet=quiet, remaining=remaining
        )
        with ProgressBar(trials, time_limit, shown=progress) as bar:

            def on_finished(trial: Trial) -> None:
                history = self._ledger.history
                alone = len(self._ledger.spec.signs) == 1
                best = self._outward(history.best).value if alone and history.best is not None else None
                bar.update(history.finished, history.count(TrialState.FAILED), best)
                for callback in callbacks:
                    callback(self, self._outward(trial))

            executor = executor_for(workers, plan.limits)
            asked = {"stopping": lambda: self._stopping, "hurrying": stop or (lambda: False)}
            Drive(self._ledger, evaluation, executor, plan, on_finished, **asked).run()

    def stop(self) -> None:
        """Let a running `optimize` of this process begin no more trials; those that run are finished."""
        self._stopping = True

    @refuse_unknown
    def ask(self, *, detached: bool = False) -> Trial:
        """The next trial to run by hand; answer with `tell`.

        With a rule of fidelity that pauses trials, one that is promoted is given again, before any new one.

        Args:
            detached: The trial belongs to nobody and waits for its `tell` for ever. Otherwise this process holds it,
                and if the process ends without telling, the trial is given to the next who asks.

        Raises:
            StudyConflict: If the sampler has no more trials to give.
        """
        return self._outward(self._by_hand.ask(detached=detached))

    def live(self, trial: Trial | int) -> LiveTrial:
        """A trial that was asked for, as an objective `f(config, trial)` sees it: `budget`, `report`, `checkpoint`.

        Its `report(step, value)` raises `Pruned` where the rule of fidelity says that it shall not go on. What is told
        then is judged as in `optimize`: a trial that the rule stopped is pruned, whatever its value; one that pauses
        stays open, and `ask` gives it again when it is promoted.

        Raises:
            InvalidInput: If there is no such trial, or the study has no rule of fidelity.
            StudyConflict: If the trial has finished, or waits at a rung.

        Example:
            >>> from seasoned import ASHA, Float, Space, Study
            >>> study = Study(Space(x=Float(0, 1)), fidelity=ASHA(max=9), seed=0)
            >>> trial = study.ask()
            >>> running = study.live(trial)
            >>> for step in range(running.step + 1, running.budget + 1):
            ...     running.report(step, trial.config["x"] + 1 / step)
            >>> study.tell(trial, trial.config["x"]).state.value
            'complete'
        """
        return self._by_hand.live(_number(trial))

    def enqueue(self, *configs: Mapping[str, Any], again: bool = True) -> list[Trial]:
        """Let configurations be tried next, before the sampler's own, by whoever runs or asks for the next trials.

        In a plan (`Grid`, `Sobol`), and among the first points of a sampler that begins with some (the default, a
        population, the best points of a warm start), each takes the place of one of these. Configurations that a warm
        start gives come after them.

        Args:
            *configs: The configurations, whole ones.
            again: Whether those are tried again that the study has already, waiting, running or ended without an error;
                False for a script that may be run more than once.

        Returns:
            The new trials.

        Raises:
            InvalidConfig: If one is not valid in the space.

        Example:
            >>> from seasoned import Float, Space, Study
            >>> study = Study(Space(x=Float(-1, 1)), seed=0)
            >>> queued = study.enqueue({"x": 0.25}, {"x": -0.5})
            >>> study.optimize(lambda config: config["x"] ** 2, trials=3)
            >>> [trial.config["x"] for trial in study.trials[:2]]
            [0.25, -0.5]
        """
        waiting = [Config(self.space.check(config)) for config in configs]
        with self._ledger.lock:
            if not again:
                tried = [trial.config for trial in self.trials if trial.state is not TrialState.FAILED]
                there = {key_of(self.space.check(config)) for config in tried if self.space.contains(config)}
                single = {key_of(config): config for config in waiting}
                waiting = [config for key, config in single.items() if key not in there]
            return [self._outward(trial) for trial in self._by_hand.enqueue(waiting)]

    @refuse_unknown
    def tell(
        self,
        trial: Trial | int | Mapping[str, Any],
        values: Any = None,
        *,
        constraints: Sequence[float] = (),
        error: str | BaseException | None = None,
        pruned: str | BaseException | None = None,
        seconds: float | None = None,
        notes: Mapping[str, Any] = MappingProxyType({}),
    ) -> Trial:
        """Store how a trial ended, and return it.

        Args:
            trial: The trial or its number, asked by this process or any other; or a configuration that was tried
                elsewhere, which becomes a finished trial of the study. In a plan it takes the next one's place.
            values: The value, or a tuple of several. If one is not finite, the trial is failed.
            constraints: Outcomes that must be at most 0, such as `memory - 8e9`, the same ones in every trial.
            error: Why it failed, instead of values.
            pruned: Why it was not run to its end, instead of values.
            seconds: How long it took; None for the time since it was asked for, unless others were asked or told since.
            notes: What is kept beside it, as `LiveTrial.note` keeps it.

        Raises:
            InvalidInput: If there is no such trial, or not exactly one of values, error and pruned is given.
            InvalidConfig: If a configuration is not valid in the space.
            StudyConflict: If the trial has finished before; the first result is kept.

        Example:
            >>> from seasoned import Float, Space, Study
            >>> study = Study(Space(x=Float(0, 1)), seed=0)
            >>> study.tell({"x": 0.25}, 0.5, seconds=3600).number  # from last year's notebook
            0
        """
        number = None if isinstance(trial, Mapping) else _number(trial)
        which = "the configuration" if number is None else f"trial {number}"
        if sum(given is not None for given in (values, error, pruned)) != 1:
            raise InvalidInput(f"{which} needs either values or error=... or pruned=...; give one of them.")
        if values is None and len(constraints):
            raise InvalidInput(
                f"{which} has constraints and no values; only a complete trial has outcomes, leave one out."
            )
        if error is not None or pruned is not None:
            state = TrialState.PRUNED if error is None else TrialState.FAILED
            sentence = reason_of(pruned if error is None else error, state)
            ended = Verdict(state, error=sentence, prune_reason=PruneReason.OBJECTIVE if error is None else None)
        else:
            ended = read_values(Constrained(values, constraints=constraints), len(self._ledger.spec.signs))
        took = None if seconds is None else check_seconds(seconds)
        ended = ended._replace(notes=as_notes(notes))
        if isinstance(trial, Mapping):
            config = Config(self.space.check(trial))
            return self._outward(self._by_hand.known(config, ended, took))
        return self._outward(self._by_hand.tell(_number(trial), ended, took))

    def close(self) -> None:
        """Give back open trials asked here, and free the storage's connections."""
        self._by_hand.end()
        self._storage.close()


def _number(trial: Trial | int) -> int:
    return trial.number if isinstance(trial, Trial) else operator.index(trial)
