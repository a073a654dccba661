"""Hypothesis strategies for random spaces, nested to any depth."""

from __future__ import annotations

from hypothesis import strategies as st

from seasoned.space import Categorical, Choice, Float, Int, Space

names = st.text("abcdefgh_ é☃", min_size=1, max_size=4)
scalars = st.one_of(
    st.text(max_size=4),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
values = st.recursive(scalars, lambda inner: st.tuples(inner, inner), max_leaves=3)


def _typed(value):
    return (type(value).__name__, tuple(map(_typed, value)) if isinstance(value, tuple) else value)


@st.composite
def floats(draw):
    log = draw(st.booleans())
    bounds = st.floats(1e-300, 1e300) if log else st.floats(-1e300, 1e300)
    low, high = sorted(draw(st.tuples(bounds, bounds).filter(lambda pair: pair[0] != pair[1])))
    log = log and high > 1.001 * low
    return Float(low, high, log=log)


@st.composite
def ints(draw):
    log = draw(st.booleans())
    low = draw(st.integers(1, 10**6)) if log else draw(st.integers(-(2**60), 2**60))
    return Int(low, low + draw(st.integers(1, 2**39 if log else 2**49)), log=log)


@st.composite
def stepped_floats(draw):
    """Decimals as people write them, or any doubles; the upper bound on the grid or not."""
    if draw(st.booleans()):
        low, step = (
            draw(st.integers(-(10**6), 10**6)) / 100,
            draw(st.integers(1, 10**4)) / 10 ** draw(st.integers(0, 4)),
        )
    else:
        low, step = draw(st.floats(-1e6, 1e6)), draw(st.floats(1e-4, 1e4))
    return Float(low, low + step * (1 + draw(st.floats(0.001, 10**4))), step=step)


@st.composite
def stepped_ints(draw):
    low, step = draw(st.integers(-(2**60), 2**60)), draw(st.integers(2, 2**30))
    return Int(low, low + step * draw(st.integers(1, 2**40)) + draw(st.integers(0, step - 1)), step=step)


categoricals = st.builds(
    Categorical,
    st.lists(values, min_size=1, max_size=5, unique_by=lambda value: repr(_typed(value))),
    ordered=st.booleans(),
)
leaves = st.one_of(floats(), ints(), stepped_floats(), stepped_ints(), categoricals)


def _spaces(parameters):
    return st.dictionaries(names, parameters, max_size=4).map(Space)


parameters = st.recursive(
    leaves,
    lambda inner: st.dictionaries(names, _spaces(inner), min_size=1, max_size=3).map(Choice),
    max_leaves=8,
)
spaces = _spaces(parameters)


@st.composite
def forbidding_spaces(draw):
    """Spaces with clauses that leave the default allowed."""
    space = draw(spaces.filter(len))
    candidates = [d for d in space.dimensions if isinstance(d.parameter, Categorical) and len(d.parameter.choices) > 1]
    clauses = []
    default = space.flat(space.default)
    for dimension in draw(st.lists(st.sampled_from(candidates), max_size=3)) if candidates else []:
        choices = dimension.parameter.choices
        banned = [c for c in choices if dimension.name not in default or _typed(c) != _typed(default[dimension.name])]
        clauses.append({dimension.name: draw(st.lists(st.sampled_from(banned), min_size=1, max_size=3))})
    return Space(dict(space.parameters), forbidden=clauses)
