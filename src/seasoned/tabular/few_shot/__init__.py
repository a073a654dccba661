"""Estimators for tables of many small tasks."""
