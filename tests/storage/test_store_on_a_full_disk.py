"""Full disk under a store: one sentence, and no stored trial is lost."""

from __future__ import annotations

import subprocess
import sys

from seasoned import Float, Space, Study

SPACE = Space(x=Float(0, 1))


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
from seasoned import Float, Random, Space, Study
study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=1)
study.optimize(lambda c: c["x"], trials=100_000, callbacks=[lambda s, t: print(t.number, t.value, flush=True)])
"""


def test_a_full_disk_raises_one_sentence_and_loses_no_trial(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, url], capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "StorageError" in run.stderr.splitlines()[-1], run.stderr
    told = [line.split() for line in run.stdout.splitlines()]
    assert len(told) > 10
    trials = {t.number: t.value for t in Study(SPACE, storage=url, name="s").trials}
    assert all(repr(trials[int(number)]) == value for number, value in told)
