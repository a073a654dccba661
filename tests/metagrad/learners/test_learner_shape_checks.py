"""Shape checks of meta-learners: targets, labels and inputs of tasks."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd
import pytest

from meta_tasks import lines, pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, GroupedRows, PrototypicalNetworks, RidgeHead, Rows, Task, Training

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)
BRIEF = Training(steps=4, tasks=4, every=2, validation_tasks=4)
QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)


def test_integers_are_targets_of_a_squared_error():
    learner = MAML(network=MLP((4,), 1), loss="squared_error", training=SHORT).fit(pairs([3, 7, 5, 1]), progress=False)
    assert learner.adapt(RNG.normal(size=(3, 3)), np.array([3, 7, 5])).predict(np.zeros((2, 3))).dtype.kind == "f"
    with pytest.raises(InvalidInput, match=r"y has shape \(3, 2\).* of shape \[rows\]"):
        learner.adapt(RNG.normal(size=(3, 3)), np.array([[3, 7], [5, 1], [2, 2]]))


@pytest.mark.slow
def test_labels_without_an_output_are_refused():
    few, more = pairs([0, 1, 2]), pairs([0, 1, 4])
    sentence = "labels up to 4, and the learner predicts 3 classes"
    with pytest.raises(InvalidInput, match=sentence):
        MAML(0.1, network=MLP((4,), outputs=3), training=SHORT).fit(more)
    with pytest.raises(InvalidInput, match=sentence):
        PrototypicalNetworks(ways=3, training=SHORT).fit(more)
    with pytest.raises(InvalidInput, match=sentence):
        MAML(0.1, training=SHORT).fit(few, validation=more)
    learner = MAML(0.1, training=SHORT).fit(few)
    with pytest.raises(InvalidInput, match=sentence):
        learner.evaluate(more, steps=[1], count=4)
    assert np.isfinite(learner.evaluate(few, steps=[1], count=4)[1]).all()


@pytest.mark.parametrize("labels", [["no", "yes"], ["0", "1"], np.array([1.0, "yes"], dtype=object)])
def test_text_targets_of_tasks_are_refused(labels):
    sentence = f"has the target '{labels[1] if labels[0] == 1.0 else labels[0]}', which is text: number classes from 0"
    with pytest.raises(InvalidInput, match=f"the support set of task 0 {sentence}"):
        MAML(0.1, training=SHORT).fit(pairs(labels), progress=False)
    with pytest.raises(InvalidInput, match=f"the table {sentence}"):
        GroupedRows.of(np.zeros((6, 2)), np.tile(labels, 3), np.repeat([0, 1, 2], 2))


@pytest.mark.parametrize(
    "column", [["dry", "wet"], [pd.NA, 2], np.array(["2020-01-01", "2020-01-02"], "datetime64[s]")]
)
@pytest.mark.slow
def test_inputs_that_are_no_numbers_are_refused_in_a_sentence(column):
    cells = column if isinstance(column, np.ndarray) else np.array(column, dtype=object)
    strange = np.stack([cells] * 2, axis=1)
    texts = strange.astype(object).astype(np.str_)
    numbers, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    for X in (strange, texts):
        with pytest.raises(InvalidInput, match=r"such as .* networks take numbers"):
            MAML(training=SHORT).fit([((X, y[:2]), (X, y[:2]))])
    learner = MAML(training=SHORT).fit([((numbers[:5], y[:5]), (numbers[5:], y[5:]))])
    model = learner.adapt(numbers, y)
    for call in (lambda: learner.adapt(strange, y[:2]), lambda: model.predict(strange)):
        with pytest.raises(InvalidInput, match=r"X has inputs such as .* networks take numbers"):
            call()


@pytest.mark.parametrize("learner", [MAML, RidgeHead])
@pytest.mark.slow
def test_counts_are_targets_of_a_squared_error_without_a_network(learner):
    fitted = learner(loss="squared_error", training=BRIEF).fit(pairs([3, 7000, 5, 1]), progress=False)
    assert fitted.fitted.outputs == 1
    assert fitted.adapt(RNG.normal(size=(3, 3)), np.array([3, 7, 5])).predict(np.zeros((2, 3))).shape == (2,)


def test_float_labels_are_refused_by_cross_entropy():
    with pytest.raises(InvalidInput, match=r"targets are floats, and cross_entropy takes classes"):
        MAML(network=MLP((4,), 3), loss="cross_entropy", training=BRIEF).fit(pairs([0.0, 1.0, 2.0]), progress=False)


def test_integers_too_large_for_labels_are_refused():
    X = RNG.normal(size=(8, 2))
    large = np.full(8, 3_000_000_000)
    with pytest.raises(InvalidInput, match="has the label 3000000000"):
        MAML(loss="squared_error", training=QUICK).fit([((X, large), (X, large))], progress=False)
    prices = np.arange(8) * 50_000
    with pytest.raises(InvalidInput, match="whole numbers up to 350000 as targets, and each would be a class"):
        MAML(training=QUICK).fit([((X, prices), (X, prices))] * 6, progress=False)


@pytest.mark.parametrize(
    "learner", [MAML(training=QUICK), RidgeHead(training=QUICK), PrototypicalNetworks(training=QUICK)]
)
def test_labels_in_columns_are_refused_with_advice(learner):
    tasks = [((X, y[:, None]), (Xq, yq[:, None])) for (X, y), (Xq, yq) in lines(kind=int)]
    with pytest.raises(InvalidInput, match=r"classes are whole numbers, one a row: y.ravel\(\)"):
        learner.fit(tasks, progress=False)


@pytest.mark.parametrize("kind", [MAML, RidgeHead, PrototypicalNetworks])
@pytest.mark.slow
def test_truth_values_of_a_task_function_are_classes(kind):
    def sample(key):
        X = jax.random.normal(key, (8, 2))
        return Task(Rows(X, X[:, 0] > 0), Rows(X, X[:, 0] > 0))

    fitted = kind(training=QUICK).fit(sample, progress=False)
    assert fitted.loss == "cross_entropy"
    assert fitted.fitted.outputs == 2


def test_tasks_of_another_shape_are_refused_before_training():
    learner = MAML(network=SMALL, training=QUICK)
    with pytest.raises(InvalidInput, match=r"the validation tasks have inputs of shape \(3,\), and the others have"):
        learner.fit(lines(), validation=lines(width=3), progress=False)
    fitted = learner.fit(lines(), progress=False)
    with pytest.raises(InvalidInput, match=r"the test tasks have inputs of shape \(3,\)"):
        fitted.evaluate(lines(width=3))
    two = [((X, np.column_stack([y, y])), (Xq, np.column_stack([yq, yq]))) for (X, y), (Xq, yq) in lines()]
    with pytest.raises(InvalidInput, match="targets of 2 numbers, and the network gives 1"):
        learner.fit(two, progress=False)
    classifier = MAML(training=QUICK).fit(lines(kind=int), progress=False)
    with pytest.raises(InvalidInput, match="the test tasks have targets that are floats, and classes are whole"):
        classifier.evaluate(lines())


@pytest.mark.slow
def test_very_many_classes_are_accepted_by_cross_entropy():
    X = RNG.normal(size=(8, 2))
    codes = np.arange(8) * 1_700
    tasks = [((X, codes), (X, codes))] * 6
    assert MAML(loss="cross_entropy", training=QUICK).fit(tasks, progress=False).fitted.outputs == 11_901
