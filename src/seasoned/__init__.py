"""AutoML that learns from experience. Public names are imported on first use, so `import seasoned` is fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names
from seasoned._util.renderers import register_renderers

if TYPE_CHECKING:
    from seasoned.fidelity import ASHA, Curve, Hyperband, Median, Racing, SuccessiveHalving
    from seasoned.integrations.search_cv import SearchCV
    from seasoned.samplers import (
        CMAES,
        TPE,
        Auto,
        Bayes,
        DifferentialEvolution,
        Genetic,
        Grid,
        ParticleSwarm,
        Random,
        Sobol,
    )
    from seasoned.space import Between, Categorical, Choice, Float, Int, Space
    from seasoned.study import Study
    from seasoned.study.minimize import maximize, minimize
    from seasoned.study.objective import Constrained
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
    "CMAES",
    "TPE",
    "Auto",
    "AutoClassifier",
    "AutoRegressor",
    "Bayes",
    "Between",
    "Categorical",
    "Choice",
    "Constrained",
    "Curve",
    "CustomModel",
    "DifferentialEvolution",
    "FewShotClassifier",
    "FewShotRegressor",
    "Float",
    "Genetic",
    "Grid",
    "Hyperband",
    "Int",
    "Median",
    "Metric",
    "ParticleSwarm",
    "Racing",
    "Random",
    "SearchCV",
    "SearchSettings",
    "Sobol",
    "Space",
    "Study",
    "SuccessiveHalving",
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
        **dict.fromkeys(("ASHA", "Curve", "Hyperband", "Median", "Racing", "SuccessiveHalving"), "seasoned.fidelity"),
        "Constrained": "seasoned.study.objective",
        **dict.fromkeys(("Between", "Categorical", "Choice", "Float", "Int", "Space"), "seasoned.space"),
        **dict.fromkeys(
            (
                "Auto",
                "Bayes",
                "CMAES",
                "DifferentialEvolution",
                "Genetic",
                "Grid",
                "ParticleSwarm",
                "Random",
                "Sobol",
                "TPE",
            ),
            "seasoned.samplers",
        ),
        **dict.fromkeys(("maximize", "minimize"), "seasoned.study.minimize"),
        "SearchCV": "seasoned.integrations.search_cv",
        "Study": "seasoned.study",
        **dict.fromkeys(("Trial", "WarmStart"), "seasoned.trials"),
    },
)

register_renderers(
    {
        "explain": "seasoned.report.explain.permutation",
        "plot_study": "seasoned.report.study.render",
        "report": "seasoned.report.entry",
        "shap": "seasoned.report.explain.shapley",
        "study_importances": "seasoned.report.study.render",
        "study_report": "seasoned.report.study.page",
    }
)
