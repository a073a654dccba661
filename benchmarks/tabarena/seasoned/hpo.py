"""Configurations of seasoned on TabArena: the defaults."""

from __future__ import annotations

from tabarena.systems.seasoned.system import SeasonedSystemModel
from tabarena.utils.config_utils import SystemConfigGenerator

gen_seasoned = SystemConfigGenerator(model_cls=SeasonedSystemModel, name="seasoned", manual_configs=[{}])
