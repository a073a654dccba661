"""Code digests of functions, metrics and custom models: the same in each process, different for different code."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from seasoned import CustomModel, Float, Space
from seasoned.tabular.metrics.code_hash import code_digest


def test_code_digests_of_custom_models_differ_by_their_settings():
    def piped(bins):
        parts = KBinsDiscretizer(n_bins=bins), StandardScaler(), LogisticRegression()
        return CustomModel("p", make_pipeline(*parts), Space(logisticregression__C=Float(0.1, 1)))

    assert repr(piped(5)) == repr(piped(5))
    assert code_digest(piped(5)) == code_digest(piped(5)) != code_digest(piped(50))


IN_A_SCRIPT = """
import sys
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from seasoned import CustomModel, Float, Int, Space
from seasoned.tabular.metrics.code_hash import code_digest

BETA = 2

class Mine(RegressorMixin, BaseEstimator):
    def __init__(self, depth=3):
        self.depth = depth
    def fit(self, X, y):
        return self.helped(X)
    def helped(self, X):
        return self

class Metric:
    words = frozenset({"a", "b", "c"})
    def __init__(self):
        self.call = self.helped
    def __call__(self, y, p):
        return self.helped(y, p)
    def helped(self, y, p):
        return float(np.mean(abs(y - p) ** BETA)) if "a" in {"a", "b"} else 0.0

root = make_pipeline(FunctionTransformer(np.sqrt), LogisticRegression())
own = CustomModel("m", Mine(), Space(depth=Int(1, 3)))
piped = CustomModel("p", root, Space(logisticregression__C=Float(0.1, 1)))
for one in (f1_score, make_scorer(fbeta_score, beta=2), own, piped, Metric(), Metric().helped):
    print(code_digest(one))
"""


def digests_of(script, tmp_path, seed):
    (tmp_path / "s.py").write_text(script)
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.check_output([sys.executable, tmp_path / "s.py"], env=environment, text=True).split()


def test_code_digests_are_the_same_in_each_process(tmp_path):
    first, second = digests_of(IN_A_SCRIPT, tmp_path, 1), digests_of("# so\n" + IN_A_SCRIPT, tmp_path, 2)
    assert first == second
    assert len(set(first)) == 6
    beta = digests_of(IN_A_SCRIPT.replace("BETA = 2", "BETA = 4"), tmp_path, 1)
    assert first == beta, "what the source only names does not count"
    other = digests_of(IN_A_SCRIPT.replace("        return self\n\nclass", "        return X\n\nclass"), tmp_path, 1)
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, True, False, True, True, True]


SOURCES = {
    "the same": "def f(y, p):\n    return abs(y - p)\n",
    "with a comment": "# so\n\ndef f(y, p):\n    return abs(y - p)\n",
    "another function": "def f(y, p):\n    return abs(p - y) ** 2\n",
}


def made(power):
    return lambda y, p: abs(y - p) ** power


def test_code_digest_of_a_function_depends_on_its_source_only(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = {}
    for name, source in SOURCES.items():
        module = f"of_a_user_{name.replace(' ', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        digests[name] = code_digest(importlib.import_module(module).f)
    assert digests["the same"] == digests["with a comment"] != digests["another function"]
    assert code_digest(made(2)) == code_digest(made(2)) != code_digest(made(3))


def test_code_digest_without_source_depends_on_name_and_instructions():
    one, same, other = (eval(f"lambda y, p: y - {number} * p", {"__name__": "typed"}) for number in (1, 1, 2))
    assert code_digest(one) == code_digest(same) != code_digest(other)
    assert code_digest(one) != code_digest(abs)
