"""Gradient boosting: scikit-learn's histogram boosting, LightGBM, XGBoost and CatBoost."""
