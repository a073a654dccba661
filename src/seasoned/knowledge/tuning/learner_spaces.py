"""Search spaces of meta-learners: the default space, and the conversion of a configuration to a learner."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.metagrad.learners.prototypical import PrototypicalNetworks
from seasoned.metagrad.learners.ridge_head import RidgeHead
from seasoned.metagrad.networks.forward import ACTIVATIONS
from seasoned.metagrad.networks.networks import MLP, ConvNet
from seasoned.metagrad.networks.wide_deep import WideDeep
from seasoned.metagrad.optimizers.update_rules import LSTMRule, MLPRule
from seasoned.metagrad.training.loop import AdamW, Training
from seasoned.space import Categorical, Choice, Float, Int, Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.metagrad.learners.base import MetaLearner

__all__ = ["check_names", "configured", "first_of", "space_of"]

OWN: Final = "own"
"""Name of the option that leaves a part of the learner unchanged."""
_RATES: Final = {"inner_lr": (1e-3, 0.5), "strength": (0.05, 50.0), "sigma": (1e-3, 0.1)}
_DEEPEST: Final = 4  # largest depth of a tuned network
_PARTS: Final = ("network", "rule", "decay")


def space_of(learner: MetaLearner, *, architecture: bool = False) -> Space:
    """Default search space of a meta-learner; the defaults are the settings of the learner.

    The space contains the parameters of this table that the learner has:

    | parameter | meaning |
    |---|---|
    | `inner_lr` | learning rate of the adaptation |
    | `inner_steps` | a third, 1 or 3 times the steps of the learner; 1, 3 or 9 if the learner has one step |
    | `strength` | proximal strength of iMAML |
    | `sigma` | perturbation size of persistent evolution strategies |
    | `lr`, `decay` | outer learning rate; weight decay of the meta-parameters (`AdamW`), or none (`AdamW(0.0)`) |
    | `network` | with `architecture`: depth, with width and activation (MLP) or filters (ConvNet) |
    | `rule` | with `architecture`: update rule of a learned optimiser, LSTM or MLP, and its size |

    Compilation takes about ten times as long as training of a small learner. Trials that differ only in rates share a
    compiled program, but each architecture and each number of steps needs its own program. Therefore the architecture
    is optional, and only few numbers of steps are tried. A network that is a user's function is never tuned.

    Args:
        learner: Meta-learner whose settings are the defaults.
        architecture: True also tunes the network or the update rule; each trial then compiles a program.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> space = space_of(MAML(inner_lr=0.05), architecture=True)
        >>> round(space.default["inner_lr"], 3), space.default["network"]
        (0.05, {'2': {'width': 40, 'activation': 'relu'}})
        >>> list(space_of(MAML()).parameters)
        ['inner_lr', 'inner_steps', 'lr', 'decay']
    """
    found: dict[str, Any] = {}
    for name, (low, high) in _RATES.items():
        if name in _fields(learner) and (name != "sigma" or getattr(learner, "estimator", None) == "pes"):
            found[name] = _rate(getattr(learner, name), low, high)
    if "inner_steps" in _fields(learner):
        own = learner.trained_steps
        steps = {max(1, own // 3), own, 3 * own, 9 if own == 1 else own}
        found["inner_steps"] = Categorical(tuple(sorted(steps)), ordered=True, default=own)
    found["lr"] = _rate(learner.training.lr, 1e-4, 3e-2)
    if learner.training.optimizer != "sgd":
        found["decay"] = _decay(learner.training)
    if not architecture:
        return Space(found)
    if "rule" in _fields(learner):
        found["rule"] = _rules(learner)
    elif (network := _architecture(_network(learner, 1))) is not None:
        found["network"] = network
    return Space(found)


def configured(learner: MetaLearner, config: Mapping[str, Any], outputs: int) -> MetaLearner:
    """Apply a configuration to a meta-learner: set fields of the learner and its training, build network and rule.

    Args:
        learner: Meta-learner; fields that the configuration does not name stay unchanged.
        config: Configuration of a space whose names `check_names` accepts.
        outputs: Number of outputs of the tasks, used if the learner has no network.
    """
    own: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for name, value in config.items():
        if name == "network":
            own[name] = _built(_network(learner, outputs), value)
        elif name == "rule":
            own[name] = _rule(learner, value)
        elif name == "decay":
            ((option, settings),) = value.items()
            own_decay = getattr(learner.training.optimizer, "decay", None)
            # Decay 0 gives the same steps as Adam, and shares the compiled program of all decays.
            training["optimizer"] = AdamW(_kept(own_decay, settings["rate"]) if option == "adamw" else 0.0)
        elif name in _fields(learner):
            own[name] = _kept(getattr(learner, name), value)
        else:
            training[name] = _kept(getattr(learner.training, name), value)
    return dataclasses.replace(learner, **own, training=dataclasses.replace(learner.training, **training), fitted=None)


def first_of(learner: MetaLearner, space: Space) -> dict[str, Any]:
    """Configuration of a space that matches the learner; values outside the space are replaced by its defaults.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> space = Space(inner_lr=Float(1e-3, 0.3, log=True), inner_steps=Int(1, 4))
        >>> first_of(MAML(inner_lr=0.2, inner_steps=5), space)
        {'inner_lr': 0.2, 'inner_steps': 3}
    """
    found, usual = space.default, space_of(learner, architecture=True).default
    for name in space.parameters:
        owner = learner if name in _fields(learner) else learner.training
        own = usual.get(name) if name in _PARTS else getattr(owner, name, None)
        with contextlib.suppress(InvalidInput):  # the value is out of range
            found = space.check({**found, name: own})
    return found


def check_names(learner: MetaLearner, space: Space) -> None:
    """Raise InvalidInput if the space has names that are not settings of the learner."""
    known = (_fields(learner) | _fields(learner.training)) - {"training", "fitted", "loss", "steps", "every"}
    allowed = known | set(_PARTS) - ({"rule"} - _fields(learner))
    if unknown := [name for name in space.parameters if name not in allowed]:
        raise InvalidInput(
            f"the space names {', '.join(unknown)}, and {type(learner).__name__} has {', '.join(sorted(allowed))}: "
            "use these names, or pass build=."
        )


def _fields(settings: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


def _kept(own: Any, value: Any) -> Any:
    """Return `own` if `value` differs only by rounding, so that the default configuration needs no recompilation."""
    return own if isinstance(own, float) and math.isclose(own, value, rel_tol=1e-12) else value


def _rate(own: float, low: float, high: float) -> Float:
    return Float(min(low, own / 10), max(high, own * 10 if own > high else high), log=True, default=own)


def _decay(training: Training) -> Choice:
    own = training.optimizer.decay if isinstance(training.optimizer, AdamW) else 0.0
    rate = _rate(own, 1e-5, 0.1) if own else Float(1e-5, 0.1, log=True)
    return Choice(none=Space(), adamw=Space(rate=rate), default="adamw" if own else "none")


def _network(learner: MetaLearner, outputs: int) -> Any:
    """Network of the learner, or its default network."""
    if learner.network is not None:
        return learner.network
    if isinstance(learner, RidgeHead):
        return WideDeep(outputs=outputs)
    return MLP((64,), 64) if isinstance(learner, PrototypicalNetworks) else MLP(outputs=outputs)


def _architecture(network: Any) -> Choice | None:
    """Choice of the depth, with the parameters of each depth; the default is the shape of the network."""
    if isinstance(network, MLP):
        width, depth = max(network.hidden, default=40), len(network.hidden)
        inside = Space(
            width=Int(min(8, width), max(128, width), log=True, default=width),
            activation=Categorical(tuple(ACTIVATIONS), default=network.activation),
        )
        plain = set(network.hidden) == {width}
    elif isinstance(network, ConvNet):
        depth, plain = network.blocks, True
        inside = Space(
            filters=Int(min(4, network.filters), max(64, network.filters), log=True, default=network.filters)
        )
    else:
        return None
    options = {str(number): inside for number in range(1, max(_DEEPEST, depth if plain else 0) + 1)}
    if not plain:  # the space has no layers of different widths
        options = {OWN: Space(), **options}
    return Choice(options, default=str(depth) if plain else OWN)


def _built(network: Any, value: Mapping[str, Any]) -> Any:
    ((depth, settings),) = value.items()
    if depth == OWN:
        return network
    if isinstance(network, ConvNet):
        return dataclasses.replace(network, blocks=int(depth), **settings)
    if isinstance(network, MLP):
        settings = dict(settings)
        width = settings.pop("width", max(network.hidden, default=40))
        return dataclasses.replace(network, hidden=(width,) * int(depth), **settings)
    raise InvalidInput(
        f"the space tunes the network, and a {type(network).__name__} has no depth and width: leave it out, or pass "
        "build=."
    )


def _rules(learner: Any) -> Choice:
    lstm = learner.rule if isinstance(learner.rule, LSTMRule) else LSTMRule()
    mlp = learner.rule if isinstance(learner.rule, MLPRule) else MLPRule()
    options = {
        "lstm": Space(
            hidden=Int(min(4, lstm.hidden), max(40, lstm.hidden), log=True, default=lstm.hidden),
            layers=Int(1, max(2, lstm.layers), default=lstm.layers),
            scale=_rate(lstm.scale, 0.01, 1.0),
        ),
        "mlp": Space(
            hidden=Int(min(8, mlp.hidden), max(64, mlp.hidden), log=True, default=mlp.hidden),
            scale=_rate(mlp.scale, 0.005, 0.5),
        ),
    }
    kinds = {LSTMRule: "lstm", MLPRule: "mlp"}
    default = kinds.get(type(learner.rule), OWN)
    return Choice({OWN: Space(), **options} if default == OWN else options, default=default)


def _rule(learner: Any, value: Mapping[str, Any]) -> Any:
    ((kind, settings),) = value.items()
    if kind == OWN:
        return learner.rule
    base: Any = {"lstm": LSTMRule, "mlp": MLPRule}[kind]
    given = learner.rule if isinstance(learner.rule, base) else base()
    return dataclasses.replace(given, **{name: _kept(getattr(given, name), part) for name, part in settings.items()})
