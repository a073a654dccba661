"""Bayesian optimisation: a global Gaussian process, and a local model in a trust region around the best point.

The first trials are the warm start and a small design. Then global and local steps alternate. A global step searches
the whole cube for better regions. A local step descends inside the trust region. It uses a quadratic model while
quadratic steps improve, else the expected improvement of a Gaussian process around the best point.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.incontext.trials import ContextReader
from seasoned.samplers._enumeration import untried
from seasoned.samplers.base import Sampler, Suggestion, check_whole, generator, next_of_plan
from seasoned.samplers.bayes.incontext import incontext_step, network_of
from seasoned.samplers.bayes.layout import layout_of
from seasoned.samplers.bayes.observations import Observations, Pending
from seasoned.samplers.bayes.steps import LocalStep, StepInputs, global_step, local_step
from seasoned.samplers.bayes.trust_region import LocalSearch, followed
from seasoned.surrogates.acquisition.maximize import sobol
from seasoned.surrogates.cost import fit_cost
from seasoned.surrogates.gp.regression import SIGNED, Regression, frame_of, refit_point, regress, updated, warp_point
from seasoned.trials import Config, Suggested

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.surrogates.cost import Cost
    from seasoned.surrogates.gp.process import GaussianProcess
    from seasoned.surrogates.layout import Layout
    from seasoned.trials import Event, StudySpec

__all__ = ["Bayes"]

_NAMES: Final = ("log_ei", "ei", "pi", "ucb", "thompson", "mixed")
_GAINS: Final = ("log_ei", "ei", "pi")  # acquisitions that can be divided by predicted seconds
_MIX: Final = {"log_ei": 0.6, "ucb": 0.2, "pi": 0.1, "thompson": 0.1}  # probabilities of the acquisitions in "mixed"
_CONCURRENT_NUMBERS: Final = 4  # preceding trial numbers that other drivers may be asking for in the same state
_CONFIRMED: Final = 3  # warm-start points that are evaluated again before the other values are used
_MAX_WARM_POINTS: Final = 200  # largest number of warm-start points used, re-evaluated ones included
_SAME: Final = 1e-9  # tolerance of a coordinate that is decoded and encoded again
_TELLING: Final = 8  # smallest number of points with relative values that give a prior mean
_STREAK: Final = 4  # factor by which global steps are rarer while quadratic steps improve
_POLISH: Final = 0.1  # final share of the budget that is spent on local steps from the best point


@dataclass(frozen=True, slots=True)
class BayesState:
    """State of `Bayes`.

    Attributes:
        spec: Specification of the study.
        layout: Layout of the coordinates for the surrogates; follows from the specification.
        plan: First points after the warm start's configurations, shape (m, d); follows from the specification.
        seen: Finished and running trials.
        descent: Progress of the local search.
        models: Models of the loss and of each constraint: the last refit, updated by later results. They follow from
            the observations.
        expected: Model of a relative warm start's values, the prior mean of the loss; follows from the specification.
    """

    spec: StudySpec
    layout: Layout = field(compare=False, repr=False)
    plan: NDArray[np.float64] = field(compare=False, repr=False)
    seen: Observations
    descent: LocalSearch = field(default_factory=LocalSearch)
    models: tuple[Regression, ...] = field(default=(), compare=False, repr=False)
    expected: GaussianProcess | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Bayes(Sampler[BayesState]):
    """Bayesian optimisation, suited to tens to hundreds of trials.

    Args:
        acquisition: Acquisition function of global steps: "log_ei", "ei", "pi", "ucb", "thompson", or "mixed", which
            draws one of "log_ei", "ucb", "pi" and "thompson" for each trial.
        initial: Number of results before the first model; by default half the parameters plus two, at least four.
        explore: One step in `explore` is global, the others are local; 1 disables the trust region.
        per_second: True to divide the acquisition of global steps by the predicted seconds of a trial
            (`surrogates/cost.py`). Suggestions then depend on measured times. Only complete trials are used, because
            the time of a stopped trial covers only its rungs.
        surrogate: "gp", or "incontext": each trial after the design is the candidate with the largest log-EI by an
            in-context network, without local steps and without fitting a model (`incontext.py`).
        network: Network of the surrogate "incontext", or the path of its file; None for the shipped network of trials.

    Raises:
        InvalidInput: If the acquisition is unknown, if it cannot be combined with `per_second` or the surrogate, if
            surrogate and network do not belong together, or if a number is smaller than 1.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-1, 1), y=Float(-1, 1))
        >>> best = minimize(lambda c: c["x"] ** 2 + c["y"] ** 2, space, trials=25, sampler=Bayes(), seed=0)
        >>> best.value < 1e-3
        True
    """

    acquisition: str = "log_ei"
    initial: int | None = None
    explore: int = 3
    per_second: bool = False
    surrogate: str = "gp"
    network: ContextReader | str | os.PathLike[str] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", network_of(self.surrogate, self.network))
        if self.acquisition not in _NAMES:
            raise InvalidInput(f"the acquisition {self.acquisition!r} is unknown; give one of {list(_NAMES)}.")
        if self.per_second and self.acquisition not in _GAINS:
            raise InvalidInput(
                f"per_second needs an acquisition that can be divided by seconds, and {self.acquisition!r} cannot; "
                f"give one of {list(_GAINS)}."
            )
        if self.surrogate == "incontext" and (self.acquisition != "log_ei" or self.per_second):
            raise InvalidInput(
                f"surrogate='incontext' needs acquisition='log_ei' and per_second=False, not {self.acquisition!r} and "
                f"{self.per_second}; leave both at their defaults."
            )
        check_whole(initial=self.initial, explore=self.explore)
        for name, value in (("initial", self.initial), ("explore", self.explore)):
            if value is not None and value < 1:
                raise InvalidInput(f"{name} is {value}; give a whole number of at least 1.")

    def init(self, spec: StudySpec) -> BayesState:
        """Return the state without observations."""
        layout = layout_of(spec.space)
        seen = Observations.none(len(spec.space), len(spec.directions))
        return BayesState(spec, layout, _plan(spec, layout), seen, expected=_expected(spec, layout))

    def ask(self, state: BayesState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], BayesState]:
        """Suggest the warm start, the design, then points by the model; running trials enter with their posterior mean.

        Preceding numbers without an `Suggested` event belong to drivers that ask concurrently in the same state. Their
        suggestions are computed first, so that no two drivers try the same point.
        """
        running = dict(state.seen.pending)
        wanted = set(numbers)
        suggestions: dict[int, Suggestion] = {}
        with one_thread():
            for number in sorted(wanted | _asking(state, numbers)):
                suggestions[number], state = self._suggest(state, number, list(running.values()))
                config = suggestions[number].config
                running[number] = Pending(*state.spec.space.encode(config), {})
        return [suggestions[number] for number in numbers], state

    def _suggest(self, state: BayesState, number: int, running: list[Pending]) -> tuple[Suggestion, BayesState]:
        spec, seen = state.spec, state.seen
        config, place = next_of_plan(spec, number)
        if config is not None:
            return Suggestion(config), state
        rng = generator(spec, number)
        taken = {row.tobytes() for row in seen.unit} | {trial.unit.tobytes() for trial in running}

        def refused(unit: NDArray[np.float64]) -> bool:
            return spec.space.encode(spec.space.decode(unit)).unit.tobytes() in taken

        def allowed(unit: NDArray[np.float64]) -> bool:
            return not spec.space.forbids or spec.space.allows(unit.tolist())

        def unfit(unit: NDArray[np.float64]) -> bool:  # decoding moves a forbidden point to another one
            return not allowed(unit) or refused(unit)

        told = next((point for point in _to_confirm(state) if not refused(point)), None)
        if told is not None:
            return Suggestion(Config(spec.space.decode(told))), state
        unit, tag = None, None
        if len(seen) - int(seen.failed.sum()) < self._first(state):
            unit = _designed(state, place)
        elif len(spec.space):
            may = allowed if spec.space.forbids else None
            here = StepInputs(state.layout, seen, running, _losses(state, rng), rng, unfit, allowed=may)
            unit, tag, state = self._step(here, state, number)
        if unit is None or refused(unit):
            unit = untried(spec.space, rng, taken)
        return Suggestion(Config(spec.space.decode(unit)), tag), state

    def _first(self, state: BayesState) -> int:
        """Number of results before the first model."""
        return max(4, len(state.spec.space) // 2 + 2) if self.initial is None else self.initial

    def _step(
        self, here: StepInputs, state: BayesState, number: int
    ) -> tuple[NDArray[np.float64] | None, dict[str, Any], BayesState]:
        """Next point, shape (d,), its tag, and the state with the fitted models."""
        if isinstance(self.network, ContextReader):
            return incontext_step(here, self.network), {"step": "global"}, state
        several = len(state.spec.directions) > 1
        since = None if several else self._since(state, number)
        streak = _last_model(here.seen) == "quadratic" and state.descent.region.failures == 0
        local = since is not None and number % (_STREAK * self.explore if streak else self.explore) > 0
        constrained = here.seen.constraints.shape[1] > 0
        if constrained or not local:
            state = _with_models(state, here.losses, afresh=several)
            here = replace(here, constraints=state.models[1:])
        if local and here.seen.feasible[since:].any():
            step = _local(here, state.descent, since or 0, number)
            if step is not None:
                return step.unit, _noted(step), state
        acquisition = self.acquisition
        if acquisition == "mixed":
            acquisition = str(here.rng.choice(list(_MIX), p=list(_MIX.values())))
        if local and not constrained:
            state = _with_models(state, here.losses, afresh=False)
        cost = _cost(state) if self.per_second else None
        return global_step(here, state.models[0], acquisition, cost), {"step": "global"}, state

    def _since(self, state: BayesState, number: int) -> int | None:
        """Index of the first result that counts for a local step, or None for a global step.

        In the last share of the budget, all results count, so that local steps start from the overall best point.
        """
        budget = state.spec.budget
        done = number - state.spec.first
        if budget is not None and (1.0 - _POLISH) * budget <= done < budget and state.descent.ended:
            return 0
        return None if state.descent.resting else state.descent.since

    def tell(self, state: BayesState, events: Sequence[Event]) -> BayesState:
        """Add results to the observations; the trust region follows the results of local steps."""
        seen, descent = state.seen, state.descent
        for event in events:  # one by one: the effect of a result depends on the number of earlier results
            before = seen
            seen = before.tell([_of_here(event, state.spec.first)], state.spec.space)
            if len(seen) > len(before):
                losses = np.where(seen.feasible, seen.losses(), np.inf)
                if len(state.spec.directions) == 1:
                    descent = followed(descent, seen, losses, state.layout)
                seen = _with_confirmed(state, seen)
        return replace(state, seen=seen, descent=descent)

    def reuse(self, state: BayesState, after: BayesState) -> BayesState:
        """Return `state` with the fitted models, which depend on ended trials only."""
        return replace(state, models=after.models)

    def capacity(self, state: BayesState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None


def _of_here(event: Event, first: int) -> Event:
    """Event without its tag if the trial belongs to an earlier space, in which steps had another meaning."""
    return replace(event, tag=None) if isinstance(event, Suggested) and event.number < first and event.tag else event


def _plan(spec: StudySpec, layout: Layout) -> NDArray[np.float64]:
    """Warm start's best points, up to d + 1 points of its population, and the default; shape (m, d).

    Relative values cannot be confirmed, so their points are left out if the warm start has configurations.
    """
    d = len(spec.space)
    warm = spec.warm_start
    order = np.argsort(warm.values, kind="stable")[: 0 if warm.only_suggests else _CONFIRMED]
    told = [warm.points[index] for index in order] + list(warm.population[: d + 1])
    rows = [spec.space.encode(spec.space.decode(point)).unit for point in told]  # the encoding of the trials
    default = [dimension.default_unit for dimension in spec.space.dimensions]
    return layout.snap(np.array([*rows, default], dtype=np.float64).reshape(len(rows) + 1, d)).unit


def _to_confirm(state: BayesState) -> NDArray[np.float64]:
    """Points of the plan to evaluate before the warm start's values are used, shape (k, d)."""
    warm = state.spec.warm_start
    return state.plan[: 0 if warm.relative else min(_CONFIRMED, len(warm.points))]


def _expected(spec: StudySpec, layout: Layout) -> GaussianProcess | None:
    """Model of a relative warm start's standardised values; None if too few, or for several objectives."""
    warm = spec.warm_start
    if not warm.relative or len(spec.directions) > 1 or len(warm.points) < _TELLING or not len(spec.space):
        return None
    features = layout.features(*layout.snap(np.array(warm.points)))
    with one_thread():
        return regress(features, np.array(warm.values), frame_of(layout), warp="standard").gp


def _designed(state: BayesState, place: int) -> NDArray[np.float64]:
    """Point of the plan, then of a Sobol sequence shifted by the seed (Cranley and Patterson 1976), (d,)."""
    if place < len(state.plan):
        return np.asarray(state.plan[place])
    points = sobol(256, len(state.spec.space))
    shift = np.random.default_rng(state.spec.seed).random(len(state.spec.space))
    return np.asarray((points[(place - len(state.plan)) % 256] + shift) % 1.0)


def _asking(state: BayesState, numbers: Sequence[int]) -> set[int]:
    """Preceding numbers that other drivers may be asking for concurrently."""
    first, asked = state.spec.first, state.seen.asked
    return {
        before
        for number in numbers
        for before in range(max(first, number - _CONCURRENT_NUMBERS), number)
        if before not in asked
    }


def _losses(state: BayesState, rng: np.random.Generator) -> NDArray[np.float64]:
    """Losses, shape (n,); for several objectives, a scalarisation with weights drawn for this trial."""
    several = len(state.spec.directions) > 1
    return state.seen.losses(rng.dirichlet(np.ones(len(state.spec.directions))) if several else None)


def _with_models(state: BayesState, losses: NDArray[np.float64], *, afresh: bool) -> BayesState:
    """State with models of the loss and of each constraint, fitted at the last refit point, or afresh."""
    seen, frame = state.seen, frame_of(state.layout)
    features = state.layout.features(seen.unit, seen.active)
    columns = [losses, *seen.constraints.T]
    silent = seen.pruned | ~seen.failed  # left out where a constraint is missing; failures count as bad
    kept: list[Regression | None] = [*state.models] if len(state.models) == len(columns) else [None] * len(columns)
    models = []
    for index, column in enumerate(columns):
        told = ~(silent & np.isnan(column)) if index else np.ones(len(column), dtype=np.bool_)
        known, values, model = features[told], column[told], kept[index]
        at = refit_point(len(values))
        if model is None or model.refit != at or model.count > len(values) or (afresh and index == 0):
            warp = SIGNED if index else _warp_of(model, at, afresh=afresh)
            expected = None if index else state.expected
            merit = seen.ranks(losses)[told][:at] if len(columns) > 1 else None
            model = regress(known[:at], values[:at], frame, warp=warp, expected=expected, merit=merit)
        models.append(updated(model, known, values))
    return replace(state, models=tuple(models))


def _cost(state: BayesState) -> Cost | None:
    """Model of the seconds of a trial, from complete trials."""
    return fit_cost(state.layout.features(state.seen.unit, state.seen.active), state.seen.seconds)


def _warp_of(model: Regression | None, at: int, *, afresh: bool) -> str | None:
    """Output warping of the previous model; None if the warping is to be selected again."""
    if afresh or model is None or model.count > at or warp_point(model.refit) != warp_point(at):
        return None
    return model.warp


def _local(here: StepInputs, descent: LocalSearch, since: int, number: int) -> LocalStep | None:
    """Local step; after a failed quadratic step, by the Gaussian process."""
    failed = _last_model(here.seen) == "quadratic" and descent.region.failures > 0
    return local_step(here, descent.region.radius, since, _last_theta(here.seen, number), quadratic=not failed)


def _noted(step: LocalStep) -> dict[str, Any]:
    """Tag of a local step."""
    if step.theta is None:
        return {"step": "local", "model": "quadratic"}
    return {"step": "local", "model": "process", "theta": [round(float(part), 3) for part in step.theta]}


def _last_theta(seen: Observations, number: int) -> NDArray[np.float64] | None:
    """Hyperparameters of the last local model; None for every tenth number, to drop a poor fit."""
    if number % 10 == 1:
        return None
    return next((np.array(tag["theta"]) for tag in reversed(seen.tags[-20:]) if "theta" in tag), None)


def _last_model(seen: Observations) -> str:
    """Model of the last local step among the last eight trials; "" if none."""
    return next((str(tag["model"]) for tag in reversed(seen.tags[-8:]) if "model" in tag), "")


def _with_confirmed(state: BayesState, seen: Observations) -> Observations:
    """Add the warm start's evaluations once the best points, evaluated again here, have about the same values."""
    warm = state.spec.warm_start
    if warm.relative or len(warm.points) <= _CONFIRMED or seen.values.shape[1] > 1 or seen.constraints.shape[1]:
        return seen  # constraints of the warm start's points are unknown
    values = np.array(warm.values)
    order = np.argsort(values, kind="stable")
    told = state.plan[:_CONFIRMED]
    tried = [np.flatnonzero(np.isclose(seen.unit, point, rtol=0.0, atol=_SAME).all(axis=1)) for point in told]
    if any(len(rows) == 0 for rows in tried) or len(seen) - 1 != max(rows[0] for rows in tried):
        return seen  # some points are not evaluated yet, or the decision was made at an earlier result
    here = np.array([seen.values[rows[0], 0] for rows in tried])
    usual = 1.4826 * float(np.median(np.abs(values - np.median(values))))  # robust to one huge value
    if not (np.abs(here - values[order[:_CONFIRMED]]) <= 0.1 * (usual or values.std())).all():
        return seen
    others = order[_CONFIRMED:_MAX_WARM_POINTS]
    unit, active = state.layout.snap(np.array(warm.points)[others])
    return seen.with_elsewhere(unit, active, values[others])
