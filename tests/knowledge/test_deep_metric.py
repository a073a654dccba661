"""The deep metric function: what it learns of a made-up world of low rank, and what it promises of inputs and files."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import spearmanr

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.dataset import Lessons, deck_of, frame_of
from seasoned.knowledge.deep_metric.file import read_deep_metric, write_deep_metric
from seasoned.knowledge.deep_metric.inputs import BASES, Frame, points_of, told
from seasoned.knowledge.deep_metric.model import Configurations, DeepMetric, Trials
from seasoned.knowledge.deep_metric.network import first_weights, shapes_of
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.knowledge.experience.evaluations import quantiles
from seasoned.space import Categorical, Choice, Float, Int, Space

KNOWN, NEW, PAST = 50, 15, 60
ROWS = np.arange(KNOWN)


class World(NamedTuple):
    """Tasks by configurations; the last tasks and the last configurations are not learned from."""

    scores: np.ndarray
    points: np.ndarray
    about: np.ndarray
    seconds: np.ndarray
    failed: np.ndarray


def made(seed=0, tasks=PAST + 12):
    """Where a task's best place lies along the first number differs; failures and seconds are by the other two."""
    rng = np.random.default_rng(seed)
    points = rng.random((KNOWN + NEW, 3))
    taste = rng.choice([-1.0, 1.0], (tasks, 1)) * rng.uniform(0.5, 1.0, (tasks, 1))
    scores = taste * (points[:, 0] - 0.5) + 0.3 * points[:, 1] + 0.02 * rng.normal(size=(tasks, KNOWN + NEW))
    seconds = 10.0 ** (rng.normal(size=(tasks, 1)) + 2.0 * points[:, 2])
    failed = rng.random(scores.shape) < np.where(points[:, 1] > 0.75, 0.6, 0.02)
    scores = np.exp(rng.normal(size=(tasks, 1))) * np.where(failed, np.nan, scores) + rng.normal(size=(tasks, 1))
    return World(scores, points, np.hstack([taste, rng.normal(size=(tasks, 2))]), seconds, failed)


@pytest.fixture(scope="module")
def world():
    return made()


@pytest.fixture(scope="module")
def metric(world):
    from seasoned.knowledge.deep_metric.training import train_deep_metric

    lessons = Lessons(
        world.scores[:PAST, :KNOWN],
        world.points[:KNOWN],
        world.about[:PAST],
        world.seconds[:PAST, :KNOWN],
        world.failed[:PAST, :KNOWN],
    )
    return train_deep_metric(lessons, DeepMetricSettings(members=2, width=12, hidden=32, rank=2, steps=600))


def tried(world, task, count=5):
    """The first that did not fail, spread over the first number."""
    rows = ROWS[np.isfinite(world.scores[task, :KNOWN])][:count]
    return Trials(Configurations(world.points[rows], rows), world.scores[task, rows], world.seconds[task, rows])


def agreement(metric, world, columns, *, about, trials, known=True):
    """Mean rank correlation over the tasks that were not learned from."""
    asked = Configurations(world.points[columns], columns if known else None)
    found = []
    for task in range(PAST, len(world.scores)):
        told_by = tried(world, task) if trials else None
        foreseen = metric.predict(asked, told_by, world.about[task] if about else None)
        scored = np.isfinite(world.scores[task, columns])
        found.append(spearmanr(foreseen.mean[scored], world.scores[task, columns][scored])[0])
    return float(np.mean(found))


def mean_rank(world, columns):
    ranks = np.nanmean([quantiles_of(row) for row in world.scores[:PAST]], axis=0)[columns]
    found = []
    for row in world.scores[PAST:, columns]:
        scored = np.isfinite(row)
        found.append(spearmanr(ranks[scored], row[scored])[0])
    return float(np.mean(found))


def quantiles_of(row):
    found = np.full(len(row), np.nan)
    found[np.isfinite(row)] = quantiles(row[np.isfinite(row)])
    return found


@pytest.mark.parametrize("about", [True, False])
@pytest.mark.slow
def test_a_new_task_is_ranked_better_than_by_the_mean_rank(metric, world, about):
    usual = mean_rank(world, ROWS)
    assert usual < 0.5
    assert agreement(metric, world, ROWS, about=about, trials=not about) > max(0.7, usual + 0.2)


@pytest.mark.slow
def test_configurations_that_nobody_has_tried_are_ranked_too(metric, world):
    new = np.arange(KNOWN, KNOWN + NEW)
    asked = Configurations(world.points[new])
    assert metric.predict(asked).mean.shape == (NEW,)
    assert agreement(metric, world, new, about=True, trials=True, known=False) > max(0.6, mean_rank(world, new) + 0.15)


@pytest.mark.slow
def test_seconds_and_failures_are_foreseen(metric, world):
    apart, risks, fails = [], [], []
    for task in range(PAST, len(world.scores)):
        foreseen = metric.predict(Configurations(world.points[:KNOWN], ROWS), tried(world, task))
        apart.append(np.median(np.abs(foreseen.seconds - np.log10(world.seconds[task, :KNOWN]))))
        risks.append(foreseen.failure)
        fails.append(world.failed[task, :KNOWN])
    risk, failed = np.concatenate(risks), np.concatenate(fails)
    assert np.mean(apart) < 0.3  # the tasks' own level has a spread of 1
    assert ((risk >= 0.0) & (risk <= 1.0)).all()
    assert risk[failed].mean() > risk[~failed].mean() + 0.2


@pytest.mark.slow
def test_the_spread_is_calibrated_on_tasks_not_learned_from(metric, world):
    inside = []
    for task in range(PAST, len(world.scores)):
        foreseen = metric.predict(Configurations(world.points[:KNOWN], ROWS), None, world.about[task])
        z = (quantiles_of(world.scores[task])[:KNOWN] - foreseen.mean) / foreseen.std
        inside.append((np.abs(z[np.isfinite(z)]) < 0.674).mean())
    assert 0.3 < np.mean(inside) < 0.75


@pytest.mark.slow
def test_the_order_of_trials_does_not_matter(metric, world):
    asked = Configurations(world.points[:KNOWN], ROWS)
    trials = tried(world, PAST, 7)
    order = np.random.default_rng(0).permutation(7)
    shuffled = Trials(
        Configurations(trials.configurations.points[order], trials.configurations.rows[order]),
        trials.scores[order],
        trials.seconds[order],
    )
    for one, other in zip(metric.predict(asked, trials), metric.predict(asked, shuffled), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_seconds_that_no_lesson_had_say_nothing(world):
    """Their weights were never trained, and moved ranks and spreads at random."""
    frame = frame_of(Lessons(world.scores[:PAST, :KNOWN], world.points[:KNOWN]), 2)
    weights = first_weights(shapes_of(frame.width, 0, 4, 8), np.random.default_rng(0))
    untimed, trials = DeepMetric((weights,), frame, 1.0), tried(world, PAST)
    asked = Configurations(world.points[:KNOWN], ROWS)
    silent = untimed.predict(asked, trials._replace(seconds=None))
    np.testing.assert_array_equal(untimed.predict(asked, trials).order, silent.order)


@pytest.mark.slow
def test_the_scale_of_the_scores_does_not_matter(metric, world):
    asked, trials = Configurations(world.points[:KNOWN], ROWS), tried(world, PAST)
    moved = trials._replace(scores=1000.0 + 37.0 * trials.scores)
    np.testing.assert_allclose(metric.predict(asked, trials).mean, metric.predict(asked, moved).mean, atol=1e-5)


@pytest.mark.slow
def test_a_failed_trial_is_heard(metric, world):
    asked, trials = Configurations(world.points[:KNOWN], ROWS), tried(world, PAST)
    failed = trials._replace(scores=np.where(np.arange(5) == 2, np.nan, trials.scores))
    assert np.isfinite(metric.predict(asked, failed).mean).all()
    assert not np.allclose(metric.predict(asked, failed).mean, metric.predict(asked, trials).mean)
    assert np.isfinite(metric.predict(asked, trials._replace(scores=np.full(5, np.nan))).mean).all()


@pytest.mark.slow
def test_it_comes_back_from_its_file_bit_by_bit(metric, world, tmp_path):
    write_deep_metric(metric, tmp_path / "metric.npz")
    again = read_deep_metric(tmp_path / "metric.npz")
    asked, trials = Configurations(world.points, np.arange(KNOWN + NEW) % (KNOWN + 1) - 1), tried(world, PAST)
    for one, other in zip(
        metric.predict(asked, trials, world.about[PAST]), again.predict(asked, trials, world.about[PAST]), strict=True
    ):
        assert np.array_equal(one, other)
    assert (tmp_path / "metric.npz").stat().st_size < 1_000_000


@pytest.mark.slow
def test_numpy_and_jax_say_the_same(metric, world):
    import jax

    from seasoned.knowledge.deep_metric.network import forward
    from seasoned.metagrad._common.npz_files import unflatten

    query, seen = metric._posed(Configurations(world.points[:KNOWN], ROWS), tried(world, PAST), world.about[PAST])
    weights = unflatten(metric.members[0])
    here = forward(np, weights, query, seen)
    there = jax.jit(lambda *parts: forward(jax.numpy, *parts))(weights, query, seen)
    np.testing.assert_allclose(here, np.asarray(there), atol=1e-5)


# ------------------------------------------------------------------------------------------- without training


def raw(seed=0, points=3, metafeatures=2, known=4):
    """A function with random weights."""
    rng = np.random.default_rng(seed)
    frame = Frame(
        np.zeros(points, np.float32),
        np.ones(points, np.float32),
        rng.normal(size=(known, 2 + BASES)).astype(np.float16),
        np.zeros(BASES, np.float32),
        np.sort(rng.normal(size=(6, metafeatures)), axis=0).astype(np.float32),
        np.array([0.5, 2.0], np.float32),
    )
    shapes = shapes_of(frame.width, metafeatures, 4, 8)
    return DeepMetric(tuple(first_weights(shapes, rng) for _ in range(2)), frame, 1.25)


def changed(path, name, array):
    """The file with one array replaced, or removed."""
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files if key != name}
    if array is not None:
        arrays[name] = array
    np.savez_compressed(path, **arrays)


ABOUT = '{"format": "seasoned.deep_metric", "version": 1, "members": %d, "width": %d, "hidden": 8, "stretch": %s}'
FORGED = [
    ("about", np.array("{}")),
    ("about", np.array('{"format": "seasoned.deep_metric", "version": 9}')),
    ("about", np.array(ABOUT % (2, 4, "NaN"))),
    ("about", np.array(ABOUT % (9, 4, "1"))),
    ("about", np.array(ABOUT % (2, 9**9, "1"))),
    ("about", None),
    ("frame/middle", None),
    ("frame/middle", np.zeros(7, np.float32)),
    ("frame/spread", np.zeros(3, np.float32)),
    ("frame/known", np.zeros((4, 2), np.float16)),
    ("frame/known", np.full((4, 5), np.inf, np.float16)),
    ("frame/clock", np.array([0.0, -1.0], np.float32)),
    ("frame/sorted", np.zeros((6, 5), np.float32)),
    ("member/1/skip", np.zeros((2, 2), np.float32)),
    ("member/1/ask", np.full((4, 4), np.nan, np.float32)),
    ("member/0/joint/#0/w", np.zeros((19, 8), np.float64)),
    ("member/5/ask", np.zeros((4, 4), np.float32)),
]


@pytest.mark.parametrize(("name", "array"), FORGED)
def test_a_forged_file_is_refused(tmp_path, name, array):
    path = tmp_path / "metric.npz"
    write_deep_metric(raw(), path)
    assert read_deep_metric(path).stretch == 1.25
    changed(path, name, array)
    with pytest.raises(InvalidInput):
        read_deep_metric(path)


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "metric.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    np.savez(path, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", header.getvalue())
    with pytest.raises(InvalidInput, match="claims"):
        read_deep_metric(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", bytes(2**27))
    with pytest.raises(InvalidInput, match="unpacks"):
        read_deep_metric(path)
    whole = tmp_path / "whole.npz"
    write_deep_metric(raw(), whole)
    path.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    with pytest.raises(FileNotFoundError):
        read_deep_metric(tmp_path / "nowhere.npz")


def test_what_does_not_fit_is_refused():
    metric = raw()
    points = np.zeros((2, 3))
    with pytest.raises(InvalidInput, match="rows of 3"):
        metric.predict(Configurations(np.zeros((2, 4))))
    with pytest.raises(InvalidInput, match="rows of 3"):
        metric.predict(Configurations(np.full((2, 3), np.nan)))
    for rows in ([0, 4], [0, -2], [0]):
        with pytest.raises(InvalidInput, match="-1 to 3"):
            metric.predict(Configurations(points, np.array(rows)))
    for scores in ([1.0], [1.0, np.inf]):
        with pytest.raises(InvalidInput, match="one score"):
            metric.predict(Configurations(points), Trials(Configurations(points), np.array(scores)))
    with pytest.raises(InvalidInput, match="the 2 of"):
        metric.predict(Configurations(points), None, np.zeros(3))


def test_no_trials_are_as_good_as_none():
    metric, points = raw(), np.random.default_rng(0).random((5, 3))
    none = Trials(Configurations(points[:0]), np.empty(0))
    assert np.array_equal(
        metric.predict(Configurations(points)).mean, metric.predict(Configurations(points), none).mean
    )


def test_lessons_that_cannot_be_are_refused():
    scores, points = np.zeros((12, 4)), np.zeros((4, 2))
    with pytest.raises(InvalidInput, match="at least 10"):
        Lessons(scores[:9], points)
    with pytest.raises(InvalidInput, match="a point"):
        Lessons(scores, points[:3])
    with pytest.raises(InvalidInput, match="one for each"):
        Lessons(scores, points, seconds=np.zeros((12, 3)))
    with pytest.raises(InvalidInput, match="a row for each"):
        Lessons(scores, points, about=np.zeros((11, 2)))
    with pytest.raises(InvalidInput, match="at least 2"):
        Lessons(np.where(np.arange(4) == 0, 1.0, np.nan) * np.ones((12, 1)), points)
    with pytest.raises(InvalidInput, match="members must be at least 2"):
        DeepMetricSettings(members=1)


def test_what_a_task_says_of_configurations_is_not_told_to_itself():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 8))
    lessons = Lessons(
        scores, rng.random((8, 2)), seconds=10.0 ** rng.normal(size=(20, 8)), failed=rng.random((20, 8)) < 0.3
    )
    deck = deck_of(lessons, frame_of(lessons, 0), np.random.default_rng(1))
    other = scores.copy()
    other[3] = scores[3, ::-1]
    changed = Lessons(other, lessons.points, seconds=lessons.seconds, failed=lessons.failed)
    again = deck_of(changed, frame_of(changed, 0), np.random.default_rng(1))
    assert np.allclose(deck.base[3], again.base[3], atol=1e-6)
    assert not np.allclose(deck.base[4], again.base[4], atol=1e-6)


def test_a_large_table_is_thinned():
    rng = np.random.default_rng(0)
    scores = np.where(rng.random((12, 4000)) < 0.3, np.nan, rng.normal(size=(12, 4000)))
    lessons = Lessons(scores, rng.random((4000, 2)))
    deck = deck_of(lessons, frame_of(lessons, 4), rng)
    assert deck.columns.shape == (12, 1800)
    assert deck.plain == 1500
    assert (deck.counts[:, 0] == 1500).all()
    for task in range(12):
        cells = np.r_[: deck.counts[task, 0], deck.plain : deck.plain + deck.counts[task, 1]]
        assert np.isfinite(scores[task, deck.columns[task, cells]]).all()
        assert np.isin(np.argsort(scores[task])[:8], deck.columns[task, deck.plain :]).all()


def test_trials_are_told_by_their_ranks_and_ties_share_theirs():
    yes = np.ones((1, 4), dtype=bool)
    numbers = told(np, np.array([[5.0, 1.0, 5.0, 0.0]]), ~yes, np.zeros((1, 4)), ~yes, np.array([[1, 1, 1, 0]]) == 1)
    assert numbers.shape == (1, 4, 5)
    assert numbers[0, 0, 0] == numbers[0, 2, 0] > numbers[0, 1, 0]
    assert not numbers[0, 3].any()
    assert numbers[0, :, 0].sum() == pytest.approx(0.0)


def test_configurations_of_a_space_as_numbers():
    space = Space(
        model=Choice(tree=Space(depth=Int(1, 4)), net=Space(rate=Float(0, 1), kind=Categorical(["a", "b"]))),
        scaled=Categorical([False, True]),
    )
    points = points_of(space, [{"model": {"net": {"rate": 1.0, "kind": "b"}}, "scaled": True}, space.default])
    assert points.shape == (2, 2 + 2 + 2 + 2 + 2)
    assert points[0].tolist() == [0, 1, 0, 0, 1, 1, 0, 1, 0, 1]
    assert points[1, :3].tolist() == [1, 0, 1]
    assert points_of(space, []).shape == (0, 10)


@pytest.mark.slow
def test_a_trained_function_predicts_without_jax(tmp_path):
    write_deep_metric(raw(), tmp_path / "metric.npz")
    code = f"""
import sys
import numpy as np
from seasoned.knowledge.deep_metric.model import Configurations, Trials
from seasoned.knowledge.deep_metric.file import read_deep_metric
metric = read_deep_metric({str(tmp_path / "metric.npz")!r})
points = np.random.default_rng(0).random((5, 3))
metric.predict(Configurations(points), Trials(Configurations(points[:2]), np.array([0.1, 0.2])))
print([name for name in ("jax", "optax") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_without_the_extra_training_says_what_to_install():
    code = """
import sys
sys.modules["jax"] = None
try:
    from seasoned.knowledge import train_deep_metric
except ImportError as error:
    print(type(error).__name__, "pip install jax optax" in str(error))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "MissingExtra True"
