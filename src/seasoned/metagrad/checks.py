"""Contract checks of meta-learners, for the learners of this package and for plug-ins.

    @pytest.mark.parametrize("check", LEARNER_CHECKS)
    def test_contract(check, tmp_path):
        check(Case(MyLearner(training=...), tasks), tmp_path)

Each check takes an unfitted learner with suitable tasks, and a folder for files. A broken rule raises AssertionError
with one sentence. The checks need no test framework. Use few training steps, because the checks train several times.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax
from seasoned.metagrad.learners.adapted_model import AdaptedModel
from seasoned.metagrad.loading import load_learner
from seasoned.metagrad.tasks.tasks import as_family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from seasoned.metagrad.learners.base import MetaLearner
    from seasoned.metagrad.training.loop import Entry

__all__ = ["LEARNER_CHECKS", "Case"]


class Case(NamedTuple):
    """Subject of a check.

    Attributes:
        learner: Unfitted and hashable, with `training.every` below `training.steps`.
        tasks: Tasks to learn, a family or pairs.
    """

    learner: MetaLearner
    tasks: Any


@functools.lru_cache(maxsize=64)
def _fit(learner: MetaLearner, family: Any) -> MetaLearner:
    return learner.fit(family, progress=False)


def _trained(case: Case) -> MetaLearner:
    """Return the fitted learner; it is trained once for all checks if the tasks are hashable."""
    family = as_family(case.tasks)
    try:
        return _fit(case.learner, family)
    except TypeError:  # arrays are not hashable
        return case.learner.fit(family, progress=False)


def _task(case: Case, seed: int = 3) -> Any:
    task = as_family(case.tasks).sample(jax.random.key(seed))
    return jax.tree.map(np.asarray, task)


def _same(left: Any, right: Any) -> bool:
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def check_meta_training_helps(case: Case, folder: Path) -> None:
    """On new tasks the adapted learner has a smaller loss after meta-training than after its first meta-step."""
    del folder
    fitted = _trained(case)
    begun = case.learner.fit(case.tasks, stop_at=1, progress=False)
    steps = case.learner.trained_steps
    before = begun.evaluate(case.tasks, steps=[steps], count=200)[steps].mean()
    after = fitted.evaluate(case.tasks, steps=[steps], count=200)[steps].mean()
    assert after < before, f"the loss on new tasks is {after} after training and {before} before it."


def check_adapting_helps(case: Case, folder: Path) -> None:
    """Adaptation lowers the loss on query rows, on average over tasks."""
    del folder
    fitted = _trained(case)
    steps = fitted.trained_steps
    curve = fitted.evaluate(case.tasks, steps=[0, steps], count=200)
    assert curve[steps].mean() < curve[0].mean(), "adaptation does not lower the query loss."


def check_fit_changes_nothing_given(case: Case, folder: Path) -> None:
    """`fit` returns a fitted copy and leaves its own learner unfitted.

    Adapting an unfitted learner raises InvalidInput.
    """
    del folder
    _trained(case)
    assert case.learner.fitted is None, "fit changed the learner it was called on."
    task = _task(case)
    try:
        case.learner.adapt(task.support.X, task.support.y)
    except InvalidInput:
        return
    raise AssertionError("a learner that was never fitted adapts.")


def check_training_is_repeatable(case: Case, folder: Path) -> None:
    """The same settings and tasks give the same meta-parameters; another seed gives others."""
    del folder
    fitted = _trained(case)
    again = case.learner.fit(case.tasks, progress=False)
    assert _same(fitted.theta, again.theta), "training twice gave two results."
    training = dataclasses.replace(case.learner.training, seed=case.learner.training.seed + 1)
    other = dataclasses.replace(case.learner, training=training).fit(case.tasks, progress=False, stop_at=1)
    first = case.learner.fit(case.tasks, progress=False, stop_at=1)
    assert not _same(first.theta, other.theta), "the seed changes nothing."


def check_resuming_is_going_on(case: Case, folder: Path) -> None:
    """Training that was stopped between two validations, saved, loaded and resumed ends like uninterrupted training."""
    whole = _trained(case)
    stop = case.learner.training.every + 1
    part = case.learner.fit(case.tasks, stop_at=stop, progress=False)
    assert part.fitted is not None
    assert int(part.fitted.state.step) == stop, "stop_at was not kept."
    part.save(folder / "part.npz")
    part = load_learner(folder / "part.npz", network=part.network, loss=part.loss, kinds=[type(part)])
    done = part.fit(case.tasks, resume=True, progress=False)
    assert done.fitted is not None
    assert whole.fitted is not None
    assert _same(done.fitted.state, whole.fitted.state), "resuming gave something else than going on."


def check_files_keep_everything(case: Case, folder: Path) -> None:
    """A saved learner, and a saved adapted model, predict the same after loading, without pickle."""
    fitted, task = _trained(case), _task(case)
    model = fitted.adapt(task.support.X, task.support.y)
    model.save(folder / "model.npz")
    loaded = AdaptedModel.load(folder / "model.npz", network=model.network)
    assert np.array_equal(loaded.predict(task.query.X), model.predict(task.query.X)), "the loaded model differs."
    fitted.save(folder / "learner.npz")
    again = load_learner(folder / "learner.npz", network=fitted.network, loss=fitted.loss, kinds=[type(fitted)])
    assert again == dataclasses.replace(fitted, fitted=None), f"settings changed: {again}."
    assert _same(again.adapt(task.support.X, task.support.y).params, model.params), "the loaded learner differs."


def check_prediction_in_numpy(case: Case, folder: Path) -> None:
    """The numpy forward pass agrees with JAX to 1e-5 of the outputs' size."""
    del folder
    fitted, task = _trained(case), _task(case)
    model = fitted.adapt(task.support.X, task.support.y)
    expected = np.asarray(fitted.predictor.apply(model.params, jax.numpy.asarray(task.query.X)))
    found = fitted.predictor.forward(model.params, task.query.X)
    assert isinstance(found, np.ndarray)
    error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
    assert error < 1e-5, f"numpy and JAX differ by {error}."


def check_progress_is_shown(case: Case, folder: Path) -> None:
    """Every validation is reported with its step and loss, and stored in the training record."""
    del folder
    seen: list[Entry] = []
    fitted = case.learner.fit(case.tasks, progress=lambda entry, _steps: seen.append(entry))
    assert fitted.fitted is not None
    assert tuple(seen) == fitted.fitted.history, "what was shown is not what was recorded."
    assert [entry.step for entry in seen][-1] == case.learner.training.steps, "the last step was not shown."
    assert all(np.isfinite(entry.loss) for entry in seen), "a loss was not finite."


def check_guard_keeps_the_best(case: Case, folder: Path) -> None:
    """The meta-parameters in use have the smallest validation loss of the training record."""
    del folder
    fitted = _trained(case).fitted
    assert fitted is not None
    best = min((entry for entry in fitted.history if np.isfinite(entry.validation)), key=lambda entry: entry.validation)
    assert int(fitted.state.best_step) == best.step, f"step {int(fitted.state.best_step)} is kept, best was {best}."


def check_tuned_adaptation(case: Case, folder: Path) -> None:
    """`adapt(tune=True)` returns a finite model with its tuned settings; settings from the caller are not tuned."""
    del folder
    fitted, task = _trained(case), _task(case)
    model = fitted.adapt(task.support.X, task.support.y, tune=True)
    assert np.isfinite(model.outputs(task.query.X)).all(), "a prediction is not finite."
    assert model.steps >= 0
    assert model.rate_scale > 0
    assert fitted.adapt(task.support.X, task.support.y, steps=1, tune=True).steps == 1, "steps= was not kept."


def check_wrong_inputs_are_named(case: Case, folder: Path) -> None:
    """Wrong shapes, missing values and no rows raise InvalidInput."""
    del folder
    fitted, task = _trained(case), _task(case)
    X, y = task.support.X, task.support.y
    wide = np.stack([y, y, y], axis=1)
    for wrong in ((X[:0], y[:0]), (X[..., None], y), (X, y[:-1]), (X, wide), (np.full_like(X, np.nan), y)):
        try:
            fitted.adapt(*wrong)
        except InvalidInput:
            continue
        raise AssertionError(f"X of shape {wrong[0].shape} and y of shape {wrong[1].shape} were taken.")


def check_nothing_global(case: Case, folder: Path) -> None:
    """The learner neither uses nor changes numpy's random state and JAX's precision."""
    del folder
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - to see that nobody touches it
    precision = jax.numpy.result_type(float)
    fitted, task = _trained(case), _task(case)
    fitted.adapt(task.support.X, task.support.y)
    after = np.random.get_state(legacy=False)  # noqa: NPY002 - the same
    assert np.array_equal(before["state"]["key"], after["state"]["key"]), "numpy's global random state was used."
    assert jax.numpy.result_type(float) == precision, "the precision was changed."


LEARNER_CHECKS: Final[Sequence[Callable[[Case, Path], None]]] = (
    check_meta_training_helps,
    check_adapting_helps,
    check_fit_changes_nothing_given,
    check_training_is_repeatable,
    check_resuming_is_going_on,
    check_files_keep_everything,
    check_prediction_in_numpy,
    check_progress_is_shown,
    check_guard_keeps_the_best,
    check_tuned_adaptation,
    check_wrong_inputs_are_named,
    check_nothing_global,
)
"""All checks; use them as the parameters of a test."""
