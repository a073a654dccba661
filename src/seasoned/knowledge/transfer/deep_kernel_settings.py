"""Settings of the meta-training of deep kernels. A separate module, so that settings can be imported without JAX."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seasoned.errors import InvalidInput

__all__ = ["DeepSettings"]


@dataclass(frozen=True, slots=True)
class DeepSettings:
    """Settings of the training of a deep kernel.

    Attributes:
        by: Training objective, `"likelihood"` or `"maml"`.
        hidden: Units of each hidden layer.
        outputs: Number of outputs of the network.
        inner_lr: Learning rate of the inner step of MAML.
        steps: Number of meta-steps.
        lr: Learning rate of the outer optimiser, with a cosine schedule.
        seed: Random seed.

    Raises:
        InvalidInput: If a value is out of range.
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
        """Read settings from the JSON of `build --tune`; the defaults if the JSON has no key "deep".

        Raises:
            InvalidInput: If the text does not describe valid settings.

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
        """Return the settings as plain data, the value of the key "deep" in the file of settings."""
        return asdict(self)
