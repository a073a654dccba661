"""Text of an experience: counts of studies and trials, and their sources."""

from __future__ import annotations

from random_search import net_study, some_fail
from seasoned.knowledge import Experience, past_study


def test_the_text_of_an_experience_counts_studies_trials_and_sources():
    experience = Experience.of_studies([past_study(net_study(some_fail, 4))])
    assert repr(experience) == "Experience(1 studies, 4 trials: 1 from 'study')"
    assert repr(Experience.of_studies([])) == "Experience(0 studies, 0 trials)"
