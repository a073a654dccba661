"""Learning across studies. Each public name imports its module on first use, so importing this package is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.knowledge.advice.adviser import Adviser, AdviserState
    from seasoned.knowledge.advice.optimal_design import informative
    from seasoned.knowledge.advice.portfolio import Portfolio, conditioned, greedy, similarity
    from seasoned.knowledge.experience.experience import Experience, merge
    from seasoned.knowledge.experience.files import read_csv, read_file, write_file
    from seasoned.knowledge.experience.past_study import PastStudy, PastTrial
    from seasoned.knowledge.experience.study_import import past_study, read_storage
    from seasoned.knowledge.meta_features.meta_features import METAFEATURES, describe
    from seasoned.knowledge.meta_features.row_sample import Table, table_of
    from seasoned.knowledge.performance_model.heads import Head, fit_failures, fit_seconds
    from seasoned.knowledge.performance_model.incontext import NeuralMetric
    from seasoned.knowledge.performance_model.meta_feature_trust import trusted
    from seasoned.knowledge.performance_model.model import MetricFunction, fit_metric
    from seasoned.knowledge.performance_model.task_prior import TaskPrior, fit_task_prior
    from seasoned.knowledge.transfer.cold_search import CandidateSet, pool_of
    from seasoned.knowledge.transfer.warm_starts import Evaluations, ensemble_start, metric_start, quantile_start
    from seasoned.knowledge.tuning.learner_spaces import space_of
    from seasoned.knowledge.tuning.meta_learner import TunedLearner, tune_meta_learner

__all__ = [
    "METAFEATURES",
    "Adviser",
    "AdviserState",
    "CandidateSet",
    "Evaluations",
    "Experience",
    "Head",
    "MetricFunction",
    "NeuralMetric",
    "PastStudy",
    "PastTrial",
    "Portfolio",
    "Table",
    "TaskPrior",
    "TunedLearner",
    "conditioned",
    "describe",
    "ensemble_start",
    "fit_failures",
    "fit_metric",
    "fit_seconds",
    "fit_task_prior",
    "greedy",
    "informative",
    "merge",
    "metric_start",
    "past_study",
    "pool_of",
    "quantile_start",
    "read_csv",
    "read_file",
    "read_storage",
    "similarity",
    "space_of",
    "table_of",
    "trusted",
    "tune_meta_learner",
    "write_file",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "space_of": "seasoned.knowledge.tuning.learner_spaces",
        **dict.fromkeys(("Adviser", "AdviserState"), "seasoned.knowledge.advice.adviser"),
        **dict.fromkeys(("Table", "table_of"), "seasoned.knowledge.meta_features.row_sample"),
        **dict.fromkeys(("CandidateSet", "pool_of"), "seasoned.knowledge.transfer.cold_search"),
        **dict.fromkeys(("Experience", "merge"), "seasoned.knowledge.experience.experience"),
        **dict.fromkeys(("read_csv", "read_file", "write_file"), "seasoned.knowledge.experience.files"),
        **dict.fromkeys(("Head", "fit_failures", "fit_seconds"), "seasoned.knowledge.performance_model.heads"),
        **dict.fromkeys(("METAFEATURES", "describe"), "seasoned.knowledge.meta_features.meta_features"),
        **dict.fromkeys(("MetricFunction", "fit_metric"), "seasoned.knowledge.performance_model.model"),
        **dict.fromkeys(("PastStudy", "PastTrial"), "seasoned.knowledge.experience.past_study"),
        **dict.fromkeys(("Portfolio", "conditioned", "greedy", "similarity"), "seasoned.knowledge.advice.portfolio"),
        "informative": "seasoned.knowledge.advice.optimal_design",
        **dict.fromkeys(
            ("Evaluations", "ensemble_start", "metric_start", "quantile_start"),
            "seasoned.knowledge.transfer.warm_starts",
        ),
        **dict.fromkeys(("past_study", "read_storage"), "seasoned.knowledge.experience.study_import"),
        **dict.fromkeys(("TaskPrior", "fit_task_prior"), "seasoned.knowledge.performance_model.task_prior"),
        "NeuralMetric": "seasoned.knowledge.performance_model.incontext",
        "trusted": "seasoned.knowledge.performance_model.meta_feature_trust",
        **dict.fromkeys(("TunedLearner", "tune_meta_learner"), "seasoned.knowledge.tuning.meta_learner"),
    },
)
