"""Hyperparameter optimisation of meta-learners: a study over their settings and architecture, judged on new tasks."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput, Pruned
from seasoned.knowledge.tuning.learner_spaces import check_names, configured, first_of, space_of
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.tasks.tasks import as_family
from seasoned.samplers.auto import Auto
from seasoned.study import Study
from seasoned.study.minimize import Options, StudyOptions
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from seasoned.samplers.base import Sampler
    from seasoned.space import Space

    Build = Callable[[dict[str, Any]], MetaLearner]

__all__ = ["MetaValidation", "TunedLearner", "rungs_of", "tune_meta_learner"]

_TRIALS: Final = 30
_SHARE: Final = 0.25  # of the tasks, for validation where none are given
_FEW: Final = 3  # trials that reach a rung before one may be stopped there
_ETA: Final = 3  # ratio of the meta-steps of one rung to those of the one below
_RUNGS: Final = 3


class TunedLearner(NamedTuple):
    """Attributes: the fitted learner of the best configuration, and the study that found it."""

    learner: MetaLearner
    study: Study


def tune_meta_learner(
    learner: MetaLearner,
    tasks: Any,
    *,
    validation: Any = None,
    space: Space | None = None,
    build: Build | None = None,
    metric: Any = None,
    early_stopping: bool = True,
    **options: Unpack[Options],
) -> TunedLearner:
    """Tunes inner rate and steps, outer rate, regularisation and, if asked for, architecture of any meta-learner.

    minimise over h: mean over validation tasks of L^query(adapt_h(theta_h, support)), theta_h = meta-training with h.

    The first trial is the learner as it is, so that the best is never worse on the validation tasks; in a space of your
    own, it is the learner's settings as far as the space allows, and else the space's defaults. A trial
    meta-trains on the training tasks in up to three pieces, of a ninth, a third and all meta-steps (rounded up to whole
    `training.every`); after each it is judged, and stopped if it is worse than the median of those that got as far.
    Comparisons are with trials of this process, so with `workers` above 1 each worker has its own. At the end the best
    configuration is meta-trained on all `tasks`, with the learner's own seed.

    Args:
        learner: Its settings are the defaults; what was fitted is not used.
        tasks: As for `fit`; a family, or pairs of a support and a query set.
        validation: Validation tasks; None sets a quarter of `tasks` aside for it (of an endless family, other draws).
        space: Names are settings of the learner or its `Training`, `network`, `decay`, `rule` (see `space_of`, the
            default; `space_of(learner, architecture=True)` tunes the network, too, and compiles for every trial).
        build: Own configuration -> learner, for a space with names of your own.
        metric: Like `MetaLearner.loss`; None for the learner's loss, `"accuracy"` is maximised.
        early_stopping: Whether poor trials are stopped on the way.
        **options: `Study`'s and `Study.optimize`'s arguments: `trials` (30, if no `time_limit` is given either),
            `time_limit`, `sampler`, `storage` with `name` (the same call again goes on where it ended), `seed` (the
            learner's by default), `workers`, `callbacks`, `progress` and the others.

    Raises:
        InvalidInput: If `learner` is no meta-learner; a space with names that it does not have; tasks of wrong shapes.
        AllTrialsFailed: After 20 failures without a success, listing the causes.

    Example:
        >>> from seasoned import Float, Space
        >>> from seasoned.knowledge import tune_meta_learner
        >>> from seasoned.metagrad import MAML, MLP, Sinusoids, Training
        >>> learner = MAML(network=MLP((8,)), training=Training(steps=20, every=10))
        >>> space = Space(inner_lr=Float(1e-3, 0.1, log=True))
        >>> tuned = tune_meta_learner(learner, Sinusoids(), space=space, trials=3, seed=0)
        >>> tuned.study.best.config["inner_lr"] == tuned.learner.inner_lr
        True
    """
    if not isinstance(learner, MetaLearner):
        raise InvalidInput(f"{type(learner).__name__} is no MetaLearner: give one such as seasoned.metagrad.MAML().")
    family = as_family(tasks)
    seed = learner.training.seed
    parts = family.split(_SHARE, seed) if validation is None else (family, as_family(validation))
    if build is None:
        build, space = _builder(learner, family, space)
        first = first_of(learner, space)
    elif space is None:
        raise InvalidInput("build is given without a space: pass space=, whose configurations it takes.")
    else:
        first = space.default
    judge = MetaValidation(build, parts[0], parts[1], metric, early_stopping)
    if options.get("trials") is None and options.get("time_limit") is None:
        options["trials"] = _TRIALS
    study = _study(space, first, {"seed": seed, **options}, "maximize" if metric == "accuracy" else "minimize")
    running: dict[str, Any] = {key: value for key, value in options.items() if key not in StudyOptions.__annotations__}
    study.optimize(judge, **running)
    return TunedLearner(build(dict(study.best.config)).fit(family, progress=running.get("progress")), study)


@dataclass
class MetaValidation:
    """The objective: a configuration in, the mean query loss of its meta-learner on validation tasks out.

    Attributes:
        build: Configuration -> learner.
        tasks: The family to train on.
        validation: The family to validate on.
        metric: What is measured; None for the learner's loss.
        early_stopping: Whether a trial may be stopped at a rung.
        count: Validation tasks drawn, the same for every trial.
        reached: Losses by rung, of the trials that came as far in this process.
    """

    build: Build
    tasks: Any
    validation: Any
    metric: Any = None
    early_stopping: bool = True
    count: int = 400
    reached: dict[int, list[float]] = field(default_factory=dict)

    def __call__(self, config: Mapping[str, Any]) -> float:
        """The value of a configuration.

        Raises:
            Pruned: If it was worse than the median at a rung.
        """
        learner = self.build(dict(config))
        rungs = rungs_of(learner) if self.early_stopping else (learner.training.steps,)
        value = math.nan
        for place, steps in enumerate(rungs):
            learner = learner.fit(self.tasks, resume=place > 0, stop_at=steps, progress=False)
            value = self.judged(learner)
            if place < len(rungs) - 1:
                self._compare(place - len(rungs), steps, value)
        return value

    def judged(self, learner: MetaLearner) -> float:
        """The mean over the validation tasks, after as many steps of adaptation as the learner was trained for."""
        steps = learner.trained_steps
        values = learner.evaluate(self.validation, steps=[steps], count=self.count, metric=self.metric)[steps]
        return float(np.mean(values))

    def _compare(self, rung: int, steps: int, value: float) -> None:
        loss = -value if self.metric == "accuracy" else value
        loss = loss if math.isfinite(loss) else math.inf
        earlier = self.reached.setdefault(rung, [])
        earlier.append(loss)
        if len(earlier) > _FEW and loss > np.median(earlier):
            raise Pruned(f"after {steps} meta-steps its validation value {value:.5g} was worse than the median's")


def rungs_of(learner: MetaLearner) -> tuple[int, ...]:
    """Meta-steps after which a trial is judged: a ninth, a third and all, at whole validations of the training.

    Example:
        >>> from seasoned.metagrad import MAML, Training
        >>> rungs_of(MAML(training=Training(steps=9000, every=250)))
        (1000, 3000, 9000)
    """
    training = learner.training
    shares = [training.steps / _ETA**power for power in range(_RUNGS)]
    whole = {min(training.steps, math.ceil(share / training.every) * training.every) for share in shares}
    return tuple(sorted(whole))


def _builder(learner: MetaLearner, family: Any, space: Space | None) -> tuple[Build, Space]:
    """The function from configurations to learners, and their space, checked."""
    _, outputs, _ = learner.describe(family)
    space = space_of(learner) if space is None else space
    check_names(learner, space)
    return lambda config: configured(learner, config, outputs), space


def _study(space: Space, first: Mapping[str, Any], options: Mapping[str, Any], direction: str) -> Study:
    """The study, whose first trial is the learner's own; the sampler's own warm start, if it has one, stays."""
    chosen = {key: options[key] for key in StudyOptions.__annotations__ if key in options}
    sampler: Sampler[Any] = chosen.pop("sampler", None) or Auto()
    if sampler.warm_start == WarmStart():
        sampler = dataclasses.replace(sampler, warm_start=WarmStart(configurations=(dict(first),)))
    chosen.setdefault("budget", options.get("trials"))
    return Study(space, sampler=sampler, direction=direction, **chosen)
