"""Hyperparameter optimisation of meta-learners: a study over settings and architecture, scored on validation tasks."""

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

_TRIALS: Final = 30  # number of trials if the user sets no limit
_VALIDATION_SHARE: Final = 0.25  # share of the tasks that is held out for validation by default
_MIN_RUNG_TRIALS: Final = 3  # number of trials at a rung before a trial may be stopped at this rung
_ETA: Final = 3  # ratio of the meta-steps of two consecutive rungs
_RUNGS: Final = 3  # number of rungs


class TunedLearner(NamedTuple):
    """Meta-learner with the best configuration, fitted to all tasks, and the study of the search."""

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
    """Tune the hyperparameters of a meta-learner: rates, steps, regularisation and, optionally, architecture.

    minimise over h: mean over validation tasks of L^query(adapt_h(theta_h, support)), theta_h = meta-training with h.

    The first trial is the learner itself, so that the result is never worse on the validation tasks. In a user's
    `space`, values of the learner outside the space are replaced by the defaults of the space. With `build`, the first
    trial is the default of the space.

    A trial is meta-trained in up to three stages: a ninth, a third and all meta-steps, rounded up to multiples of
    `training.every`. After each stage, the trial is validated. The trial is stopped if it is worse than the median of
    the trials at this stage. The median is over trials of the same process: with `workers` above 1, each worker has its
    own median. At the end, the best configuration is meta-trained on all `tasks`, with the seed of the learner.

    Args:
        learner: Meta-learner whose settings are the defaults; its fitted state is not used.
        tasks: Tasks as in `fit`: a family, or pairs of a support set and a query set.
        validation: Validation tasks. None holds out a quarter of `tasks`, or other draws of an infinite family.
        space: Search space. Its names are settings of the learner or its `Training`, or `network`, `decay` and `rule`.
            None means `space_of(learner)`. `space_of(learner, architecture=True)` also tunes the network, with a
            compilation for each trial.
        build: Function configuration -> learner, for a space with other names; requires `space`.
        metric: Validation metric, like `MetaLearner.loss`; None for the loss of the learner. `"accuracy"` is maximised.
        early_stopping: True stops poor trials early.
        **options: Arguments of `Study` and `Study.optimize`: `trials` (30 if `time_limit` is also None), `time_limit`,
            `sampler`, `storage` with `name` (the same call resumes the study), `seed` (by default the learner's seed),
            `workers`, `callbacks`, `progress` and others.

    Raises:
        InvalidInput: If `learner` is not a meta-learner, the space has unknown names, `build` is passed without
            `space`, or tasks have wrong shapes.
        AllTrialsFailed: After 20 failures without a success, with the causes.

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
    parts = family.split(_VALIDATION_SHARE, seed) if validation is None else (family, as_family(validation))
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
    study = open_study(space, first, {"seed": seed, **options}, "maximize" if metric == "accuracy" else "minimize")
    running: dict[str, Any] = {key: value for key, value in options.items() if key not in StudyOptions.__annotations__}
    study.optimize(judge, **running)
    return TunedLearner(build(dict(study.best.config)).fit(family, progress=running.get("progress")), study)


@dataclass
class MetaValidation:
    """Objective of the study: configuration -> mean query loss of the meta-learner on validation tasks.

    Attributes:
        build: Function configuration -> learner.
        tasks: Family of training tasks.
        validation: Family of validation tasks.
        metric: Validation metric; None for the loss of the learner.
        early_stopping: True if a trial may be stopped at a rung.
        count: Number of validation tasks, the same tasks for each trial.
        reached: Rung -> losses of the trials of this process at the rung.
    """

    build: Build
    tasks: Any
    validation: Any
    metric: Any = None
    early_stopping: bool = True
    count: int = 400
    reached: dict[int, list[float]] = field(default_factory=dict)

    def __call__(self, config: Mapping[str, Any]) -> float:
        """Train and validate a configuration; return its validation value.

        Raises:
            Pruned: If the value at a rung is worse than the median.
        """
        learner = self.build(dict(config))
        rungs = rungs_of(learner) if self.early_stopping else (learner.training.steps,)
        value = math.nan
        for place, steps in enumerate(rungs):
            learner = learner.fit(self.tasks, resume=place > 0, stop_at=steps, progress=False)
            value = self.judged(learner)
            if place < len(rungs) - 1:
                self.compare(place - len(rungs), steps, value)
        return value

    def judged(self, learner: MetaLearner) -> float:
        """Mean metric over the validation tasks, after the number of adaptation steps used in training."""
        steps = learner.trained_steps
        values = learner.evaluate(self.validation, steps=[steps], count=self.count, metric=self.metric)[steps]
        return float(np.mean(values))

    def compare(self, rung: int, steps: int, value: float) -> None:
        """Record the value at a rung; prune a trial that is worse than the median of its rung."""
        loss = -value if self.metric == "accuracy" else value
        loss = loss if math.isfinite(loss) else math.inf
        earlier = self.reached.setdefault(rung, [])
        earlier.append(loss)
        if len(earlier) > _MIN_RUNG_TRIALS and loss > np.median(earlier):
            raise Pruned(f"after {steps} meta-steps its validation value {value:.5g} was worse than the median's")


def rungs_of(learner: MetaLearner) -> tuple[int, ...]:
    """Meta-steps of the rungs: a ninth, a third and all steps, rounded up to multiples of `training.every`.

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
    """Function from configurations to learners, and the space with checked names."""
    _, outputs, _ = learner.describe(family)
    space = space_of(learner) if space is None else space
    check_names(learner, space)
    return lambda config: configured(learner, config, outputs), space


def open_study(space: Space, first: Mapping[str, Any], options: Mapping[str, Any], direction: str) -> Study:
    """Create the study; the first trial is `first`, unless the sampler of the user has a warm start."""
    chosen = {key: options[key] for key in StudyOptions.__annotations__ if key in options}
    sampler: Sampler[Any] = chosen.pop("sampler", None) or Auto()
    if sampler.warm_start == WarmStart():
        sampler = dataclasses.replace(sampler, warm_start=WarmStart(configurations=(dict(first),)))
    chosen.setdefault("budget", options.get("trials"))
    return Study(space, sampler=sampler, direction=direction, **chosen)
