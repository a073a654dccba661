"""Search spaces: parameters, choices between branches, constraints, and their encoding in the unit cube."""

from __future__ import annotations

from seasoned.space.parameters import Categorical, Float, Int
from seasoned.space.space import Between, Choice, Dimension, Encoded, Parameter, Space

__all__ = ["Between", "Categorical", "Choice", "Dimension", "Encoded", "Float", "Int", "Parameter", "Space"]
