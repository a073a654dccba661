"""Settings of the meta-training of deep kernels, in a module of their own, so that they can be read without JAX."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seasoned.errors import InvalidInput

__all__ = ["DeepSettings"]


@dataclass(frozen=True, slots=True)
class DeepSettings:
    """How a deep kernel is trained.

    Attributes:
        by: `"likelihood"` or `"maml"`.
        hidden: Units of the hidden layers.
        outputs: Number of coordinates of the network's output.
        inner_lr: Rate of MAML's inner step.
        steps: Meta-steps.
        lr: Rate of the outer optimiser, with a cosine schedule.
        seed: Of everything random.
    """

    by: Literal["likelihood", "maml"] = "likelihood"
    hidden: tuple[int, ...] = (32, 32)
    outputs: int = 8
    inner_lr: float = 0.05
    steps: int = 1500
    lr: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        whole = self.hidden and min(*self.hidden, self.outputs, self.steps) >= 1
        if self.by not in {"likelihood", "maml"} or not whole or not min(self.inner_lr, self.lr) > 0.0:
            raise InvalidInput(
                f"{self} is invalid: by must be 'likelihood' or 'maml', with one hidden layer or more, sizes and steps "
                "at least 1 and rates above 0."
            )

    @classmethod
    def of_text(cls, text: str) -> DeepSettings:
        """From the JSON that `build --tune` writes; the defaults where it says nothing of deep kernels.

        Raises:
            InvalidInput: If the text holds no settings.

        Example:
            >>> DeepSettings.of_text('{"metric": {}, "deep": {"by": "maml", "hidden": [16]}}').hidden
            (16,)
        """
        try:
            return cls(**json.loads(text).get("deep", {}))
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{text[:40]!r} holds no valid settings ({error}); give what build --tune wrote."
            ) from error

    def to_json(self) -> dict[str, Any]:
        """As plain data, under the key `"deep"` of the settings' file."""
        return asdict(self)
