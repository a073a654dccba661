"""Public names of the package: samplers and rules of fidelity are among them."""

from __future__ import annotations

import seasoned
from seasoned import fidelity, samplers


def test_all_samplers_and_rules_are_names_of_the_package():
    for room in (samplers, fidelity):
        public = {
            name for name in room.__all__ if name not in {"Sampler", "Suggestion", "Decision", "Fidelity", "LiveTrial"}
        }
        assert public <= set(seasoned.__all__)
