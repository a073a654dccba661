"""A table in, a model out: fit, look, save, load, predict.

python examples/tables.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from seasoned import AutoClassifier, load

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

model = AutoClassifier(time_limit=20, random_state=0).fit(X_train, y_train)
print(model.leaderboard().head().drop(columns="config").to_string(index=False))
print(f"roc_auc on {len(X_test)} held-out rows: {model.score(X_test, y_test):.4f}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "cancer.seasoned"
    model.save(path)  # one file without pickle: loading it can run no code
    print(f"saved in {path.stat().st_size / 1000:.0f} kB; first probabilities after loading:")
    print(load(path).predict_proba(X_test[:3]))
