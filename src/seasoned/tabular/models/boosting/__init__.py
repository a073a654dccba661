"""Gradient boosting: our histogram trees, LightGBM, XGBoost and CatBoost."""
