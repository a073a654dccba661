"""Exchange with Optuna: a sampler for Optuna studies, and export and import of studies. Needs the extra `optuna`.

study = optuna.create_study(sampler=SeasonedSampler(Bayes()))
export(our_study, "sqlite:///optuna.db")    # then: optuna-dashboard sqlite:///optuna.db
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput, PruneReason
from seasoned.integrations.optuna_export import export
from seasoned.integrations.optuna_import import bounded, seconds_of, study_of
from seasoned.integrations.optuna_space import View, outer, parameter_of, view_of
from seasoned.integrations.requirements import optuna
from seasoned.samplers import Bayes, Grid
from seasoned.trials import Finished, StudySpec, Suggested, TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from seasoned.samplers.base import Sampler
    from seasoned.trials import Config, Event

__all__ = ["SeasonedSampler", "export", "study_of"]

NOTE: Final = "seasoned:suggestion"
"""System attribute of an Optuna trial with its suggestion, for other processes and for resuming."""

_OURS: Final = {
    optuna.trial.TrialState.COMPLETE: TrialState.COMPLETE,
    optuna.trial.TrialState.PRUNED: TrialState.PRUNED,
    optuna.trial.TrialState.FAIL: TrialState.FAILED,
}


@dataclass(slots=True)
class _Fold:
    """State of a sampler after the finished trials of a study."""

    study: str
    view: View
    first: int  # number of the first trial that was suggested in this space
    state: Any
    numbers: set[int]
    constraints: list[str] = field(default_factory=list)  # names of the constraints, in the order of their places


class SeasonedSampler(optuna.samplers.BaseSampler):  # type: ignore[misc,unused-ignore]  # Any where optuna is missing
    """Optuna sampler that draws from a sampler of `seasoned.samplers`.

    The space is inferred from the complete trials and grows with them, conditional parameters included
    (`optuna_space`). Parameters outside the inferred space are drawn uniformly, above all those of the first trial. The
    state is computed from all trials in Optuna's storage, also those of other processes and enqueued or added ones.
    Resuming needs no other data. With a seed, one job and no pruning by another process, the same study gives the same
    trials. Running trials are pending points. Several objectives need a sampler that supports them.

    Args:
        sampler: A sampler of `seasoned.samplers`; `Bayes()` if omitted. Its warm start must be empty: use
            `study.enqueue_trial`.
        seed: Seed of all random draws. Together with the number of a trial it determines the draws of the trial.
            Random if omitted.
        budget: Planned number of trials, for samplers with a schedule.
        constraints_func: Function of a finished trial that returns numbers, feasible up to 0, as in Optuna's own
            samplers. Constraints of `trial.set_constraint` count as well.

    Raises:
        InvalidInput: If the sampler has a warm start, or is a `Grid` with resolutions by name.
        MissingExtra: On import, if optuna is not installed.

    Example:
        >>> import optuna
        >>> from seasoned.samplers import Bayes
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> def objective(trial):
        ...     kind = trial.suggest_categorical("kind", ["a", "b"])
        ...     return trial.suggest_float("x", -1, 1) ** 2 if kind == "a" else 2 - trial.suggest_int("k", 0, 1)
        >>> study = optuna.create_study(sampler=SeasonedSampler(Bayes(), seed=0))
        >>> study.optimize(objective, n_trials=25)
        >>> study.best_params["kind"], study.best_value < 0.1
        ('a', True)
    """

    def __init__(
        self,
        sampler: Sampler[Any] | None = None,
        *,
        seed: int | None = None,
        budget: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        self._sampler = Bayes() if sampler is None else sampler
        if self._sampler.warm_start != WarmStart():
            raise InvalidInput(
                f"{type(self._sampler).__name__} has a warm start, but Optuna's spaces are not known beforehand; "
                f"use study.enqueue_trial for what shall be tried first."
            )
        if isinstance(self._sampler, Grid) and isinstance(self._sampler.resolution, Mapping):
            raise InvalidInput(
                f"Grid has resolutions for {', '.join(self._sampler.resolution)}, but Optuna's spaces are not known "
                "beforehand; give one number for all, or use optuna.samplers.GridSampler."
            )
        self._seed = secrets.randbits(63) if seed is None else seed
        self._budget = budget
        self._constraints_func = constraints_func
        self._fold: _Fold | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """State without the lock, and without the sampler's state, which is rebuilt from the study."""
        return {**self.__dict__, "_lock": None, "_fold": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    # ----------------------------------------------------------------------------------- methods that Optuna calls

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Distributions of all parameters so far."""
        with self._lock:
            fold = self._synced(study, trial)
            return {} if fold is None else dict(fold.view.distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Active parameters of the sampler's suggestion."""
        with self._lock:
            fold = self._synced(study, trial)
            if fold is None or not search_space:
                return {}
            state = self._sampler.tell(fold.state, pending_trials(study, trial, fold.view))
            end = self._sampler.capacity(state)
            if end is not None and trial.number >= fold.first + end:
                with contextlib.suppress(RuntimeError):  # ask and tell has no loop to stop; uniform draws continue
                    study.stop()
                return {}
            (suggestion,), after = self._sampler.ask(state, [trial.number])
            fold.state = self._sampler.reuse(fold.state, after)
            params = fold.view.params(suggestion.config)
            note = {n: fold.view.distributions[n].to_internal_repr(value) for n, value in params.items()}
        tag = None if suggestion.tag is None else dict(suggestion.tag)
        _store(study, trial, NOTE, json.dumps({"space": fold.view.mark, "params": note, "tag": tag}))
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,  # noqa: ARG002 - Optuna's protocol
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Uniform draw that depends on the seed, the trial number and the parameter name alone."""
        import numpy as np

        rng = np.random.default_rng((self._seed, trial.number, zlib.crc32(param_name.encode())))
        return outer(param_distribution, parameter_of(param_distribution).from_unit(float(rng.random())))

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: optuna.trial.TrialState,
        values: Sequence[float] | None,  # noqa: ARG002 - Optuna's protocol
    ) -> None:
        """Store the constraints where Optuna's own samplers and plots read them."""
        if self._constraints_func is None or state not in {
            optuna.trial.TrialState.COMPLETE,
            optuna.trial.TrialState.PRUNED,
        }:
            return
        constraints = [float(number) for number in self._constraints_func(trial)]
        if any(math.isnan(number) for number in constraints):
            raise InvalidInput(f"constraints_func gave {constraints} for trial {trial.number}; give numbers, not NaN.")
        _store(study, trial, "constraints", constraints)

    # ----------------------------------------------------------------------------------- state of the sampler

    def _synced(self, study: optuna.Study, own: FrozenTrial) -> _Fold | None:
        """State after all finished trials, rebuilt if a trial is outside its space; None while no space is known."""
        study = _whole(study)
        finished = [t for t in study.get_trials(deepcopy=False) if t.state in _OURS]
        fold = self._fold
        if fold is None or fold.study != study.study_name or not fold.numbers <= {t.number for t in finished}:
            fold = None
        fresh = finished if fold is None else [t for t in finished if t.number not in fold.numbers]
        if fold is None or not all(_foreseen(fold.view, t) for t in fresh):
            fold = self._built(study, finished, own)
            fresh = finished
        if fold is not None and fresh:
            signs = [1 if direction == optuna.study.StudyDirection.MINIMIZE else -1 for direction in study.directions]
            events = [event for t in fresh for event in _events(t, fold, signs)]
            fold.state = self._sampler.tell(fold.state, events)
            fold.numbers |= {t.number for t in fresh}
        self._fold = fold
        return fold

    def _built(self, study: optuna.Study, finished: Sequence[FrozenTrial], own: FrozenTrial) -> _Fold | None:
        complete = [t for t in finished if t.state is optuna.trial.TrialState.COMPLETE]
        if not complete:
            return None
        view = view_of([(t.params, t.distributions) for t in complete])
        if not view.distributions:
            return None
        directions = tuple(direction.name.lower() for direction in study.directions)
        first = min([own.number, *(t.number for t in finished if _mark(t) == view.mark)])
        spec = StudySpec(view.space, directions, self._seed, self._budget, first=first)
        return _Fold(study.study_name, view, first, self._sampler.init(spec), set())


def _whole(study: optuna.Study) -> optuna.Study:
    """The whole study, where Optuna passes samplers a view of one bracket (`HyperbandPruner`)."""
    found: optuna.Study = getattr(study, "_study", study)
    return found


def _store(study: optuna.Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Store a system attribute of a trial. Optuna has no public method for it; its own samplers do the same."""
    study._storage.set_trial_system_attr(trial._trial_id, key, value)  # noqa: SLF001


def _foreseen(view: View, trial: FrozenTrial) -> bool:
    """Return True if the trial is in the space. Only complete trials are tested: others may lack later requests."""
    return trial.state is not optuna.trial.TrialState.COMPLETE or view.foresees(trial.params, trial.distributions)


def _events(trial: FrozenTrial, fold: _Fold, signs: Sequence[int]) -> list[Event]:
    """Two events of a finished trial: its suggestion and its end. No events if its configuration is unknown.

    If a trial ended before all requests, the other parameters have their suggested values, not the defaults.
    """
    view = fold.view
    suggested, tag = _note(trial, view)
    params = trial.params
    if trial.state is not optuna.trial.TrialState.COMPLETE:
        if suggested is None and not params:
            return []
        params = params if suggested is None else {**view.params(suggested), **params}
    config = view.config(params)
    kept = suggested is not None and view.config({**view.params(suggested), **trial.params}) == suggested
    if suggested is not None and kept:  # all requested values are the suggested ones; so the whole suggestion counts
        config = suggested
    state, values, error = _OURS[trial.state], None, None
    if state is TrialState.COMPLETE:
        if all(math.isfinite(value) for value in trial.values):
            values = tuple(sign * value + 0.0 for sign, value in zip(signs, trial.values, strict=True))
        else:
            state, error = TrialState.FAILED, f"the objective returned {trial.values}"
    constraints = _constraints(trial, fold.constraints) if state is TrialState.COMPLETE else ()
    return [
        Suggested(trial.number, config, tag if kept else None, "optuna"),
        Finished(
            trial.number,
            state,
            values,
            seconds_of(trial),
            error,
            constraints,
            prune_reason=PruneReason.OBJECTIVE if state is TrialState.PRUNED else None,
        ),
    ]


def pending_trials(study: optuna.Study, own: FrozenTrial, view: View) -> list[Event]:
    """Events of the other running trials, with their suggestions or the parameters requested so far."""
    events: list[Event] = []
    for trial in _whole(study).get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        suggested, tag = _note(trial, view)
        taken = {name: value for name, value in trial.params.items() if name in view.distributions}
        known = suggested is not None or (taken and len(taken) == len(trial.params))
        if trial.number != own.number and known:  # enqueued or fixed values replace suggested ones
            config = view.config({**({} if suggested is None else view.params(suggested)), **taken})
            events.append(Suggested(trial.number, config, tag if config == suggested else None, "optuna"))
    return events


def _note(trial: FrozenTrial, view: View) -> tuple[Config | None, Mapping[str, Any] | None]:
    """Suggestion of a trial, as a configuration of the present space, and the sampler's tag.

    A tag may contain coordinates, so a tag from another space is dropped.
    """
    text = trial.system_attrs.get(NOTE)
    if text is None:
        return None, None
    note = json.loads(text)
    known = {name: value for name, value in note["params"].items() if name in view.distributions}
    config = view.config({n: view.distributions[n].to_external_repr(value) for n, value in known.items()})
    return config, note["tag"] if note["space"] == view.mark else None


def _mark(trial: FrozenTrial) -> int | None:
    """Mark of the space in which a trial was suggested; None without a suggestion."""
    text = trial.system_attrs.get(NOTE)
    return None if text is None else int(json.loads(text)["space"])


def _constraints(trial: FrozenTrial, names: list[str]) -> tuple[float, ...]:
    """Constraint values from the trial (Optuna 5) or a constraints_func (all versions), each at a fixed place.

    Args:
        trial: A complete trial.
        names: Names of the constraints so far, in the order of their places; new ones are appended. A constraint that
            the trial did not set is NaN.
    """
    named = getattr(trial, "constraints", None)
    if named is not None:
        names += [name for name in sorted(named) if name not in names]
        return tuple(bounded(float(named.get(name, math.nan))) for name in names)
    return tuple(bounded(float(number)) for number in trial.system_attrs.get("constraints", ()))
