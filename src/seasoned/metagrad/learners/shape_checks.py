"""Checks of shapes and types: tasks, test tasks and support sets must match the training tasks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.arrays import as_numbers
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.tasks.tasks import Rows, first_text, has_missing, plain

if TYPE_CHECKING:
    from seasoned.metagrad.learners.base import Fitted, MetaLearner

__all__ = ["describe_tasks", "refuse_outputs", "refuse_padding", "refuse_shapes", "support_rows", "width"]


def describe_tasks(family: Any) -> tuple[tuple[int, ...], int, bool]:
    """Return the shape of an input, the number of outputs, and True if targets are labels."""
    task = jax.eval_shape(family.sample, jax.random.key(0))
    y = task.support.y
    labels = bool(jnp.issubdtype(y.dtype, jnp.integer) or jnp.issubdtype(y.dtype, jnp.bool_))
    if labels:
        outputs = getattr(family, "ways", None)
        if outputs is None:
            outputs = 1 + max(int(codes.max()) for codes in _labels(family))
    else:
        outputs = math.prod(y.shape[1:])
    return tuple(task.support.X.shape[1:]), int(outputs), labels


def _labels(family: Any) -> list[Any]:
    """Return the labels of all tasks of a list, of all rows of a table, or of 256 draws from any other family."""
    if (tasks := getattr(family, "tasks", None)) is not None:
        return [tasks.support.y, tasks.query.y]
    if (rows := getattr(family, "y", None)) is not None:
        return [rows]

    def drawn(key: Any) -> list[Any]:  # compiled, so that unused inputs (perhaps images) are never computed
        task = family.sample(key)
        return [task.support.y, task.query.y]

    found: list[Any] = jax.jit(jax.vmap(drawn))(jax.random.split(jax.random.key(0), 256))
    return found


def width(family: Any) -> int:
    """Return the number of values in a target."""
    return math.prod(jax.eval_shape(family.sample, jax.random.key(0)).support.y.shape[1:])


def refuse_shapes(family: Any, shape: tuple[int, ...], outputs: int, *, labels: bool, name: str) -> None:
    """Refuse tasks whose rows do not have the expected shapes, before the training starts.

    Args:
        family: The tasks.
        shape: Shape of an input.
        outputs: Number of values in a target that is not a label.
        labels: True if targets are class labels.
        name: Name of the tasks in error messages.

    Raises:
        InvalidInput: Inputs or targets have another shape, or labels are floats.
    """
    task = jax.eval_shape(family.sample, jax.random.key(0))
    for rows in (task.support, task.query):
        if tuple(rows.X.shape[1:]) != shape:
            raise InvalidInput(f"{name} have inputs of shape {tuple(rows.X.shape[1:])}, and the others have {shape}.")
        if labels and (rows.y.ndim != 1 or jnp.issubdtype(rows.y.dtype, jnp.floating)):
            kind = "floats" if rows.y.ndim == 1 else f"of shape {rows.y.shape}"
            raise InvalidInput(
                f"{name} have targets that are {kind}, and classes are whole numbers, one a row: y.ravel().astype(int)."
            )
        if not labels and math.prod(rows.y.shape[1:]) != outputs:
            raise InvalidInput(
                f"{name} have targets of {math.prod(rows.y.shape[1:])} numbers, and the others have {outputs}."
            )


def refuse_padding(network: Any, family: Any) -> None:
    """Refuse padded sets for batch normalisation: rows of weight 0 would change the means over a set.

    Raises:
        InvalidInput: The network uses batch normalisation, and sets are padded to one size.
    """
    if getattr(network, "normalization", None) != "batch":
        return
    task = jax.eval_shape(family.sample, jax.random.key(0))
    if task.support.weight is not None or task.query.weight is not None:
        raise InvalidInput(
            "the tasks' sets differ in size and are padded, and a network with normalization='batch' takes means over "
            "all rows of a set: use normalization='instance', or sets of one size."
        )


def refuse_outputs(
    program: MetaLearner, theta: Any, shape: tuple[int, ...], classes: int, *, labels: bool = True
) -> None:
    """Refuse tasks that do not match the learner's outputs: the cross-entropy of a label without an output is NaN.

    Args:
        program: The learner, resolved.
        theta: Its meta-parameters.
        shape: Shape of an input.
        classes: Number of classes of the tasks, or of values in a target.
        labels: True if targets are labels.

    Raises:
        InvalidInput: The learner predicts fewer classes than the tasks have, or another number of values than a target
            has.
    """

    def outputs(theta: Any) -> Any:
        return program.predictor.apply(program.params(program.start(theta)), jnp.zeros((1, *shape)))

    found = jax.eval_shape(outputs, theta)
    if not hasattr(found, "shape"):  # several arrays, combined by the user's loss
        return
    if len(found.shape) < 2:
        raise InvalidInput(
            f"the network gives outputs of shape {found.shape} for one row: let it return [rows, outputs]."
        )
    predicted = math.prod(found.shape[1:])
    if not labels and classes != predicted:
        raise InvalidInput(
            f"the tasks have targets of {classes} numbers, and the network gives {predicted}: set its outputs to "
            f"{classes}, or leave network out."
        )
    if labels and classes > predicted:
        raise InvalidInput(
            f"the tasks have labels up to {classes - 1}, and the learner predicts {predicted} classes: give it "
            f"{classes} (a network's outputs, or ways), or leave that to the training tasks."
        )


def support_rows(X: Any, y: Any, fitted: Fitted, *, labels: bool, ways: int = 0) -> tuple[Rows, np.ndarray | None]:
    """Check a support set; return it as device arrays with labels as codes, and the labels in order of their codes.

    Args:
        X: Inputs [rows, ...].
        y: Targets.
        fitted: Result of the learner's meta-training.
        labels: True if targets are classes.
        ways: Number of classes that the learner supports, if larger than in the training tasks.
    """
    gaps = has_missing(y)
    X, y = np.asarray(X), np.asarray(y)
    leaf = np.asarray(jax.tree.leaves(fitted.state.theta)[0])
    if not fitted.shape:
        raise InvalidInput("the learner was trained on problems, which have no rows: use transformation().")
    if X.ndim != 1 + len(fitted.shape) or X.shape[1:] != fitted.shape or len(X) != len(y) or not len(y):
        expected = ", ".join(map(str, fitted.shape))
        raise InvalidInput(
            f"X has shape {X.shape} and y {y.shape}, and the learner takes [rows, {expected}] and [rows]."
        )
    X = as_numbers(X, leaf.dtype, "X")
    if not np.isfinite(X).all():
        raise InvalidInput("X has missing or infinite values, and networks take numbers: fill them first.")
    if gaps:
        raise InvalidInput("y has missing or infinite targets: leave those rows out.")
    if labels and y.ndim != 1:
        raise InvalidInput(f"y has shape {y.shape}, and the learner was trained on labels: give one a row, [rows].")
    if not labels and math.prod(y.shape[1:]) != fitted.outputs:
        wanted = "[rows]" if fitted.outputs == 1 else f"[rows, {fitted.outputs}]"
        raise InvalidInput(f"y has shape {y.shape}, and the learner was trained on targets of shape {wanted}.")
    targets, classes = label_codes(y, fitted, ways) if labels else (_numbers(y, leaf.dtype), None)
    return Rows(jnp.asarray(X), jnp.asarray(targets)), classes


def _numbers(y: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return regression targets as numbers."""
    if (text := first_text(y)) is not None:
        raise InvalidInput(f"y has the target {text!r}, and the learner was trained on numbers: give numbers.")
    y = y.astype(dtype)
    _refuse_gaps(y)
    return y


def label_codes(y: np.ndarray, fitted: Fitted, ways: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of labels, and the labels by code; labels that are codes of the training tasks stay unchanged.

    Labels of episodes have no meaning outside their task, so the labels of the support set are all its classes.
    """
    y = plain(y)
    _refuse_gaps(y)
    try:
        classes = np.unique(y)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in y.tolist()}))
        raise InvalidInput(f"y has labels of the types {kinds}, which have no common order: give one type.") from error
    whole = classes.dtype.kind in "iuf" and bool((classes == np.floor(classes)).all())
    if classes.dtype.kind == "b" and fitted.outputs > 1:
        classes = np.array([False, True])
    elif not fitted.episodic and whole and classes[0] >= 0 and classes[-1] < fitted.outputs:
        classes = np.arange(fitted.outputs).astype(np.promote_types(classes.dtype, np.min_scalar_type(fitted.outputs)))
    if len(classes) > (most := max(fitted.outputs, ways)):
        raise InvalidInput(f"y has {len(classes)} classes, and the learner was trained for {most}: train for more.")
    return np.searchsorted(classes, y).astype(np.int32), classes


def _refuse_gaps(y: np.ndarray) -> None:
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise InvalidInput("y has missing or infinite targets: leave those rows out.")
