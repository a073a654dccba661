"""An own model beside the built-in ones: any scikit-learn estimator, with the space of its parameters.

python examples/custom_model.py
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import train_test_split

from seasoned import AutoClassifier, Categorical, CustomModel, Int, SearchSettings, Space

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=250, stratify=y, random_state=0)

own = CustomModel(
    "gaussian_process",
    GaussianProcessClassifier(),
    Space(n_restarts_optimizer=Int(0, 2, default=0), warm_start=Categorical((False, True))),
)
search = SearchSettings(models=["linear", "lightgbm", own], folds=3)
model = AutoClassifier(time_limit=60, trials=4, search=search, experience=None, random_state=0)
model.fit(X_train, y_train)
print(model.leaderboard().drop(columns="config").to_string(index=False))
print(f"roc_auc on {len(X_test)} held-out rows: {model.score(X_test, y_test):.4f}")
