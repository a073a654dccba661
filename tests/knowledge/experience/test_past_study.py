"""Past studies: keys and configurations of a finished study."""

from __future__ import annotations

import numpy as np
import pytest

from past_studies import study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, PastStudy
from seasoned.knowledge.experience.past_study import Head, PastTrial


def test_past_study_without_trials_is_refused():
    with pytest.raises(InvalidInput, match="no trials"):
        PastStudy(Head("a", "a"), {}, [])


def test_study_key_depends_on_trials_and_family_and_not_on_the_name():
    one = study()
    renamed = PastStudy(Head("other", "a", "mine", created="later"), {}, one.trials)
    assert len(Experience.of_studies([one, renamed])) == 1
    assert len(Experience.of_studies([one, study("b"), study("a", 1.0)])) == 3


def test_numpy_numbers_in_a_past_study_become_plain_numbers():
    config = {"depth": np.int64(3), "rate": np.float32(0.5), "deep": np.bool_(True)}
    one = Experience.of_studies([PastStudy(Head("a", "a", about={"rows": np.int64(9)}), {}, [PastTrial(config, 0.5)])])
    plain = {"depth": 3, "rate": 0.5, "deep": True}
    other = Experience.of_studies([PastStudy(Head("a", "a", about={"rows": 9}), {}, [PastTrial(plain, 0.5)])])
    assert one.keys == other.keys
    assert one.studies()[0].trials[0].config == plain
