"""Entry of seasoned in TabArena's registry of systems."""

from __future__ import annotations

from tabarena.models._method_metadata import MethodMetadata
from tabarena.systems._system_info import SystemInfo
from tabarena.systems.seasoned.hpo import gen_seasoned
from tabarena.systems.seasoned.system import SeasonedSystemModel

seasoned_method_metadata = MethodMetadata.system(
    method="seasoned",
    name="seasoned",
    compute="cpu",
    date_introduced="2026-12",
)

seasoned_info = SystemInfo(
    system_cls=SeasonedSystemModel,
    config_generator=gen_seasoned,
    method_metadata=seasoned_method_metadata,
)
