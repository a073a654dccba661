"""Serialization of events: one JSON object per event, for storages.

Floats are read back bit-equal, because Python writes the shortest text with the same value. Tuples inside
configurations are read back as tuples. A field that is None is left out. A reported value that is not finite is left
out, too, and is read back as NaN.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import PruneReason, StorageError
from seasoned.space import Space
from seasoned.trials.trial import (
    Config,
    Created,
    Event,
    Finished,
    Reassigned,
    Remaining,
    Reported,
    SpaceChanged,
    StudySpec,
    Suggested,
    TrialState,
    WarmStart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_text", "kind_of", "to_text"]

_KINDS: Final[Mapping[type[Event], str]] = {
    Created: "created",
    SpaceChanged: "spaced",
    Remaining: "remaining",
    Suggested: "asked",
    Reassigned: "taken",
    Reported: "reported",
    Finished: "finished",
}
_SENTENCES: Final = (
    ("stopped at step", PruneReason.FIDELITY),
    ("not promoted", PruneReason.FIDELITY),
    ("its first ", PruneReason.FOLDS),
    ("its predictions take too long", PruneReason.PREDICTION_TIME),
    ("it was asked for in an earlier space", PruneReason.SPACE),
)
"""Beginnings of the sentences of pruned trials in stores without reasons."""
_write = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def kind_of(event: Event) -> str:
    """Return the stored name of an event's kind."""
    return _KINDS[type(event)]


def to_text(event: Event) -> str:
    """Return an event's content as JSON, without its kind and number, which are stored separately."""
    match event:
        case Created(spec):
            return _write(_spec_to_dict(spec))
        case SpaceChanged(space, first):
            return _write({"space": space.to_dict(), "first": first})
        case Remaining(_, share):
            return _write({"share": share})
        case Suggested(_, config, tag, driver):
            return _write(_without_none({"config": config, "tag": tag, "driver": driver or None}))
        case Reassigned(_, driver, begun):
            return _write(_without_none({"driver": driver, "begun": begun or None}))
        case Reported(_, step, value):
            return _write(_without_none({"step": step, "value": value if math.isfinite(value) else None}))
        case Finished(_, state, values, seconds, error, constraints, notes, reason):
            ended = {"state": state, "values": values, "seconds": seconds, "error": error, "reason": reason}
            return _write(_without_none({**ended, "constraints": constraints or None, "notes": notes or None}))


def from_text(kind: str, number: int, text: str) -> Event:
    """Return the event that `to_text` wrote.

    Raises:
        StorageError: If the kind is unknown to this version, or the text is damaged.
    """
    try:
        return _read(kind, number, json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the stored {kind!r} event of trial {number} cannot be read ({error}); the store is damaged or was "
            f"written by a newer version: restore a copy or upgrade seasoned."
        ) from error


def _read(kind: str, number: int, content: dict[str, Any]) -> Event:
    match kind:
        case "asked":
            return Suggested(number, _config(content["config"]), content.get("tag"), content.get("driver", ""))
        case "finished":
            return _finished(number, content)
        case "remaining":
            return Remaining(number, content["share"])
        case "taken":
            return Reassigned(number, content["driver"], content.get("begun", False))
        case "reported":
            return Reported(number, content["step"], content.get("value", math.nan))
        case "created":
            return Created(_spec_from_dict(content))
        case "spaced":
            return SpaceChanged(Space.from_dict(content["space"]), content["first"])
        case _:
            raise ValueError(f"no event is called {kind!r}")


def _finished(number: int, content: dict[str, Any]) -> Finished:
    values, state = content.get("values"), TrialState(content["state"])
    return Finished(
        number,
        state,
        None if values is None else tuple(values),
        content.get("seconds"),
        content.get("error"),
        tuple(content.get("constraints", ())),
        _config(content.get("notes", {})),
        _prune_reason(content) if state is TrialState.PRUNED else None,
    )


def _prune_reason(content: dict[str, Any]) -> PruneReason | None:
    """The stored reason; stores written before there was one have only the sentence."""
    if "reason" in content:
        return PruneReason(content["reason"])
    sentence = content.get("error")
    if sentence is None:
        return None
    return next((reason for text, reason in _SENTENCES if sentence.startswith(text)), PruneReason.OBJECTIVE)


def _without_none(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def _config(content: dict[str, Any]) -> Config:
    return Config({name: _frozen(value) for name, value in content.items()})


def _frozen(value: Any) -> Any:
    """Convert lists to tuples: only tuples are written as JSON lists."""
    if isinstance(value, dict):
        return {name: _frozen(inner) for name, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def _spec_to_dict(spec: StudySpec) -> dict[str, Any]:
    warm = spec.warm_start
    return {
        "space": spec.space.to_dict(),
        "directions": spec.directions,
        "seed": spec.seed,
        "budget": spec.budget,
        "warm_start": {
            "configurations": warm.configurations,
            "points": warm.points,
            "values": warm.values,
            "population": warm.population,
            "step_size": warm.step_size,
            "relative": warm.relative,
        },
    }


def _spec_from_dict(content: dict[str, Any]) -> StudySpec:
    warm = content["warm_start"]
    return StudySpec(
        Space.from_dict(content["space"]),
        tuple(content["directions"]),
        content["seed"],
        content["budget"],
        WarmStart(**{**warm, "configurations": tuple(_config(config) for config in warm["configurations"])}),
    )
