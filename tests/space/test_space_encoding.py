"""Encoding of spaces: its laws, on random nested spaces."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seasoned.space import Categorical, Float, Int, Space
from strategies import floats, forbidding_spaces, ints, spaces

coordinates = st.floats(0, 1)


def points(space, data):
    return data.draw(st.lists(coordinates, min_size=len(space), max_size=len(space)))


def close(space, left, right):
    """Equal, floats up to rounding of their coordinate."""
    one, two = space.flat(left), space.flat(right)
    if one.keys() != two.keys():
        return False
    for dimension in space.dimensions:
        if dimension.name not in one:
            continue
        a, b, parameter = one[dimension.name], two[dimension.name], dimension.parameter
        if isinstance(parameter, Float):
            if abs(parameter.to_unit(a) - parameter.to_unit(b)) > 1e-14:
                return False
        elif type(a) is not type(b) or a != b:
            return False
    return True


@given(forbidding_spaces(), st.data())
def test_every_point_decodes_to_a_valid_configuration(space, data):
    config = space.decode(points(space, data))
    assert space.contains(config)
    assert space.check(config) == config


@given(forbidding_spaces(), st.data())
def test_decode_inverts_encode(space, data):
    config = space.decode(points(space, data))
    unit, active = space.encode(config)
    assert unit.shape == active.shape == (len(space),)
    assert np.all((unit >= 0) & (unit <= 1))
    assert close(space, space.decode(unit), config)


@given(spaces, st.data())
def test_the_mask_names_what_is_in_use_and_the_rest_rests_at_its_default(space, data):
    config = space.decode(points(space, data))
    unit, active = space.encode(config)
    used = space.flat(config)
    for index, dimension in enumerate(space.dimensions):
        assert active[index] == (dimension.name in used)
        if not active[index]:
            assert unit[index] == dimension.default_unit
    moved = np.where(active, unit, data.draw(coordinates))
    assert close(space, space.decode(moved), config), "coordinates not in use do not matter"


@given(floats(), coordinates)
def test_floats_survive_up_to_rounding_and_their_ends_exactly(parameter, unit):
    value = parameter.from_unit(unit)
    assert abs(parameter.to_unit(value) - unit) < 1e-9 or parameter.from_unit(parameter.to_unit(value)) == value
    assert parameter.from_unit(0.0) == parameter.low
    assert parameter.from_unit(1.0) == parameter.high
    assert parameter.from_unit(parameter.to_unit(parameter.high)) == parameter.high


@given(ints(), st.data())
def test_integers_survive_exactly(parameter, data):
    value = data.draw(st.integers(parameter.low, parameter.high))
    assert parameter.from_unit(parameter.to_unit(value)) == value


@given(st.one_of(floats(), ints()), coordinates, coordinates)
def test_numbers_keep_their_order(parameter, one, two):
    low, high = sorted((one, two))
    assert parameter.from_unit(low) <= parameter.from_unit(high)


@given(forbidding_spaces())
def test_json_round_trip(space):
    back = Space.from_json(space.to_json())
    assert back == space
    assert hash(back) == hash(space)
    assert back.to_json() == space.to_json()
    assert pickle.loads(pickle.dumps(space)) == space


@given(forbidding_spaces(), st.integers(0, 2**32))
def test_samples_and_neighbours_are_valid(space, seed):
    rng = np.random.default_rng(seed)
    config = space.sample(rng)
    assert space.contains(config)
    seen = [repr(config)]
    for neighbour in space.neighbours(config, rng, draws=2):
        assert space.contains(neighbour)
        assert repr(neighbour) not in seen
        seen.append(repr(neighbour))
        assert _moved(config, neighbour) == 1


def _moved(left, right):
    """Number of parameters that differ; a change of branch counts once."""
    moved = 0
    for name, value in left.items():
        other = right[name]
        if isinstance(value, dict):
            (option, inner), (other_option, other_inner) = *value.items(), *other.items()
            moved += _moved(inner, other_inner) if option == other_option else 1
        else:
            moved += repr(value) != repr(other)
    return moved


@settings(max_examples=20)
@given(spaces)
def test_sampling_reaches_every_category(space):
    rng = np.random.default_rng(0)
    roots = [d for d in space.dimensions if d.parent < 0 and isinstance(d.parameter, Categorical)]
    seen = {d.name: set() for d in roots}
    for _ in range(100):  # a category of at most 5 is missed with probability below 5 * 0.8^100 = 1e-9
        flat = space.flat(space.sample(rng))
        for dimension in roots:
            seen[dimension.name].add(repr(flat[dimension.name]))
    assert all(len(seen[d.name]) == len(d.parameter.choices) for d in roots)


def test_integers_are_uniform():
    """Each of 8 values within 6 sigma of 1/8 (false alarm below 2e-8)."""
    rng = np.random.default_rng(1)
    parameter, n = Int(1, 8), 20_000
    drawn = [parameter.from_unit(unit) for unit in rng.random(n)]
    counts = np.bincount(drawn, minlength=9)[1:]
    assert np.all(np.abs(counts - n / 8) < 6 * np.sqrt(n * (1 / 8) * (7 / 8)))
