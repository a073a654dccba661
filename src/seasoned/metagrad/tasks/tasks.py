"""Tasks: pairs of a support set and a query set; and families, distributions of tasks for compiled programs.

A family is any object with `sample(key) -> Task`, a pure JAX function. `as_family` creates one from a list of pairs;
`families.py` contains families of formulas and of labelled rows. Families are trees of arrays. They are arguments of a
compiled program, and tasks are drawn on the device, inside the training loop.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.arrays import as_numbers
from seasoned.metagrad._common.jax_imports import jax, jnp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jax import Array

__all__ = [
    "SETTING",
    "Rows",
    "Task",
    "TaskFamily",
    "TaskFunction",
    "TaskList",
    "as_family",
    "as_targets",
    "as_tree",
    "at_once",
    "cut",
    "first_text",
    "has_missing",
    "plain",
    "require_finite",
]


class Rows(NamedTuple):
    """Labelled rows.

    Attributes:
        X: Inputs [rows, *shape].
        y: Targets [rows] or [rows, outputs]; integers from 0 for classes.
        weight: Weights [rows], 0 for padding; None counts every row once.
    """

    X: Array
    y: Array
    weight: Array | None = None


class Task(NamedTuple):
    """Support set for adaptation, and query set for the evaluation of the adapted model."""

    support: Rows
    query: Rows


class TaskFamily(Protocol):
    """Distribution of tasks."""

    def sample(self, key: Array) -> Task:
        """Return one task, a pure function of the key; all tasks have the same shapes."""

    def split(self, fraction: float, seed: int) -> tuple[TaskFamily, TaskFamily]:
        """Return a training and a validation family without common tasks.

        The same family twice if every draw is new.
        """


Class = TypeVar("Class")


def as_tree(cls: type[Class]) -> type[Class]:
    """Register a dataclass as a JAX tree: fields with metadata `static` are settings, the others arrays."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    settings = [field.name for field in fields if field.metadata.get("static")]
    arrays = [field.name for field in fields if not field.metadata.get("static")]
    jax.tree_util.register_dataclass(cls, data_fields=arrays, meta_fields=settings)
    return cls


_SIDE_BY_SIDE: Final = 1 << 25  # maximum bytes of drawn tasks in memory
SETTING: Final = {"static": True}
"""Metadata of a field that is a setting and not an array."""


@as_tree
@dataclass(frozen=True)
class TaskFunction:
    """Family of tasks defined by a function.

    Args:
        function: key -> Task, pure.
    """

    function: Callable[[Array], Task] = dataclasses.field(metadata=SETTING)

    def sample(self, key: Array) -> Task:
        """See `TaskFamily`."""
        task: Task = self.function(key)
        return task

    def split(self, fraction: float, seed: int) -> tuple[TaskFunction, TaskFunction]:
        """Return the same family twice, because every draw is a new task."""
        del fraction, seed
        return self, self


@as_tree
@dataclass(frozen=True)
class GivenFamily:
    """Wrapper of a family whose class is not a JAX tree: for compiled programs it is a static setting, not an argument.

    Args:
        given: A hashable object with `sample`, and perhaps `split`. It must not change after its first use, because
            programs are compiled with its state at that time: create a new object instead.
    """

    given: Any = dataclasses.field(metadata=SETTING)

    def sample(self, key: Array) -> Any:
        """See `TaskFamily`."""
        return self.given.sample(key)

    def split(self, fraction: float, seed: int) -> tuple[Any, Any]:
        """Return the two families of its own `split`; without a `split`, the same family twice."""
        if not hasattr(self.given, "split"):
            return self, self
        left, right = self.given.split(fraction, seed)
        return type(self)(left), type(self)(right)


@as_tree
@dataclass(frozen=True)
class GivenProblems(GivenFamily):
    """Wrapper of a family of optimisation problems (`problems.Problems`) whose class is not a JAX tree."""

    def init(self, key: Array, data: Any) -> Any:
        """See `Problems`."""
        return self.given.init(key, data)

    def loss(self, params: Any, data: Any) -> Any:
        """See `Problems`."""
        return self.given.loss(params, data)

    def judge(self, params: Any, data: Any) -> Any:
        """See `Problems`."""
        return self.given.judge(params, data)


@as_tree
@dataclass(frozen=True)
class TaskList:
    """Family of a fixed list of tasks, stacked; a draw is one of the tasks.

    Attributes:
        tasks: A Task whose leaves have the tasks along their first axis.
    """

    tasks: Task

    def __len__(self) -> int:
        return int(self.tasks.support.y.shape[0])

    def sample(self, key: Array) -> Task:
        """See `TaskFamily`."""
        place = jax.random.randint(key, (), 0, len(self))
        task: Task = jax.tree.map(lambda leaf: leaf[place], self.tasks)
        return task

    def split(self, fraction: float, seed: int) -> tuple[TaskList, TaskList]:
        """Return a random split of the tasks into training and validation.

        All tasks for both, if there are fewer than 5.
        """
        left, right = cut(len(self), fraction, seed)
        return self._take(left), self._take(right)

    def _take(self, places: np.ndarray) -> TaskList:
        return TaskList(jax.tree.map(lambda leaf: leaf[places], self.tasks))


def cut(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random indices for training and for validation; all indices for both, if there are fewer than 5."""
    order = np.random.default_rng(seed).permutation(count)
    if count < 5:
        return order, order
    size = max(1, round(fraction * count))
    return order[size:], order[:size]


def as_family(tasks: Any) -> Any:
    """Return a family unchanged, or create one from a sequence of pairs ((X, y), (X_query, y_query)).

    A set may have sample weights as a third part, as in `Rows`. Sets of different sizes are padded with rows
    of weight 0.
    """
    if hasattr(tasks, "sample"):
        return _known(tasks)
    if callable(tasks):
        return TaskFunction(tasks)
    pairs = list(tasks)
    if not pairs:
        raise InvalidInput(
            "There are no tasks: give pairs of a support set (X, y) and a query set (X, y), or a family."
        )
    supports = [_rows(pair[0], f"the support set of task {place}") for place, pair in enumerate(pairs)]
    queries = [_rows(pair[1], f"the query set of task {place}") for place, pair in enumerate(pairs)]
    kinds = {
        (X.shape[1:], y.shape[1:], "labels" if y.dtype.kind == "i" else "numbers") for X, y, _ in supports + queries
    }
    if len(kinds) > 1:
        told = "; ".join(f"inputs {x}, targets {y}, {kind}" for x, y, kind in sorted(kinds, key=str))
        raise InvalidInput(f"the tasks' sets differ in what a row is ({told}): give all of them the same.")
    return TaskList(Task(_stack(supports), _stack(queries)))


def _known(family: Any) -> Any:
    """Return a family for compiled programs: unchanged if its class is a JAX tree with `split`, otherwise wrapped."""
    if hasattr(family, "split") and not jax.tree_util.all_leaves([family]):
        return family
    try:
        hash(family)
    except TypeError as error:  # a frozen dataclass hashes its fields, and arrays are not hashable
        raise InvalidInput(
            f"a {type(family).__name__} is no tree to JAX and has no hash ({error}): leave its __eq__ out, which for a "
            "dataclass is @dataclass(frozen=True, eq=False)."
        ) from error
    return GivenProblems(family) if hasattr(family, "judge") else GivenFamily(family)


def _rows(given: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    X, y = np.asarray(given[0]), np.asarray(given[1])
    if X.ndim < 2 or len(X) != len(y) or not len(y):
        raise InvalidInput(
            f"{name} has X of shape {X.shape} and y of shape {y.shape}: give X [rows, ...] and y [rows]."
        )
    float_ = np.dtype(np.float32 if X.dtype == np.float32 else jnp.result_type(float))  # float64 only if enabled
    X = as_numbers(X, float_, name)
    require_finite(X, y, name)
    weight = None if len(given) < 3 or given[2] is None else np.asarray(given[2], X.dtype)
    if weight is not None and (weight.shape != (len(y),) or not np.isfinite(weight).all() or weight.min() < 0):
        raise InvalidInput(f"{name} has weights of shape {weight.shape}: give one a row, none below 0 or missing.")
    return X, as_targets(y, X.dtype, name), weight


def at_once(family: Any, key: Array, most: int) -> int:
    """Return the number of drawn tasks to process in parallel, so that their rows take at most 32 MB.

    The limit is small because the activations of a network need many times the memory of the rows. Families of problems
    have no rows, and the result is `most`.
    """
    if not hasattr(family, "sample"):
        return most
    leaves = jax.tree.leaves(jax.eval_shape(lambda tasks, seed: tasks.sample(seed), family, key))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    return int(max(1, min(most, _SIDE_BY_SIDE // max(size, 1))))


def as_inputs(X: Any) -> np.ndarray:
    """Return inputs as an array.

    Double precision becomes the device's float type, where the largest values are infinite. Object arrays (a frame with
    a bool and numbers) and 64-bit integers, which a device may wrap, become this type too.
    """
    X = np.asarray(X)
    wide = X.dtype == np.float64 or X.dtype.kind == "O" or (X.dtype.kind in "iu" and X.dtype.itemsize == 8)
    with np.errstate(over="ignore"):
        return as_numbers(X, np.dtype(jnp.result_type(float)) if wide else X.dtype, "the table")


def require_rows(name: str, **parts: Any) -> None:
    """Refuse a table whose parts differ in length.

    Raises:
        InvalidInput: The lengths differ, or there is no row.
    """
    sizes = {what: len(part) for what, part in parts.items()}
    if len(set(sizes.values())) > 1 or not min(sizes.values()):
        told = ", ".join(f"{what} {size}" for what, size in sizes.items())
        raise InvalidInput(f"{name} has parts of different lengths, or no rows ({told}): give an entry for each row.")


def require_counts(at_least: int = 1, /, **settings: int | None) -> None:
    """Refuse counts that are not whole numbers of at least `at_least`; None is allowed.

    Raises:
        InvalidInput: A count is invalid.
    """
    for name, value in settings.items():
        if value is not None and (not isinstance(value, int | np.integer) or value < at_least):
            raise InvalidInput(f"{name} is {value}, and it must be at least {at_least}: give a whole number.")


def require_finite(X: np.ndarray, y: np.ndarray, name: str) -> None:
    """Refuse missing and infinite numbers.

    Raises:
        InvalidInput: A number is missing or infinite.
    """
    for part, what in ((X, "inputs"), (y, "targets")):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise InvalidInput(f"{name} has missing or infinite {what}, and networks take numbers: fill them first.")


def as_targets(y: np.ndarray, dtype: Any, name: str) -> np.ndarray:
    """Return labels 0, 1, ... and booleans as integers, other targets as floats of a type.

    Raises:
        InvalidInput: A label is negative, or a target is text.
    """
    if (text := first_text(y)) is not None:
        raise InvalidInput(
            f"{name} has the target {text!r}, which is text: number classes from 0 on, or give floats to be predicted."
        )
    if has_missing(y):
        raise InvalidInput(f"{name} has missing targets: leave those rows out.")
    y = plain(y)
    if y.dtype.kind not in "iub":
        found = y.astype(dtype)
        require_finite(found, found, name)
        return found
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) <= np.iinfo(np.int32).max:
        strange = y.min() if int(y.min()) < 0 else y.max()
        raise InvalidInput(f"{name} has the label {strange}: number classes from 0 on, or give floats to be predicted.")
    return y.astype(np.int32)


def has_missing(values: Any) -> bool:
    """Return True if the values contain None, NaN or pandas' NA.

    Lists are converted to object arrays, because numpy would turn a NaN in a list of texts into text.
    """
    listed = isinstance(values, list | tuple)
    found = np.asarray(values, dtype=object) if listed else np.asarray(values)
    if found.dtype.kind == "f":
        return bool(np.isnan(found).any())
    return found.dtype.kind == "O" and any(map(_is_missing, found.reshape(-1).tolist()))


def _is_missing(value: Any) -> bool:
    unknown = type(value).__name__ in {"NAType", "NaTType"}  # types of pandas, which this package does not import
    return value is None or unknown or (isinstance(value, float | np.floating) and math.isnan(value))


def plain(values: np.ndarray) -> np.ndarray:
    """Return an object array (nullable numbers and texts of pandas) in its common type; mixed types stay unchanged."""
    if values.dtype.kind != "O":
        return values
    given = values.reshape(-1).tolist()
    kinds: tuple[Any, ...] = (int | np.integer, int | float | np.number, str)
    same = any(all(isinstance(value, kind) for value in given) for kind in kinds)
    return np.array(given).reshape(values.shape) if same else values


def first_text(y: np.ndarray) -> str | bytes | None:
    """Return the first target that is text, even if the text is a number; None without text."""
    values = y.reshape(-1).tolist() if y.dtype.kind in "OSTU" else []
    return next((value for value in values if isinstance(value, str | bytes)), None)


def _stack(sets: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]]) -> Rows:
    most = max(len(y) for _, y, _ in sets)
    even = all(len(y) == most and weight is None for _, y, weight in sets)

    def pad(part: np.ndarray, last: Any) -> np.ndarray:
        return np.concatenate([part, np.repeat(last, most - len(part), axis=0)])

    def repeated(part: np.ndarray) -> np.ndarray:  # zeros may be invalid inputs, and 0 * NaN is NaN
        return pad(part, part[-1:])

    X, y = (jnp.asarray(np.stack([repeated(np.asarray(given[place])) for given in sets])) for place in (0, 1))
    weights = [np.ones(len(y)) if weight is None else weight for _, y, weight in sets]
    return Rows(X, y, None if even else jnp.asarray(np.stack([pad(one, np.zeros(1)) for one in weights]), X.dtype))
