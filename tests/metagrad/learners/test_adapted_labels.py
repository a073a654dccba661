"""Labels of adapted models: coding, missing values and predicted classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from meta_tasks import pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, ConvNet, Training
from seasoned.metagrad.learners.shape_checks import label_codes

RNG = np.random.default_rng(0)
BRIEF = Training(steps=4, tasks=4, every=2, validation_tasks=4)


@pytest.fixture(scope="module")
def classes():
    return MAML(network=MLP((4,), 3), training=BRIEF).fit(pairs([0, 1, 2, 0]), progress=False)


SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)


@pytest.mark.slow
def test_labels_are_coded_for_adaptation_and_decoded_in_predictions():
    rng = np.random.default_rng(0)
    pairs = [((rng.normal(size=(4, 2)), [0, 1] * 2), (rng.normal(size=(4, 2)), [0, 1] * 2)) for _ in range(6)]
    fitted = MAML(network=MLP((4,), 2), training=Training(steps=2, every=1, tasks=2)).fit(pairs, progress=False)
    model = fitted.adapt(rng.normal(size=(4, 2)), np.array(["yes", "no", "yes", "no"]))
    assert set(model.predict(rng.normal(size=(20, 2)))) <= {"yes", "no"}
    np.testing.assert_allclose(model.predict_proba(rng.normal(size=(3, 2))).sum(1), 1, rtol=1e-6)
    with pytest.raises(InvalidInput, match="3 classes"):
        fitted.adapt(rng.normal(size=(3, 2)), ["a", "b", "c"])


def test_labels_as_whole_floats_keep_their_meaning(classes):
    X = RNG.normal(size=(2, 3))
    whole, floats = classes.adapt(X, [1, 2]), classes.adapt(X, [1.0, 2.0])
    np.testing.assert_array_equal(whole.outputs(X), floats.outputs(X))
    assert floats.classes.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("y", [["a", np.nan], ["a", None], [1, pd.NA], np.array(["a", None], dtype=object)])
def test_adaptation_refuses_missing_labels(classes, y):
    with pytest.raises(InvalidInput, match="missing"):
        classes.adapt(RNG.normal(size=(2, 3)), y)


def test_adaptation_refuses_labels_of_several_types(classes):
    with pytest.raises(InvalidInput, match="labels of the types int, str"):
        classes.adapt(RNG.normal(size=(2, 3)), np.array(["a", 1], dtype=object))


def test_predictions_refuse_missing_cells(classes):
    model = classes.adapt(RNG.normal(size=(3, 3)), [0, 1, 2])
    with pytest.raises(InvalidInput, match="X has missing or infinite values"):
        model.predict([[0.0, np.nan, 1.0]])
    with pytest.raises(InvalidInput, match="X has missing or infinite values"):
        model.predict_proba([[0.0, np.inf, 1.0]])


@pytest.mark.slow
def test_predictions_of_no_rows_are_empty(classes):
    assert classes.adapt(RNG.normal(size=(3, 3)), [0, 1, 2]).predict_proba(np.zeros((0, 3))).shape == (0, 3)
    images = [((X, np.array([0, 1])), (X, np.array([0, 1]))) for X in RNG.normal(size=(4, 2, 4, 4))]
    network = ConvNet(blocks=1, filters=2, outputs=2)
    model = MAML(network=network, training=BRIEF).fit(images, progress=False).adapt(images[0][0][0], [0, 1])
    assert model.predict(np.zeros((0, 4, 4))).shape == (0,)
    even, odd = images[0][0], (images[0][0][0][:1], images[0][0][1][:1])
    with pytest.raises(InvalidInput, match="the tasks' sets differ in size"):
        MAML(network=network, training=BRIEF).fit(images, validation=[(even, even), (odd, even)], progress=False)
    fitted = MAML(network=network, training=BRIEF).fit(images, progress=False)
    with pytest.raises(InvalidInput, match="the tasks' sets differ in size"):
        fitted.evaluate([(even, even), (odd, even)])


def test_learner_of_numbers_refuses_text_labels():
    learner = MAML(0.1, network=MLP((4,)), training=SHORT).fit(pairs([0.5, 1.5]), progress=False)
    with pytest.raises(InvalidInput, match="y has the target 'no', and the learner was trained on numbers: give numb"):
        learner.adapt(np.zeros((2, 3)), ["no", "yes"])


@pytest.mark.parametrize("tune", [False, True])
def test_adaptation_refuses_missing_targets(tune):
    """With `tune=True` the untrained model came back, as if it had been adapted in no steps."""
    X, y = RNG.normal(size=(4, 3)), np.array([0.5, np.nan, 1.0, 2.0])
    learner = MAML(network=MLP((4,), 1), training=SHORT).fit(pairs([0.5, 1.0, 2.0, 0.0]), progress=False)
    with pytest.raises(InvalidInput, match="missing or infinite targets: leave those rows out"):
        learner.adapt(X, y, tune=tune)


@pytest.mark.slow
def test_truth_values_mean_the_classes_of_training():
    learner = MAML(network=MLP((4,), 2), training=SHORT).fit(pairs([False, True, False, True]), progress=False)
    X = RNG.normal(size=(3, 3))
    said, counted = learner.adapt(X, [True, True, True]), learner.adapt(X, [1, 1, 1])
    assert said.classes.tolist() == [False, True]
    np.testing.assert_array_equal(said.predict_proba(X), counted.predict_proba(X))
    objects = learner.adapt(X, np.array([1, 1, 1], dtype=object))
    assert objects.classes.tolist() == [0, 1]


def test_labels_of_a_small_integer_type_code_many_outputs():
    fitted = SimpleNamespace(outputs=300, episodic=False)
    for labels in (np.array([250, 3], np.uint8), np.array([100, 3], np.int8), np.array([250.0, 3.0], np.float16)):
        codes, classes = label_codes(labels, fitted)
        assert codes.tolist() == labels.tolist()
        assert classes.tolist() == list(range(300))
