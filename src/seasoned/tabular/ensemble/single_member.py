"""Selection of one ensemble member by the name or number in the leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = ["ENSEMBLE", "place_of", "select_member"]

ENSEMBLE: Final = "ensemble"
"""Name of the whole ensemble in the leaderboard."""


def select_member(fitted: Fitted, model: Any) -> Fitted:
    """Select the predicting model: the whole ensemble, or one member alone.

    Args:
        fitted: The fitted model.
        model: Number of a member's trial, or its name if no other member has this name; None or "ensemble" for all.

    Raises:
        InvalidInput: If no member matches, or several do.
    """
    if model is None or (isinstance(model, str) and model == ENSEMBLE):
        return fitted
    if isinstance(model, str):
        places = [place for place, member in enumerate(fitted.members) if member.name == model]
    elif isinstance(model, int | np.integer) and not isinstance(model, bool):
        places = [place for place, member in enumerate(fitted.members) if int(model) in _numbers(fitted, member)]
    else:
        places = []
    if len(places) > 1 and isinstance(model, str):
        held = _told([fitted.members[place] for place in places], fitted)
        raise InvalidInput(f"model is {model!r}, and several models have that name; pass the number of one: {held}.")
    if not places:
        raise InvalidInput(
            f"model is {model!r}, and the models held are {_told(fitted.members, fitted)}; pass the number of one, or "
            "None for all together."
        )
    return fitted.alone(places[0])


def place_of(fitted: Fitted, trial: TrialRow) -> int | None:
    """Position of the member with the trial's configuration; None if no member has it."""
    same = (place for place, member in enumerate(fitted.members) if _is_of(member, trial))
    return next(same, None)


def _is_of(member: Member, trial: TrialRow) -> bool:
    return bool((member.name, member.config) == (trial.model, trial.config))


def _numbers(fitted: Fitted, member: Member) -> list[int]:
    """Numbers of the member's trials; empty for a member without a trial, such as the baseline."""
    return [trial.number for trial in fitted.trials if _is_of(member, trial)]


def _told(members: Sequence[Member], fitted: Fitted) -> str:
    """Numbers and names of members, for an error message."""
    numbered = [(member.name, _numbers(fitted, member)) for member in members]
    return ", ".join(f"{numbers[0]} ({name})" if numbers else repr(name) for name, numbers in numbered)
