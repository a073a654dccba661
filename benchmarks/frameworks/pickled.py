"""Saving and loading for frameworks whose documentation says: pickle the fitted object."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def save(model: Any, folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))


def load(folder: Path, job: dict[str, Any]) -> Any:
    return pickle.loads((folder / "model.pkl").read_bytes())
