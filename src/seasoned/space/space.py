"""Search space: a tree of parameters, and the encoding that all samplers share.

A space has one coordinate per parameter, nested ones included, in depth-first order. `encode` returns a point of the
unit cube and a mask of the coordinates in use. `decode` converts any point to a valid configuration. Property tests
check two laws: `decode(encode(x)) == x` (floats up to rounding), and every decoded point is valid. The space contains
no sampling policy: `sample` draws uniformly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from seasoned.errors import InvalidConfig, InvalidSpace
from seasoned.space.constraints import Among, Between, Clause, Condition, cleaned, from_json, nearest_allowed, to_json
from seasoned.space.neighbors import moves
from seasoned.space.parameters import MISSING, Categorical, Float, Int, Value, declaration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Between", "Categorical", "Choice", "Dimension", "Encoded", "Float", "Int", "Parameter", "Space"]

_INACTIVE: Final = object()  # flat value of a coordinate in an inactive branch
_DRAWS: Final = 100  # uniform draws before `sample` moves a forbidden point to an allowed one


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """Choice between branches, each with its own space; only the selected branch is active.

    Args:
        options: Option name -> Space, as a mapping or as keywords.
        default: Starting option; by default the first option.

    Raises:
        InvalidSpace: If `options` is empty, an option is not a Space, a name appears twice, or the default is unknown.

    Example:
        >>> Choice(sgd=Space(momentum=Float(0, 0.99)), adam=Space()).default
        'sgd'
    """

    options: Mapping[str, Space]
    default: str

    def __init__(
        self, options: Mapping[str, Space] | None = None, /, *, default: str = MISSING, **named: Space
    ) -> None:
        merged = _merge(options or {}, named, "option")
        if not merged:
            raise InvalidSpace("a Choice has no options; give at least one name with its Space.")
        for name, space in merged.items():
            if not isinstance(space, Space):
                raise InvalidSpace(
                    f"the option {name!r} is {space!r}, not a Space; use Space() for one without settings."
                )
        if default is not MISSING and default not in merged:
            raise InvalidSpace(f"the default {default!r} is none of the options {list(merged)}; give one of these.")
        object.__setattr__(self, "options", MappingProxyType(merged))
        object.__setattr__(self, "default", next(iter(merged)) if default is MISSING else default)

    def __hash__(self) -> int:
        return hash((tuple(self.options.items()), self.default))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_choice_of, (dict(self.options), self.default))

    def selector(self) -> Categorical:
        """Return the Categorical of the option names, the parameter of the choice's own coordinate."""
        return Categorical(tuple(self.options), default=self.default)


Parameter: TypeAlias = Float | Int | Categorical | Choice


class Encoded(NamedTuple):
    """Configuration as a point of the unit cube.

    Attributes:
        unit: Coordinates in [0, 1], shape (d,); a coordinate not in use has its default.
        active: True for coordinates in use, shape (d,), bool.
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dimension:
    """Coordinate of the unit cube.

    Attributes:
        name: Dotted name of the parameter, such as `optimizer.sgd.momentum`.
        key: Last part of the name: the key of the value in its dict.
        parameter: Map between values and coordinates; for a Choice, the Categorical of its options.
        is_choice: True if the value selects a branch.
        parent: Index of the parent choice; -1 at the root.
        option: Option of the parent under which the coordinate is active; empty at the root.
    """

    name: str
    key: str
    parameter: Float | Int | Categorical
    is_choice: bool
    parent: int
    option: str

    @property
    def default_unit(self) -> float:
        """Coordinate of the default."""
        return self.parameter.to_unit(self.parameter.default)  # type: ignore[arg-type]  # each has a default of its own


class Space:
    """Search space: a set of named parameters, which may be choices with their own spaces.

    A configuration is a nested dict. The selected option of a Choice is the only key of its dict:
    `{"lr": 0.01, "optimizer": {"sgd": {"momentum": 0.9}}}`.

    Args:
        parameters: Name -> parameter, as a mapping or as keywords.
        forbidden: Clauses such as `{"solver": "lbfgs", "penalty": ["l1"]}`, with dotted names. A configuration is
            forbidden if all parameters of a clause are active and match a value, a list, or `Between(low, high)`.

    Raises:
        InvalidSpace: If a name is empty, dotted or repeated, a parameter has another type, a clause names an unknown
            parameter, or the default configuration is forbidden.

    Example:
        >>> optimizer = Choice(sgd=Space(momentum=Float(0, 1)), adam=Space())
        >>> space = Space(lr=Float(1e-4, 1e-1, log=True), optimizer=optimizer)
        >>> space.decode([1.0, 0.9, 0.3])
        {'lr': 0.1, 'optimizer': {'adam': {}}}
    """

    __slots__ = ("_clauses", "_index", "dimensions", "forbidden", "parameters")

    parameters: Mapping[str, Parameter]
    forbidden: tuple[Mapping[str, Any], ...]
    dimensions: tuple[Dimension, ...]

    def __init__(
        self,
        parameters: Mapping[str, Parameter] | None = None,
        /,
        *,
        forbidden: Sequence[Mapping[str, Any]] = (),
        **named: Parameter,
    ) -> None:
        merged = _merge(parameters or {}, named, "parameter")
        for name, parameter in merged.items():
            if not isinstance(parameter, Float | Int | Categorical | Choice):
                raise InvalidSpace(
                    f"the parameter {name!r} is {parameter!r}; give a Float, an Int, a Categorical or a Choice."
                )
        if isinstance(forbidden, Mapping):
            raise InvalidSpace(f"forbidden is the one clause {dict(forbidden)!r}; give a list of clauses.")
        self.parameters = MappingProxyType(merged)
        self.forbidden = tuple(MappingProxyType(cleaned(clause)) for clause in forbidden)
        self.dimensions = tuple(_flatten(self))
        self._index = {dimension.name: index for index, dimension in enumerate(self.dimensions)}
        self._clauses = tuple(self._compile("", self))
        if clause := self._matched(self._values(self._defaults())):
            raise InvalidSpace(f"the default configuration is forbidden by {clause.text}; change a default.")

    def __repr__(self) -> str:
        inside = [f"{name}={parameter!r}" for name, parameter in self.parameters.items()]
        clauses = [f"forbidden={[dict(clause) for clause in self.forbidden]}"] if self.forbidden else []
        return f"Space({', '.join([*inside, *clauses])})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return self.to_json() == other.to_json()  # in JSON, 1, 1.0 and True differ

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __len__(self) -> int:
        """Number of coordinates, nested ones included."""
        return len(self.dimensions)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Space.from_dict, (self.to_dict(),))

    @property
    def forbids(self) -> bool:
        """True if the space or a nested space has forbidden combinations."""
        return bool(self._clauses)

    # ----------------------------------------------------------------------------------- configurations

    @property
    def default(self) -> dict[str, Any]:
        """Default configuration."""
        return self._assemble(self._values(self._defaults()))

    def check(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with normalised values (numpy scalars to Python's, 1 to 1.0 for a Float).

        Raises:
            InvalidConfig: If a parameter is missing, unknown or out of range, or the combination is forbidden.
        """
        values = self._values_of(config)
        if clause := self._matched(values):
            raise InvalidConfig(f"the configuration {dict(config)} is forbidden by {clause.text}; change one of these.")
        return self._assemble(values)

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Return True if the configuration is valid in this space."""
        try:
            self.check(config)
        except (InvalidSpace, InvalidConfig):
            return False
        return True

    def flat(self, config: Mapping[str, Any]) -> dict[str, Value]:
        """Return dotted name -> value of the active parameters; the value of a choice is its option's name."""
        return {
            dimension.name: value
            for dimension, value in zip(self.dimensions, self._values_of(config), strict=True)
            if value is not _INACTIVE
        }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return a configuration drawn uniformly from the cube; forbidden ones are drawn again."""
        for _ in range(_DRAWS):
            values = self._values(rng.random(len(self.dimensions)).tolist())
            if self._matched(values) is None:
                return self._assemble(values)
        return self.decode(rng.random(len(self.dimensions)))

    def neighbours(
        self, config: Mapping[str, Any], rng: np.random.Generator, *, draws: int = 4, scale: float = 0.2
    ) -> Iterator[dict[str, Any]]:
        """Yield configurations that differ from `config` in one parameter, without forbidden ones and repetitions.

        An unordered category moves to every other category, an ordered one to the adjacent categories. An Int, or a
        Float with a step, moves to the adjacent values and to Gaussian draws. Another Float moves to Gaussian draws. A
        Choice moves to every other option with the default settings. After SMAC's one-exchange neighbourhood (Hutter,
        Hoos and Leyton-Brown 2011, §4.3).

        Args:
            config: A valid configuration.
            rng: Source of the Gaussian draws.
            draws: Number of Gaussian draws per numeric parameter.
            scale: Standard deviation of the draws, in units of the cube.
        """
        values = self._values_of(config)
        seen = {_frozen(values)}
        for index, dimension in enumerate(self.dimensions):
            if values[index] is _INACTIVE:
                continue
            for value in moves(dimension.parameter, values[index], rng, draws, scale):
                moved = self._with(values, index, value)
                if _frozen(moved) not in seen and self._matched(moved) is None:
                    seen.add(_frozen(moved))
                    yield self._assemble(moved)

    # ----------------------------------------------------------------------------------- the unit cube

    def encode(self, config: Mapping[str, Any]) -> Encoded:
        """Return the configuration as a point of the unit cube and the mask of coordinates in use.

        Raises:
            InvalidConfig: If the configuration does not belong to this space.
        """
        import numpy as np

        unit, active = self._encode(self._values_of(config))
        return Encoded(np.array(unit, dtype=np.float64), np.array(active, dtype=np.bool_))

    def allows(self, unit: Sequence[float]) -> bool:
        """Return True if the configuration at a point of the unit cube, shape (d,), is not forbidden."""
        return self._matched(self._values([min(1.0, max(0.0, coordinate)) for coordinate in unit])) is None

    def decode(self, unit: ArrayLike) -> dict[str, Any]:
        """Return the configuration at a point of the cube, shape (d,); a forbidden point moves to the nearest allowed.

        Raises:
            InvalidConfig: If the point has another length or contains NaN.
        """
        import numpy as np

        point: list[float] = np.asarray(unit, dtype=np.float64).tolist()
        if not isinstance(point, list) or len(point) != len(self.dimensions):
            raise InvalidConfig(f"a point of shape {np.shape(unit)} was given; this space needs ({len(self)},).")
        if any(coordinate != coordinate for coordinate in point):  # noqa: PLR0124 - only NaN differs from itself
            raise InvalidConfig(f"the point {point} holds NaN; give coordinates in [0, 1].")
        point = [min(1.0, max(0.0, coordinate)) for coordinate in point]
        values = self._values(point)
        if self._clauses and self._matched(values) is not None:
            values = self._values(self._repair(point))
        return self._assemble(values)

    def _repair(self, point: list[float]) -> list[float]:
        parameters = [dimension.parameter for dimension in self.dimensions]
        allowed = nearest_allowed(point, parameters, lambda moved: self._matched(self._values(moved)))
        return self._defaults() if allowed is None else allowed

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration of the space in JSON types."""
        declared: dict[str, Any] = {
            "parameters": {name: _parameter_to_dict(parameter) for name, parameter in self.parameters.items()}
        }
        if self.forbidden:
            declared["forbidden"] = [to_json(clause) for clause in self.forbidden]
        return declared

    @staticmethod
    def from_dict(declared: Mapping[str, Any]) -> Space:
        """Return the space of a declaration by `to_dict`."""
        parameters = {name: _parameter_from_dict(given) for name, given in declared["parameters"].items()}
        return Space(parameters, forbidden=[from_json(clause) for clause in declared.get("forbidden", ())])

    def to_json(self) -> str:
        """Return the declaration of the space as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Space:
        """Return the space of a declaration by `to_json`."""
        return Space.from_dict(json.loads(text))

    # ----------------------------------------------------------------------------------- flat values
    # The methods use a flat list of values in the order of `dimensions`; a value not in use is _INACTIVE.

    def _defaults(self) -> list[float]:
        return [dimension.default_unit for dimension in self.dimensions]

    def _values(self, point: Sequence[float]) -> list[Any]:
        values: list[Any] = []
        for dimension, coordinate in zip(self.dimensions, point, strict=True):
            in_use = dimension.parent < 0 or values[dimension.parent] == dimension.option
            values.append(dimension.parameter.from_unit(coordinate) if in_use else _INACTIVE)
        return values

    def _with(self, values: Sequence[Any], index: int, value: Value) -> list[Any]:
        """Flat values with one value changed; a newly selected branch gets its defaults."""
        moved = [*values[:index], value, *values[index + 1 :]]
        for below in range(index + 1, len(moved)):
            dimension = self.dimensions[below]
            if dimension.parent < index:
                break  # the parameters under a choice follow it directly
            if moved[dimension.parent] != dimension.option:
                moved[below] = _INACTIVE
            elif values[below] is _INACTIVE:
                moved[below] = dimension.parameter.default
        return moved

    def _encode(self, values: Sequence[Any]) -> tuple[list[float], list[bool]]:
        active = [value is not _INACTIVE for value in values]
        unit = [
            dimension.parameter.to_unit(value) if used else dimension.default_unit
            for dimension, value, used in zip(self.dimensions, values, active, strict=True)
        ]
        return unit, active

    def _assemble(self, values: Sequence[Any]) -> dict[str, Any]:
        root: dict[str, Any] = {}
        inside: dict[int, dict[str, Any]] = {-1: root}  # index of a choice -> dict of its children
        for index, (dimension, value) in enumerate(zip(self.dimensions, values, strict=True)):
            if value is _INACTIVE:
                continue
            if dimension.is_choice:
                inside[index] = {}
                value = {value: inside[index]}  # noqa: PLW2901 - the option's dict stands for the option
            inside[dimension.parent][dimension.key] = value
        return root

    def _values_of(self, config: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = [_INACTIVE] * len(self.dimensions)
        self._read(config, self, "", values)
        return values

    def _read(self, config: object, space: Space, prefix: str, values: list[Any]) -> None:
        """Check the dict of one (sub-)space and write its values into the flat list."""
        _check_keys(config, space, prefix)
        for key, parameter in space.parameters.items():
            name, given = prefix + key, config[key]  # type: ignore[index]  # _check_keys has seen to it
            if isinstance(parameter, Choice):
                option = _option(given, parameter, name)
                values[self._index[name]] = option
                self._read(given[option], parameter.options[option], f"{name}.{option}.", values)
            else:
                try:
                    values[self._index[name]] = parameter.clean(given, f"{name!r}")
                except InvalidSpace as error:
                    raise InvalidConfig(str(error)) from None

    def _matched(self, values: Sequence[Any]) -> Clause | None:
        return next((clause for clause in self._clauses if clause.matches(values)), None)

    def _compile(self, prefix: str, space: Space) -> Iterator[Clause]:
        """Yield the clauses of a space and of its nested spaces, with names resolved to coordinates."""
        for declared in space.forbidden:
            if not declared:
                raise InvalidSpace("a forbidden clause is empty and would forbid everything; name a parameter.")
            conditions = [self._condition(prefix + name, given) for name, given in declared.items()]
            yield Clause(tuple(conditions), str(dict(declared)))
        for key, parameter in space.parameters.items():
            if isinstance(parameter, Choice):
                for option, inner in parameter.options.items():
                    yield from self._compile(f"{prefix}{key}.{option}.", inner)

    def _condition(self, name: str, given: Between | Sequence[Value]) -> tuple[int, Condition]:
        if name not in self._index:
            raise InvalidSpace(f"a forbidden clause names {name!r}, none of {list(self._index)}; give one of these.")
        index = self._index[name]
        parameter = self.dimensions[index].parameter
        if isinstance(given, Between):
            if isinstance(parameter, Categorical):
                raise InvalidSpace(f"{given} is given for the categories of {name!r}; list the values instead.")
            return index, given
        where = f"a forbidden value of {name!r}"
        return index, Among(tuple(parameter.clean(value, where) for value in given))


def _flatten(space: Space, prefix: str = "", parent: int = -1, option: str = "", start: int = 0) -> list[Dimension]:
    """Coordinates of a space in depth-first order; `start` is the index of the first coordinate."""
    found: list[Dimension] = []
    for key, parameter in space.parameters.items():
        name = prefix + key
        if not isinstance(parameter, Choice):
            found.append(Dimension(name, key, parameter, is_choice=False, parent=parent, option=option))
            continue
        here = start + len(found)
        found.append(Dimension(name, key, parameter.selector(), is_choice=True, parent=parent, option=option))
        for taken, inner in parameter.options.items():
            found += _flatten(inner, f"{name}.{taken}.", here, taken, start + len(found))
    return found


def _merge(given: Mapping[str, Any], named: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Merge a mapping and keywords; raise InvalidSpace for a name that is repeated, empty, dotted or not a string."""
    for name in given:
        if name in named:
            raise InvalidSpace(f"the {kind} {name!r} is given twice; remove one.")
    merged = {**given, **named}
    for name in merged:
        if not isinstance(name, str) or not name or "." in name:
            raise InvalidSpace(f"{name!r} cannot name a {kind}; use a non-empty string without dots.")
    return merged


def _check_keys(config: object, space: Space, prefix: str) -> None:
    where = f"{prefix[:-1]!r}" if prefix else "the configuration"
    if not hasattr(config, "keys"):
        raise InvalidConfig(f"{where} is {config!r}; give a dict with {list(space.parameters)}.")
    keys = set(config.keys())
    if missing := [key for key in space.parameters if key not in keys]:
        raise InvalidConfig(f"{where} lacks {missing}; give a value for each of {list(space.parameters)}.")
    if unknown := sorted(map(str, keys - space.parameters.keys())):
        raise InvalidConfig(f"{where} has {unknown}, unknown here; the names are {list(space.parameters)}.")


def _option(given: object, choice: Choice, name: str) -> str:
    if not hasattr(given, "keys") or len(given.keys()) != 1 or next(iter(given.keys())) not in choice.options:
        raise InvalidConfig(f"{name!r} is {given!r}; give a dict with one key out of {list(choice.options)}.")
    option: str = next(iter(given.keys()))
    return option


def _frozen(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple((type(value).__name__, value) for value in values)


def _choice_of(options: dict[str, Space], default: str) -> Choice:
    return Choice(options, default=default)


def _parameter_to_dict(parameter: Parameter) -> dict[str, Any]:
    if isinstance(parameter, Choice):
        options = {name: space.to_dict() for name, space in parameter.options.items()}
        return {"kind": "choice", "options": options, "default": parameter.default}
    if isinstance(parameter, Categorical):
        kept = {"choices": parameter.choices, "ordered": parameter.ordered, "default": parameter.default}
        return {"kind": "categorical", **kept}
    return {"kind": "float" if isinstance(parameter, Float) else "int", **declaration(parameter)}


def _parameter_from_dict(declared: Mapping[str, Any]) -> Parameter:
    given = {name: value for name, value in declared.items() if name != "kind"}
    kind = declared.get("kind")
    if kind == "choice":
        options = {name: Space.from_dict(inner) for name, inner in given["options"].items()}
        return Choice(options, default=given.get("default", next(iter(options), "")))
    kinds: dict[str, type[Float | Int | Categorical]] = {"float": Float, "int": Int, "categorical": Categorical}
    if kind not in kinds:
        raise InvalidSpace(f"a stored parameter is of the kind {kind!r}, unknown to this version; upgrade seasoned.")
    flags = {name: bool(given[name]) for name in ("log", "ordered") if given.get(name) in (0, 1)}  # of old versions
    return kinds[kind](**{**given, **flags})
