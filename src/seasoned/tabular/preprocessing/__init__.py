"""Encoders from columns to numbers: one file per column type, fitted states as plain data, and the column plan."""

from __future__ import annotations
