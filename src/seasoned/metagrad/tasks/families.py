"""Families of tasks: sinusoids, N-way k-shot episodes of labelled rows, and tables with one task per group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.tasks.tasks import (
    SETTING,
    Rows,
    Task,
    as_inputs,
    as_targets,
    as_tree,
    cut,
    has_missing,
    plain,
    require_counts,
    require_finite,
    require_rows,
)

if TYPE_CHECKING:
    from jax import Array

__all__ = ["Episodes", "GroupedRows", "Sinusoids"]


_MOST_ROWS = 2_000  # maximum number of rows per group or class; larger ones are subsampled


@as_tree
@dataclass(frozen=True)
class Sinusoids:
    """y = amplitude sin(x - phase), amplitude in [0.1, 5], phase in [0, pi], x in [-5, 5]: MAML's toy regression.

    Args:
        shots: Support rows K.
        queries: Query rows.

    Source: Finn et al. 2017 (arXiv:1703.03400), section 5.1.

    Example:
        >>> import jax
        >>> from seasoned.metagrad import Sinusoids
        >>> Sinusoids(shots=5).sample(jax.random.key(0)).support.X.shape
        (5, 1)
    """

    shots: int = dataclasses.field(default=10, metadata=SETTING)
    queries: int = dataclasses.field(default=10, metadata=SETTING)

    def sample(self, key: Array) -> Task:
        """See `TaskFamily`."""
        draws = jax.random.uniform(key, (2 + self.shots + self.queries,))
        amplitude, phase = 0.1 + 4.9 * draws[0], jnp.pi * draws[1]
        X = 10 * draws[2:, None] - 5
        y = amplitude * jnp.sin(X - phase)
        return Task(Rows(X[: self.shots], y[: self.shots]), Rows(X[self.shots :], y[self.shots :]))

    def split(self, fraction: float, seed: int) -> tuple[Sinusoids, Sinusoids]:
        """Return the same family twice, because every draw is a new task."""
        del fraction, seed
        return self, self


@as_tree
@dataclass(frozen=True)
class Episodes:
    """N-way, k-shot episodes: N random classes in random order, k support and q query rows of each.

    Create it with `Episodes.of(X, y, ...)`.

    Attributes:
        X: [rows, *shape].
        table: Row indices of each class, [classes, most rows], padded with the class's last row.
        counts: Number of rows of each class.
        ways: N.
        shots: k.
        queries: q.

    Source: Vinyals et al. 2016 (arXiv:1606.04080), section 4.1.

    Example:
        >>> import jax, numpy as np
        >>> from seasoned.metagrad import Episodes
        >>> family = Episodes.of(np.arange(30.0).reshape(30, 1), np.arange(30) % 6, ways=3, shots=1, queries=2)
        >>> family.sample(jax.random.key(0)).query.X.shape
        (6, 1)
    """

    episodic: ClassVar[bool] = True
    """A label names a class only within its task."""

    X: Array
    table: Array
    counts: Array
    ways: int = dataclasses.field(default=5, metadata=SETTING)
    shots: int = dataclasses.field(default=1, metadata=SETTING)
    queries: int = dataclasses.field(default=15, metadata=SETTING)

    @classmethod
    def of(cls, X: Any, y: Any, *, ways: int = 5, shots: int = 1, queries: int = 15) -> Episodes:
        """Create from rows and classes; a class needs at least shots + queries rows.

        Of a class with more than 2,000 rows a random subset is used.
        """
        if has_missing(y):
            raise InvalidInput("the table has rows without a class: leave them out.")
        X, y = as_inputs(X), np.asarray(y)
        require_counts(ways=ways, shots=shots, queries=queries)
        require_rows("the table", X=X, y=y)
        labels, codes = np.unique(plain(y), return_inverse=True)
        require_finite(X, codes, "the table")
        places = _rows_of(codes, len(labels))
        least = min(map(len, places))
        if least < shots + queries:
            raise InvalidInput(
                f"a class has {least} rows, and {shots} shots and {queries} queries need as many together."
            )
        if len(labels) < ways:
            raise InvalidInput(
                f"there are {len(labels)} classes, and {ways} ways need as many: give more, or fewer ways."
            )
        table, counts = _table(places, shots + queries)
        return cls(jnp.asarray(X), jnp.asarray(table), jnp.asarray(counts), ways, shots, queries)

    def sample(self, key: Array) -> Task:
        """See `TaskFamily`."""
        pick, *keys = jax.random.split(key, 1 + self.ways)
        classes = jax.random.choice(pick, self.table.shape[0], (self.ways,), replace=False)

        def draw(key: Array, place: Array) -> Array:  # shots + queries distinct rows of one class
            return self.table[place][_distinct(key, self.table.shape[1], self.counts[place], self.shots + self.queries)]

        rows = jax.vmap(draw)(jnp.stack(keys), classes)  # [ways, shots + queries]
        parts = []
        for part in (rows[:, : self.shots], rows[:, self.shots :]):
            labels = jnp.repeat(jnp.arange(self.ways), part.shape[1])
            parts.append(Rows(self.X[part.reshape(-1)], labels))
        return Task(*parts)

    def split(self, fraction: float, seed: int) -> tuple[Episodes, Episodes]:
        """Return training and validation families with disjoint classes, at least `ways` each.

        If there are too few classes, both families use all classes.
        """
        size = max(self.ways, round(fraction * self.table.shape[0]))
        if self.table.shape[0] - size < self.ways:
            return self, self
        order = np.random.default_rng(seed).permutation(self.table.shape[0])
        return self._take(order[size:]), self._take(order[:size])

    def _take(self, classes: np.ndarray) -> Episodes:
        return dataclasses.replace(self, table=self.table[classes], counts=self.counts[classes])


@as_tree
@dataclass(frozen=True)
class GroupedRows:
    """Table with one task per group (a customer, a sensor): a draw is some rows of one group.

    Groups may be small. Sets are padded with rows of weight 0. The query set gets at least one row, because every group
    has at least two. Create it with `GroupedRows.of(X, y, groups, ...)`.

    Attributes:
        X: [rows, *shape].
        y: [rows] or [rows, outputs].
        table: Row indices of each group, [groups, most rows], padded.
        counts: Number of rows of each group.
        shots: Support rows.
        queries: Query rows.
        least: Smallest number of support rows: each task draws a number from `least` to `shots`. None always uses
            `shots`.
        ways: Number of classes, if some classes may have no rows in this table; None for the classes of its rows.

    Example:
        >>> import jax, numpy as np
        >>> from seasoned.metagrad import GroupedRows
        >>> family = GroupedRows.of(np.ones((9, 2)), np.arange(9.0), [0, 0, 0, 1, 1, 1, 1, 1, 1], shots=2, queries=3)
        >>> family.sample(jax.random.key(0)).query.weight.shape
        (3,)
    """

    X: Array
    y: Array
    table: Array
    counts: Array
    shots: int = dataclasses.field(default=5, metadata=SETTING)
    queries: int = dataclasses.field(default=15, metadata=SETTING)
    least: int | None = dataclasses.field(default=None, metadata=SETTING)
    ways: int | None = dataclasses.field(default=None, metadata=SETTING)

    @classmethod
    def of(
        cls,
        X: Any,
        y: Any,
        groups: Any,
        *,
        shots: int = 5,
        queries: int = 15,
        least: int | None = None,
        ways: int | None = None,
    ) -> GroupedRows:
        """Create from rows, targets and the group of every row; groups with a single row are dropped.

        Of a group with more than 2,000 rows, 2,000 random rows are used: a task contains only some rows of one group,
        and padding every group to the size of the largest one would need too much memory.
        """
        if has_missing(groups):
            raise InvalidInput("the table has rows without a group: leave them out.")
        X, y, groups = as_inputs(X), np.asarray(y), np.asarray(groups)
        require_counts(shots=shots, queries=queries, ways=ways)
        require_counts(0, least=least)
        if least is not None and least > shots:
            raise InvalidInput(f"least is {least}, and shots {shots}: give at most as many.")
        require_rows("the table", X=X, y=y, groups=groups)
        require_finite(X, y, "the table")
        kept = y.dtype if y.dtype.kind == "f" else np.dtype(np.float32)
        y = as_targets(y, jnp.result_type(float) if kept == np.float64 else kept, "the table")
        labels, codes = np.unique(groups, return_inverse=True)
        places = [part for part in _rows_of(codes, len(labels)) if len(part) > 1]
        if not places:
            raise InvalidInput(
                f"none of the {len(labels)} groups has two rows: a task needs a support and a query row."
            )
        table, counts = _table(places, shots + queries)
        rows = jnp.asarray(X), jnp.asarray(y), jnp.asarray(table), jnp.asarray(counts)
        return cls(*rows, shots, queries, least, ways)

    def sample(self, key: Array) -> Task:
        """See `TaskFamily`."""
        which, order = jax.random.split(key)
        group = jax.random.randint(which, (), 0, self.table.shape[0])
        count = self.counts[group]
        rows = self.table[group][_distinct(order, self.table.shape[1], count, self.shots + self.queries)]
        shots: Any = self.shots
        if self.least is not None:
            shots = jax.random.randint(jax.random.fold_in(key, 1), (), self.least, self.shots + 1)
        support = jnp.minimum(shots, count - 1)  # at least one row remains for the query set
        places = jnp.arange(self.shots + self.queries)
        # The query set starts after the last row of the support set.
        query = rows[jnp.minimum(support + jnp.arange(self.queries), rows.shape[0] - 1)]
        weight = (places[: self.queries] < count - support).astype(self.X.dtype)
        held = (places[: self.shots] < support).astype(self.X.dtype)
        first = rows[: self.shots]
        return Task(Rows(self.X[first], self.y[first], held), Rows(self.X[query], self.y[query], weight))

    def split(self, fraction: float, seed: int) -> tuple[GroupedRows, GroupedRows]:
        """Return training and validation families with disjoint groups.

        All groups for both, if there are fewer than 5.
        """
        left, right = cut(self.table.shape[0], fraction, seed)
        return self._take(left), self._take(right)

    def _take(self, groups: np.ndarray) -> GroupedRows:
        return dataclasses.replace(self, table=self.table[groups], counts=self.counts[groups])


def _rows_of(codes: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the row indices of each code, in order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=count))[:-1])


def _table(places: list[np.ndarray], least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a padded table with one line of row indices per group, and the counts; large groups are subsampled."""
    most = max(_MOST_ROWS, least)
    rng = np.random.default_rng(0)
    places = [part if len(part) <= most else np.sort(rng.choice(part, most, replace=False)) for part in places]
    width = max(least, *map(len, places))
    table = np.stack([np.pad(part, (0, width - len(part)), mode="edge") for part in places])
    return table, np.array([len(part) for part in places])


def _distinct(key: Array, size: int, count: Array, wanted: int) -> Array:
    """Return `wanted` distinct places in random order: first places below `count`, then places of the padding."""
    draws = jax.random.uniform(key, (size,)) + (jnp.arange(size) >= count)
    return jnp.argsort(draws)[:wanted]
