"""scikit-learn's own kit: whole and with the default search in the slow run, a part of it with one trial always."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_regressors_train, estimator_checks_generator, parametrize_with_checks

from seasoned import AutoClassifier, AutoRegressor, SearchSettings

QUICK = {"trials": 1, "workers": 1, "search": SearchSettings(models=["linear"], folds=2)}
SETTINGS = {"experience": None, "random_state": 0}
ALWAYS = {
    "check_classifier_data_not_an_array",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_complex_data",
    "check_dict_unchanged",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimators_empty_data_messages",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_fit1d",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_get_params_invariance",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_mixin_order",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_readonly_memmap_input",
    "check_all_zero_sample_weights_error",
    "check_classifiers_one_label_sample_weights",
    "check_regressor_data_not_an_array",
    "check_regressors_int",
    "check_requires_y_none",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_not_overwritten",
    "check_sample_weights_pandas_series",
    "check_sample_weights_shape",
    "check_set_params",
    "check_supervised_y_2d",
    "check_supervised_y_no_nan",
    "check_valid_tag_types",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(folder, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(folder))


def run(check, estimator, monkeypatch):
    """One environment for all checks: workers are kept warm from fit to fit as long as it does not change."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # here, for pytest sets it once more between fixtures and test
    check(estimator)


REPEATED = (
    "a row of weight 2 is in one fold, and a row that is there twice can be in two, so the folds, and what was chosen "
    "on them, differ. The weights of every family alone are tested in test_weights.py."
)


def expected_failures(estimator):
    found = {f"check_sample_weight_equivalence_on_{kind}_data": REPEATED for kind in ("dense", "sparse")}
    if isinstance(estimator, AutoRegressor):
        return found | {
            "check_regressors_train": "it ends with `score(X, y) > 0.5`, which means R2; `score` is the metric that "
            "was optimised, here the negative rmse. With metric='r2' the check passes, see below."
        }
    return found


@pytest.mark.slow
@parametrize_with_checks(
    [AutoClassifier(trials=6, **SETTINGS), AutoRegressor(trials=6, **SETTINGS)],
    expected_failed_checks=expected_failures,
)
def test_the_whole_kit(estimator, check, monkeypatch):
    run(check, estimator, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"readonly_memmap": True}, {"readonly_memmap": True, "X_dtype": "float32"}])
def test_what_fails_above_passes_where_the_score_is_r2(options):
    check_regressors_train("AutoRegressor", AutoRegressor("r2", trials=6, **SETTINGS), **options)


def quick():
    """Every check of `ALWAYS`, for both estimators."""
    for estimator in (AutoClassifier(**QUICK, **SETTINGS), AutoRegressor(**QUICK, **SETTINGS)):
        for made, check in estimator_checks_generator(estimator):
            function = getattr(check, "func", check)
            if function.__name__ in ALWAYS:
                options = "-".join(getattr(check, "keywords", {}))
                yield pytest.param(made, check, id=f"{type(made).__name__}-{function.__name__}{options}")


@pytest.mark.parametrize(("estimator", "check"), list(quick()))
def test_a_part_of_the_kit(estimator, check, monkeypatch):
    run(check, estimator, monkeypatch)
