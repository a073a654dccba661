"""Learning across studies; nothing heavy is loaded here: a public name loads its module on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.knowledge.acquisition_training import Problems, prior_samples, stored_samples, train_acquisition
    from seasoned.knowledge.advice import Adviser, AdviserState
    from seasoned.knowledge.canonical import Table, table_of
    from seasoned.knowledge.cold import Pool, pool_of
    from seasoned.knowledge.deep_metric import Configurations, DeepMetric, Foreseen, Trials
    from seasoned.knowledge.deep_metric_file import read_deep_metric, write_deep_metric
    from seasoned.knowledge.deep_metric_inputs import points_of
    from seasoned.knowledge.deep_metric_lessons import Lessons
    from seasoned.knowledge.deep_metric_settings import DeepMetricSettings
    from seasoned.knowledge.deep_metric_training import train_deep_metric
    from seasoned.knowledge.deep_settings import DeepSettings
    from seasoned.knowledge.deep_training import train_deep_kernel
    from seasoned.knowledge.deep_transfer import deep_start
    from seasoned.knowledge.designing import informative
    from seasoned.knowledge.experience import Experience, merge
    from seasoned.knowledge.experience_file import read_csv, read_file, write_file
    from seasoned.knowledge.heads import Head, fit_failures, fit_seconds
    from seasoned.knowledge.learner_spaces import space_of
    from seasoned.knowledge.metafeatures import METAFEATURES, describe
    from seasoned.knowledge.metric_function import MetricFunction, fit_metric
    from seasoned.knowledge.past import PastStudy, PastTrial
    from seasoned.knowledge.portfolio import Portfolio, conditioned, greedy, similarity
    from seasoned.knowledge.set_encoder import SetEncoder
    from seasoned.knowledge.set_encoder_training import train_set_encoder
    from seasoned.knowledge.study_import import past_study, read_storage
    from seasoned.knowledge.task_prior import TaskPrior, fit_task_prior
    from seasoned.knowledge.transfer import Evaluations, ensemble_start, metric_start, quantile_start
    from seasoned.knowledge.trusting import trusted
    from seasoned.knowledge.tuning import TunedLearner, tune_meta_learner
    from seasoned.surrogates.deep_kernel import DeepKernel
    from seasoned.surrogates.learned_acquisition import Correction

__all__ = [
    "METAFEATURES",
    "Adviser",
    "AdviserState",
    "Configurations",
    "Correction",
    "DeepKernel",
    "DeepMetric",
    "DeepMetricSettings",
    "DeepSettings",
    "Evaluations",
    "Experience",
    "Foreseen",
    "Head",
    "Lessons",
    "MetricFunction",
    "PastStudy",
    "PastTrial",
    "Pool",
    "Portfolio",
    "Problems",
    "SetEncoder",
    "Table",
    "TaskPrior",
    "Trials",
    "TunedLearner",
    "conditioned",
    "deep_start",
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
    "points_of",
    "pool_of",
    "prior_samples",
    "quantile_start",
    "read_csv",
    "read_deep_metric",
    "read_file",
    "read_storage",
    "similarity",
    "space_of",
    "stored_samples",
    "table_of",
    "train_acquisition",
    "train_deep_kernel",
    "train_deep_metric",
    "train_set_encoder",
    "trusted",
    "tune_meta_learner",
    "write_deep_metric",
    "write_file",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "space_of": "seasoned.knowledge.learner_spaces",
        **dict.fromkeys(
            ("Problems", "prior_samples", "stored_samples", "train_acquisition"),
            "seasoned.knowledge.acquisition_training",
        ),
        **dict.fromkeys(("Adviser", "AdviserState"), "seasoned.knowledge.advice"),
        **dict.fromkeys(("Table", "table_of"), "seasoned.knowledge.canonical"),
        **dict.fromkeys(("Pool", "pool_of"), "seasoned.knowledge.cold"),
        **dict.fromkeys(("Experience", "merge"), "seasoned.knowledge.experience"),
        **dict.fromkeys(("read_csv", "read_file", "write_file"), "seasoned.knowledge.experience_file"),
        **dict.fromkeys(("Head", "fit_failures", "fit_seconds"), "seasoned.knowledge.heads"),
        **dict.fromkeys(("METAFEATURES", "describe"), "seasoned.knowledge.metafeatures"),
        **dict.fromkeys(("MetricFunction", "fit_metric"), "seasoned.knowledge.metric_function"),
        **dict.fromkeys(("PastStudy", "PastTrial"), "seasoned.knowledge.past"),
        **dict.fromkeys(("Portfolio", "conditioned", "greedy", "similarity"), "seasoned.knowledge.portfolio"),
        **dict.fromkeys(("Configurations", "DeepMetric", "Foreseen", "Trials"), "seasoned.knowledge.deep_metric"),
        **dict.fromkeys(("read_deep_metric", "write_deep_metric"), "seasoned.knowledge.deep_metric_file"),
        "points_of": "seasoned.knowledge.deep_metric_inputs",
        "Lessons": "seasoned.knowledge.deep_metric_lessons",
        "DeepMetricSettings": "seasoned.knowledge.deep_metric_settings",
        "train_deep_metric": "seasoned.knowledge.deep_metric_training",
        "DeepSettings": "seasoned.knowledge.deep_settings",
        "train_deep_kernel": "seasoned.knowledge.deep_training",
        "deep_start": "seasoned.knowledge.deep_transfer",
        "DeepKernel": "seasoned.surrogates.deep_kernel",
        "informative": "seasoned.knowledge.designing",
        "Correction": "seasoned.surrogates.learned_acquisition",
        **dict.fromkeys(
            ("Evaluations", "ensemble_start", "metric_start", "quantile_start"), "seasoned.knowledge.transfer"
        ),
        "SetEncoder": "seasoned.knowledge.set_encoder",
        "train_set_encoder": "seasoned.knowledge.set_encoder_training",
        **dict.fromkeys(("past_study", "read_storage"), "seasoned.knowledge.study_import"),
        **dict.fromkeys(("TaskPrior", "fit_task_prior"), "seasoned.knowledge.task_prior"),
        "trusted": "seasoned.knowledge.trusting",
        **dict.fromkeys(("TunedLearner", "tune_meta_learner"), "seasoned.knowledge.tuning"),
    },
)
