"""Memory estimate of a fit before its start, and the setting with which the fit would be small enough.

A trial that is killed for its memory has cost time, and its error names no remedy. The memory of a family's fit, beyond
the process, follows from its data structures within a factor of three: copies of the rows, bins, histograms, gradients,
tree nodes. The constants are the sizes of these structures; `benchmarks/memory.py` measures their errors. Estimates
should be slightly high and never low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import SeasonedError
from seasoned.incontext.shipped import shipped_network
from seasoned.tabular.models._common.booster_settings import BYTE, bins, oblivious_bins
from seasoned.tabular.models.linear.additive import MOST_CELLS, MOST_COLUMNS
from seasoned.tabular.models.neighbors import PIECE
from seasoned.tabular.models.neural.in_context import MOST_COLUMNS as MOST_CONTEXT_COLUMNS
from seasoned.tabular.models.neural.in_context import MOST_ROWS
from seasoned.tabular.models.neural.published_networks import TABICL
from seasoned.tabular.models.trees.random_forest import TREES
from seasoned.tabular.schema.column import MOST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DataShape", "NotEnoughMemory", "check_memory", "estimate_bytes", "reduce_to_fit"]

_FLOAT: Final = 8  # bytes of a float64
_SINGLE: Final = 4  # bytes of a float32
_NODE: Final = 260  # bytes of a tree node during growth and conversion, without its values
_SAMPLE: Final = 200_000  # rows that LightGBM samples to find its bins
_REMEMBERED: Final = 20_000  # largest number of rows that the family `neighbours` stores
_COPIES_OF_CELLS: Final = 10  # arrays of a context's cells that the in-context network holds at the same time
_PUBLISHED: Final = 1.5e9  # bytes of PyTorch and the weights of a published in-context network
_CELL_OF_PUBLISHED: Final = 4 * 128  # numbers for each cell: four arrays of the width of its tokens
_VIEWS: Final = 4  # contexts that the family `incontext` keeps
_TIMES: Final = 6  # copies of the input matrix in the estimate of an unknown family
_MARGIN: Final = 1.1  # safety factor of all estimates
SHARE: Final = 0.95
"""Usable share of the available memory, because an estimate may be low."""


class NotEnoughMemory(SeasonedError):
    """Error of a configuration that needs too much memory: raise the limit, or change the named setting."""


@dataclass(frozen=True, slots=True)
class DataShape:
    """Data shape of a fit.

    Attributes:
        rows: Number of training rows.
        valid: Number of validation rows and other predicted rows.
        columns: Number of columns of the family's input matrix, features included.
        classes: Number of classes; 0 for regression.
        levels: Number of columns of level codes.
        many: Number of columns with more than 100 levels.
        held: Number of rows that all folds together validate, whose predictions are stored; 0 for all rows.
    """

    rows: int
    valid: int
    columns: int
    classes: int
    levels: int = 0
    many: int = 0
    held: int = 0

    @property
    def outputs(self) -> int:
        """Number of trees in a boosting round, or of gradient columns: one, or one per class for more than two."""
        return self.classes if self.classes > 2 else 1

    @property
    def cells(self) -> int:
        """Number of cells of the input matrix, training and validation rows together."""
        return (self.rows + self.valid) * self.columns

    @property
    def answers(self) -> int:
        """Number of predicted values for all rows."""
        return (self.rows + self.valid) * max(self.classes, 1)


def _of(config: Mapping[str, Any], name: str, largest: int) -> int:
    return int(config.get(name, largest))


def _bin_bytes(at: DataShape) -> int:
    """Return the bytes of a cell's bin."""
    return 1 if bins(at.rows) <= BYTE else 2


def _lightgbm(config: Mapping[str, Any], at: DataShape) -> float:
    sample = 1.5 * _FLOAT * at.columns * min(at.rows, _SAMPLE)
    binned = bins(at.rows) * (at.columns - at.many) + MOST_LEVELS * at.many
    histograms = 16 * binned * _of(config, "num_leaves", 200)
    each = 2 if at.many else _bin_bytes(at)
    return sample + 2 * each * at.cells + histograms + 40 * at.rows * at.outputs


def _xgboost(config: Mapping[str, Any], at: DataShape) -> float:
    nodes = min(1.5 * 2.0 ** _of(config, "max_depth", 12), 2.0 * at.rows)
    histograms = 16 * bins(at.rows) * at.columns * nodes
    return (5 + _bin_bytes(at)) * at.cells + histograms + 40 * at.rows * at.outputs


def _catboost(config: Mapping[str, Any], at: DataShape) -> float:
    most = oblivious_bins(at.rows, at.columns * at.outputs)
    histograms = 16 * most * at.columns * 2.0 ** _of(config, "depth", 10) * at.outputs
    words = 80 * (at.rows + at.valid) * at.levels  # level codes as byte strings, each an object
    return 16 * at.cells + words + histograms + 60 * at.rows * at.outputs


def _histogram(config: Mapping[str, Any], at: DataShape) -> float:
    histograms = 24 * min(bins(at.rows), BYTE) * at.columns * _of(config, "max_leaf_nodes", 128)
    return (_FLOAT + _SINGLE + 1) * at.cells + histograms + 40 * at.rows * at.outputs


def _forest(config: Mapping[str, Any], at: DataShape) -> float:
    return _grown(config, at, 0.63)  # share of distinct rows in a bootstrap sample


def _extra_trees(config: Mapping[str, Any], at: DataShape) -> float:
    return _grown(config, at, 1.0)


def _grown(config: Mapping[str, Any], at: DataShape, drawn: float) -> float:
    rows = 0.4 * drawn * at.rows if at.classes == 2 else 0.8 * drawn * at.rows  # pure leaves are large
    leaves = rows / max(_of(config, "min_samples_leaf", 1), 1)
    return _SINGLE * at.cells + _of(config, "rounds", TREES) * 2 * leaves * _node(at)


def _node(at: DataShape) -> float:
    return _NODE + 2 * _FLOAT * max(at.classes, 1)


def _tree(config: Mapping[str, Any], at: DataShape) -> float:
    leaves = min(at.rows / max(_of(config, "min_samples_leaf", 1), 1), 2.0 ** _of(config, "max_depth", 30))
    return _SINGLE * at.cells + 2 * leaves * _node(at)


def _linear(_: Mapping[str, Any], at: DataShape) -> float:
    copies = 1 if at.classes else 2  # regression adds a centred copy
    few = at.columns * (2 * at.columns + 40 * at.outputs) + 5 * at.rows * max(at.classes, 1)
    return _FLOAT * (copies * at.cells + few)


def _splines(config: Mapping[str, Any], at: DataShape) -> float:
    hinges = min(MOST_COLUMNS, at.columns * (1 + _of(config, "knots", 30)))
    columns = hinges + _of(config, "pairs", 300)
    rows = min(at.rows, MOST_CELLS // max(columns, at.columns))
    basis = 3 * _SINGLE * rows * columns  # rotated basis, with the basis or, for a quantile, a float64 copy
    return _FLOAT * rows * at.columns + basis + 4 * _FLOAT * columns**2 + 4 * _FLOAT * rows * at.outputs


def _neighbours(config: Mapping[str, Any], at: DataShape) -> float:
    kept = min(at.rows, _REMEMBERED)
    distances = 7 * _FLOAT * min(at.valid, PIECE) * _of(config, "neighbours", 100)
    return _SINGLE * (at.valid + 3 * kept) * at.columns + distances


def _incontext(_: Mapping[str, Any], at: DataShape) -> float:
    rows, columns = min(at.rows, MOST_ROWS), min(at.columns, MOST_CONTEXT_COLUMNS)
    sizes = shipped_network().settings
    cells = _COPIES_OF_CELLS * rows * columns * sizes.cell_width
    kept = _VIEWS * 2 * rows * sizes.width * sizes.layers  # keys and values of the row layers
    return 1e7 + _SINGLE * (cells + kept)  # and the network


def _published(_: Mapping[str, Any], at: DataShape) -> float:
    return _PUBLISHED + _SINGLE * _CELL_OF_PUBLISHED * (min(at.rows, TABICL.most_rows) + at.valid) * at.columns


def _distilled(_: Mapping[str, Any], at: DataShape) -> float:
    taught = replace(at, rows=at.rows * max(at.classes, 1))  # a weighted row for each class
    return max(_incontext({}, at), _lightgbm({}, taught))


def _mlp(config: Mapping[str, Any], at: DataShape) -> float:
    width, layers = _of(config, "width", 256), _of(config, "layers", 4)
    parameters = width * (at.columns + width * layers + max(at.classes, 1))
    seen = 4 * width * (layers + 1) * max(at.valid, _of(config, "batch", 512))  # activations of all layers
    return _SINGLE * (2 * at.cells + 8 * parameters + seen + 4 * at.answers)


def _adaptive_linear(_: Mapping[str, Any], at: DataShape) -> float:
    blocks = 12 * at.outputs * (at.columns + 1) ** 2  # blocks of five folds and their inverses
    return _FLOAT * (_TIMES * at.cells + blocks)


_NEEDS: Final[Mapping[str, Callable[[Mapping[str, Any], DataShape], float]]] = MappingProxyType(
    {
        "lightgbm": _lightgbm, "xgboost": _xgboost, "catboost": _catboost, "histogram": _histogram, "forest": _forest,
        "extra_trees": _extra_trees, "tree": _tree, "linear": _linear, "neighbours": _neighbours, "mlp": _mlp,
        "splines": _splines, "adaptive_linear": _adaptive_linear, "incontext": _incontext, "distilled": _distilled,
        "tabicl": _published, "tabpfn": _published,
        "baseline": lambda *_: 0.0,
    }
)  # fmt: skip
"""Family -> function for the bytes of its fit, in addition to the copies of its input rows."""
SIZE_PARAMETERS: Final[Mapping[str, tuple[str, int, int]]] = MappingProxyType(
    {
        "lightgbm": ("num_leaves", -1, 2), "xgboost": ("max_depth", -1, 2), "catboost": ("depth", -1, 2),
        "histogram": ("max_leaf_nodes", -1, 4), "forest": ("min_samples_leaf", 1, 50),
        "extra_trees": ("min_samples_leaf", 1, 50), "tree": ("min_samples_leaf", 1, 200), "mlp": ("width", -1, 32),
    }
)  # fmt: skip
"""Family -> decisive parameter, direction in which it saves memory (-1 or 1), and last value in that direction."""


def estimate_bytes(name: str, config: Mapping[str, Any], at: DataShape) -> int:
    """Return the peak memory of a fit in bytes, in addition to the memory of the process before the fit.

    Args:
        name: Name of the family; an unknown family counts six copies of its matrix.
        config: Configuration of the family; a missing parameter counts as the largest value of the family's space.
        at: Data shape of the fit.

    Example:
        >>> small, large = DataShape(1_000, 250, 10, 2), DataShape(1_000_000, 250_000, 10, 2)
        >>> estimate_bytes("lightgbm", {"num_leaves": 31}, small) < 10e6 < 100e6 < estimate_bytes("lightgbm", {}, large)
        True
    """
    kept = (at.held or at.rows + at.valid) * max(at.classes, 1)
    given = _FLOAT * at.cells + 3 * _FLOAT * kept  # input rows and stored predictions
    needs = _NEEDS.get(name)
    return math.ceil(_MARGIN * (given + (_TIMES * _FLOAT * at.cells if needs is None else needs(config, at))))


def reduce_to_fit(name: str, config: Mapping[str, Any], at: DataShape, allowed: float) -> tuple[str, int] | None:
    """Return the decisive parameter and its value nearest to the configuration's that needs at most `allowed` bytes.

    None if the family has no such parameter, or no value suffices.
    """
    if name not in SIZE_PARAMETERS:
        return None
    parameter, step, last = SIZE_PARAMETERS[name]
    value = int(config.get(parameter, last - step))
    if (last - value) * step <= 0 or estimate_bytes(name, {**config, parameter: last}, at) > allowed:
        return None
    enough, short = last, value  # bisection: the first sufficient value lies between them
    while abs(enough - short) > 1:
        middle = (enough + short) // 2
        enough, short = (
            (middle, short) if estimate_bytes(name, {**config, parameter: middle}, at) <= allowed else (enough, middle)
        )
    return parameter, enough


def check_memory(name: str, config: Mapping[str, Any], at: DataShape, limit: int | None, free: int) -> None:
    """Refuse a fit that would need more memory than is available.

    Args:
        name: Name of the family.
        config: Configuration of the family.
        at: Data shape of the fit.
        limit: Memory limit of this process in bytes; None for no limit.
        free: Free memory of the machine for this process, in bytes.

    Raises:
        NotEnoughMemory: If the memory is too small; the error names needed and available memory and a remedy.
    """
    allowed = SHARE * min(free, limit if limit is not None else free)
    needed = estimate_bytes(name, config, at)
    if needed <= allowed:
        return
    found = reduce_to_fit(name, config, at, allowed)
    knob = "" if found is None else f"with {found[0]} of {found[1]} it would fit, or "
    limited = limit is not None and limit <= free
    more = (
        f"raise memory_limit by {_gigabytes((needed - allowed) / SHARE)} for each worker, or use fewer workers"
        if limited
        else "use fewer workers, fewer rows or a machine with more memory"
    )
    raise NotEnoughMemory(
        f"{name} would take about {_gigabytes(needed)} here, and {_gigabytes(allowed)} "
        f"{'of memory_limit are left to a trial' if limited else 'are free on this machine for it'}; {knob}{more}."
    )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size >= 1e9 else f"{max(size / 1e6, 1):.0f} MB"
