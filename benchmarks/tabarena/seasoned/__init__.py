"""seasoned as a system of TabArena."""

from __future__ import annotations

from tabarena.systems.seasoned.hpo import gen_seasoned
from tabarena.systems.seasoned.info import seasoned_info, seasoned_method_metadata
from tabarena.systems.seasoned.system import SeasonedSystemModel

__all__ = ["SeasonedSystemModel", "gen_seasoned", "seasoned_info", "seasoned_method_metadata"]
