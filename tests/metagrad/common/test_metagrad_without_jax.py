"""Package without JAX: the import works, adapted models predict, and other names say what to install."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
sys.modules["jax"] = None  # importing it fails, as if it were not installed
import numpy as np
import seasoned.metagrad as metagrad
from seasoned.errors import MissingExtra
model = metagrad.AdaptedModel.load(sys.argv[1])
print(model.predict(np.ones((2, 3), np.float32)).shape)
for name in ("MAML", "BilevelProblem", "LearnedOptimizer"):
    try:
        getattr(metagrad, name)
    except MissingExtra as error:
        assert "pip install jax optax" in str(error)
    else:
        raise AssertionError(name)
"""


def test_adapted_model_predicts_without_jax_and_learners_name_the_extra(tmp_path):
    import numpy as np

    from seasoned.metagrad import MLP, AdaptedModel

    layers = [
        {"w": np.ones((3, 4), np.float32), "b": np.zeros(4, np.float32)},
        {"w": np.ones((4, 1), np.float32), "b": np.zeros(1, np.float32)},
    ]
    AdaptedModel(MLP((4,)), {"layers": layers}, (3,)).save(tmp_path / "model.npz")
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "model.npz")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "(2,)"


def test_import_of_metagrad_loads_neither_jax_nor_numpy():
    code = "import sys, seasoned.metagrad; print('jax' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False False"
