"""Order of a clause that is a set: the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys


def test_a_clause_given_as_a_set_is_the_same_in_every_process():
    program = (
        "from seasoned import Categorical, Space; "
        "print(Space(p=Categorical(list('abcdef')), forbidden=[{'p': {'b', 'c', 'd', 'e'}}]).to_json())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(texts) == 1
