"""Learning across studies. Each public name imports its module on first use, so importing this package is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.knowledge.advice.adviser import Adviser, AdviserState
    from seasoned.knowledge.advice.optimal_design import informative
    from seasoned.knowledge.advice.portfolio import Portfolio, conditioned, greedy, similarity
    from seasoned.knowledge.deep_metric.dataset import Lessons
    from seasoned.knowledge.deep_metric.file import read_deep_metric, write_deep_metric
    from seasoned.knowledge.deep_metric.inputs import points_of
    from seasoned.knowledge.deep_metric.model import Configurations, DeepMetric, Predictions, Trials
    from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
    from seasoned.knowledge.deep_metric.training import train_deep_metric
    from seasoned.knowledge.experience.experience import Experience, merge
    from seasoned.knowledge.experience.files import read_csv, read_file, write_file
    from seasoned.knowledge.experience.past_study import PastStudy, PastTrial
    from seasoned.knowledge.experience.study_import import past_study, read_storage
    from seasoned.knowledge.meta_features.dataset_encoder import SetEncoder
    from seasoned.knowledge.meta_features.dataset_encoder_training import train_set_encoder
    from seasoned.knowledge.meta_features.meta_features import METAFEATURES, describe
    from seasoned.knowledge.meta_features.row_sample import Table, table_of
    from seasoned.knowledge.performance_model.heads import Head, fit_failures, fit_seconds
    from seasoned.knowledge.performance_model.meta_feature_trust import trusted
    from seasoned.knowledge.performance_model.model import MetricFunction, fit_metric
    from seasoned.knowledge.performance_model.task_prior import TaskPrior, fit_task_prior
    from seasoned.knowledge.transfer.acquisition_training import (
        Problems,
        prior_samples,
        stored_samples,
        train_acquisition,
    )
    from seasoned.knowledge.transfer.cold_search import CandidateSet, pool_of
    from seasoned.knowledge.transfer.deep_kernel import deep_start
    from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
    from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel
    from seasoned.knowledge.transfer.warm_starts import Evaluations, ensemble_start, metric_start, quantile_start
    from seasoned.knowledge.tuning.learner_spaces import space_of
    from seasoned.knowledge.tuning.meta_learner import TunedLearner, tune_meta_learner
    from seasoned.surrogates.acquisition.learned import Correction
    from seasoned.surrogates.gp.deep_kernel import DeepKernel

__all__ = [
    "METAFEATURES",
    "Adviser",
    "AdviserState",
    "CandidateSet",
    "Configurations",
    "Correction",
    "DeepKernel",
    "DeepMetric",
    "DeepMetricSettings",
    "DeepSettings",
    "Evaluations",
    "Experience",
    "Head",
    "Lessons",
    "MetricFunction",
    "PastStudy",
    "PastTrial",
    "Portfolio",
    "Predictions",
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
        "space_of": "seasoned.knowledge.tuning.learner_spaces",
        **dict.fromkeys(
            ("Problems", "prior_samples", "stored_samples", "train_acquisition"),
            "seasoned.knowledge.transfer.acquisition_training",
        ),
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
        **dict.fromkeys(
            ("Configurations", "DeepMetric", "Predictions", "Trials"), "seasoned.knowledge.deep_metric.model"
        ),
        **dict.fromkeys(("read_deep_metric", "write_deep_metric"), "seasoned.knowledge.deep_metric.file"),
        "points_of": "seasoned.knowledge.deep_metric.inputs",
        "Lessons": "seasoned.knowledge.deep_metric.dataset",
        "DeepMetricSettings": "seasoned.knowledge.deep_metric.settings",
        "train_deep_metric": "seasoned.knowledge.deep_metric.training",
        "DeepSettings": "seasoned.knowledge.transfer.deep_kernel_settings",
        "train_deep_kernel": "seasoned.knowledge.transfer.deep_kernel_training",
        "deep_start": "seasoned.knowledge.transfer.deep_kernel",
        "DeepKernel": "seasoned.surrogates.gp.deep_kernel",
        "informative": "seasoned.knowledge.advice.optimal_design",
        "Correction": "seasoned.surrogates.acquisition.learned",
        **dict.fromkeys(
            ("Evaluations", "ensemble_start", "metric_start", "quantile_start"),
            "seasoned.knowledge.transfer.warm_starts",
        ),
        "SetEncoder": "seasoned.knowledge.meta_features.dataset_encoder",
        "train_set_encoder": "seasoned.knowledge.meta_features.dataset_encoder_training",
        **dict.fromkeys(("past_study", "read_storage"), "seasoned.knowledge.experience.study_import"),
        **dict.fromkeys(("TaskPrior", "fit_task_prior"), "seasoned.knowledge.performance_model.task_prior"),
        "trusted": "seasoned.knowledge.performance_model.meta_feature_trust",
        **dict.fromkeys(("TunedLearner", "tune_meta_learner"), "seasoned.knowledge.tuning.meta_learner"),
    },
)
