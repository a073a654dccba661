"""Study: a resumable search, driven by one or many processes, with every trial stored as events."""

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
from seasoned.study.ask_tell import AskTell
from seasoned.study.driver import Driver, Plan
from seasoned.study.objective import Constrained, Evaluation, Objective, Verdict, check_takes, read_values
from seasoned.study.replay import Replay
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
    """Search for the configuration of `space` with the best value of an objective.

    Args:
        space: The search space.
        sampler: Sampler of the configurations; by default `Auto()`, which selects a sampler and replaces it in long
            runs.
        storage: A database URL such as `"sqlite:///runs.db"`, the path of a SQLite file, or a Storage; by default in
            memory.
        name: Name of the study in the storage. An existing study is opened with its trials, else a study is created. If
            `space` differs, the existing study moves to it at the first new trial; reading changes nothing.
        direction: "minimize" or "maximize"; a tuple of directions for several objectives.
        seed: Seed of all randomness; by default drawn at random and stored.
        fidelity: Fidelity rule for early stopping, such as `ASHA()`; the objective then takes the trial as its second
            argument.
        budget: Planned number of trials, for samplers that use it.
        checkpoints: Parent folder of the study's checkpoints. By default a folder in the user's cache, or a temporary
            folder for a study in memory. Several machines need a shared folder.

    Raises:
        InvalidInput: If an argument is invalid, or a warm start does not fit the space.
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
        self._ledger = self._opened(Created(spec), lambda log: Replay(log, sampler, space, fidelity, agrees))
        warn_of_others(self._ledger.spec, spec, self.name)
        url = place if isinstance(place, str) else getattr(self._storage, "url", None)
        temporary = None
        if isinstance(self._storage, MemoryStorage):
            memory = self._storage
            url, temporary = memory.identity, lambda: memory.folder
        self._checkpoints = Checkpoints(checkpoints, url, self.name, self._ledger.spec.seed, temporary)
        self._by_hand = AskTell(self._ledger, self._checkpoints)
        self._stopping = False

    def _opened(self, created: Created, ledger: Callable[[EventLog], Replay]) -> Replay:
        """Return the study's ledger; delete a new study again if the sampler or the fidelity rule refuses it."""
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
        """Open a stored study, in its own space and direction.

        Args:
            storage: The storage, as in `Study`.
            name: Name of the study.
            **options: Other arguments of `Study`, such as the sampler of new trials.

        Raises:
            StudyConflict: If the study or the SQLite file does not exist; no file is created.

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
            spec = Replay.present(opened.open(name, Created(StudySpec(Space()))))
        finally:
            if opened is not place:  # opened by this method, for reading only
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
        """Run trials of the objective until the study has `trials` finished trials or the time limit is reached.

        Finished means complete, pruned or failed. Earlier trials of the study count, so an interrupted call can be
        repeated. With one worker and no limit per trial, `f` runs in this process. Else each trial runs in a warm
        worker process, which never imports the calling script. At a limit, its whole process tree is killed.

        Args:
            f: Objective: called with a configuration (its own dict), returns the value, or a tuple of several values.
                `Constrained` adds outcome constraints. With a fidelity rule, or if `f` takes two arguments, the second
                argument is a `LiveTrial`, with the trial's number, checkpoint folder and notes.
            trials: Number of finished trials in the study, over all drivers, at which the call ends.
            time_limit: Time limit of the call, in seconds. Trials running in workers are cut off, and run again when
                the study continues. A trial in this process runs to its end, or to its next report with a fidelity
                rule.
            workers: Number of parallel trials; or an executor, such as `RayExecutor`, which stays open.
            trial_time_limit: Time limit of one trial, in seconds; for a trial that pauses at rungs, of each run.
            trial_memory: Memory limit of one trial's process tree, in bytes, or a text such as "8GB".
            callbacks: Functions called with the study and each trial finished in this call. If a callback has a true
                attribute `logs_trials`, the study logs its trials only at level DEBUG.
            progress: True to show a progress bar; None shows it on terminals and in notebooks.
            stop: Called several times a second, but not while a trial runs in this process. If it returns True, the
                call ends and trials running in workers are cut off.
            remaining: Returns the remaining share of the budget, from 1 to 0. The share is stored before each
                suggestion, for samplers that depend on it.

        Raises:
            AllTrialsFailed: After 20 failures in this call without a success in the study's space. Also after a
                non-random streak of failures for the same reason (20 after seven successes), except for a finite plan
                such as `Grid`. Not raised while a trial is paused at a rung or a running trial has reported.
            InvalidInput: If an argument is invalid.
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
            Driver(self._ledger, evaluation, executor, plan, on_finished, **asked).run()

    def stop(self) -> None:
        """Stop a running `optimize` of this process after its running trials."""
        self._stopping = True

    @refuse_unknown
    def ask(self, *, detached: bool = False) -> Trial:
        """Return the next trial, to be run by the caller; pass its result to `tell`.

        With a fidelity rule that pauses trials, a promoted trial is returned again, before any new trial.

        Args:
            detached: True for a trial without a driver, which stays open until its `tell`. Else this process has the
                lease; if the process ends before `tell`, the next `ask` of any driver returns the trial.

        Raises:
            StudyConflict: If all trials of the sampler have been asked.
        """
        return self._outward(self._by_hand.ask(detached=detached))

    def live(self, trial: Trial | int) -> LiveTrial:
        """Return an asked trial as the second argument of an objective `f(config, trial)`, with budget and reports.

        Its `report(step, value)` raises `Pruned` if the fidelity rule stops or pauses the trial. A later `tell` is
        judged as in `optimize`: a stopped trial is pruned, with any value. A paused trial stays open, and `ask` returns
        it again after its promotion.

        Raises:
            InvalidInput: If the trial does not exist, or the study has no fidelity rule.
            StudyConflict: If the trial has finished, or is paused at a rung.

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
        """Queue configurations as the next trials of any driver, before the sampler's suggestions.

        Each configuration takes the place of a point in a sampler's plan (`Grid`, `Sobol`) or first points (the
        default, a population, the best points of a warm start). Configurations of a warm start follow the queued ones.

        Args:
            *configs: Complete configurations.
            again: False to skip configurations that the study already has as queued, running or ended trials without
                an error, for a script that runs more than once.

        Returns:
            The new trials.

        Raises:
            InvalidConfig: If a configuration is not valid in the space.

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
        """Store the end of a trial, and return the trial.

        Args:
            trial: The trial or its number, asked by any process. Or a configuration that was tried outside the study,
                which becomes a finished trial; in a plan it takes the place of the next point.
            values: The value, or a tuple of several values. With a value that is not finite, the trial is failed.
            constraints: Outcome constraints, satisfied if at most 0, such as `memory - 8e9`; the same in every trial.
            error: Reason of a failure, instead of values.
            pruned: Reason of an early stop, instead of values.
            seconds: Seconds of the trial. None: the time since its `ask`, unless other trials were asked or told since.
            notes: Notes stored with the trial, as by `LiveTrial.note`.

        Raises:
            InvalidInput: If the trial does not exist, or not exactly one of values, error and pruned is set.
            InvalidConfig: If a configuration is not valid in the space.
            StudyConflict: If the trial has finished before; its first result stays.

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
        """Release the open trials asked by this process, and close the storage's connections."""
        self._by_hand.end()
        self._storage.close()


def _number(trial: Trial | int) -> int:
    return trial.number if isinstance(trial, Trial) else operator.index(trial)
