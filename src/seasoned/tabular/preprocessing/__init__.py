"""Columns to numbers: one file per kind, fitted states that are plain data, and the plan that joins them."""

from __future__ import annotations
