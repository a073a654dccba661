"""AutoML that learns from experience. Public names load on first use; `import seasoned` itself costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.fidelity import ASHA, Hyperband
    from seasoned.minimizing import maximize, minimize
    from seasoned.objective import Constrained
    from seasoned.samplers import Grid, Random, Sobol
    from seasoned.space import Between, Categorical, Choice, Float, Int, Space
    from seasoned.study import Study
    from seasoned.tabular import (
        AutoClassifier,
        AutoRegressor,
        CustomModel,
        FewShotClassifier,
        FewShotRegressor,
        Metric,
        SearchSettings,
        load,
    )
    from seasoned.trials import Trial, WarmStart

__version__ = "0.1.0"

__all__ = [
    "ASHA",
    "AutoClassifier",
    "AutoRegressor",
    "Between",
    "Categorical",
    "Choice",
    "Constrained",
    "CustomModel",
    "FewShotClassifier",
    "FewShotRegressor",
    "Float",
    "Grid",
    "Hyperband",
    "Int",
    "Metric",
    "Random",
    "SearchSettings",
    "Sobol",
    "Space",
    "Study",
    "Trial",
    "WarmStart",
    "load",
    "maximize",
    "minimize",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(
            (
                "AutoClassifier",
                "AutoRegressor",
                "CustomModel",
                "FewShotClassifier",
                "FewShotRegressor",
                "Metric",
                "SearchSettings",
                "load",
            ),
            "seasoned.tabular",
        ),
        **dict.fromkeys(("ASHA", "Hyperband"), "seasoned.fidelity"),
        "Constrained": "seasoned.objective",
        **dict.fromkeys(("Between", "Categorical", "Choice", "Float", "Int", "Space"), "seasoned.space"),
        **dict.fromkeys(("Grid", "Random", "Sobol"), "seasoned.samplers"),
        **dict.fromkeys(("maximize", "minimize"), "seasoned.minimizing"),
        "Study": "seasoned.study",
        **dict.fromkeys(("Trial", "WarmStart"), "seasoned.trials"),
    },
)
