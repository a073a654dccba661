"""Which frameworks there are, in which environment each runs, and what `--setup` installs into it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent.parent
ENVIRONMENTS = BENCHMARKS / "envs"

FLAML = ("flaml[automl]==2.7.0", "pandas<3", "pyarrow")  # pandas: as in its own extra `spark`
AUTOGLUON = ("autogluon.tabular[lightgbm,xgboost,catboost,fastai,ray]==1.6.3", "torch<=2.13.0", "pyarrow")
AUTOGLUON_TREES = ("autogluon.tabular[lightgbm,xgboost,catboost,ray]==1.6.3", "pyarrow")  # no torch, no networks
MLJAR = ("mljar-supervised==1.3.2", "pyarrow")
LIGHTAUTOML = ("lightautoml==0.4.2", "torch<=2.13.0", "pyarrow")
HONESTML = ("honestml[boosting,optuna]==2.0.0", "pyarrow")
CORE = ("--editable", str(BENCHMARKS.parent))
NETWORKS = ("mlp", "realmlp", "tuned_mlp")
BEST = "best"  # the family of the best trial of `seasoned` on the same fold, by its own validation


@dataclass(frozen=True)
class Framework:
    """One competitor.

    Attributes:
        name: As given to `--frameworks`.
        module: The file in `frameworks/` that drives it, without `.py`.
        package: The distribution whose version counts.
        requirements: What its own environment needs; empty if it runs in the environment of this script.
        pinned: The version that the requirements name; None if it is read from this environment.
        options: Passed on to the module.
        ours: Whether its results belong to one state of the source, and so are never kept for later comparisons.
        variant: End of the name of its environment, where one driver has several.
        source: A checkout of this repository whose package and worker are measured; None for this one.
    """

    name: str
    module: str
    package: str
    requirements: tuple[str, ...] = ()
    pinned: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    ours: bool = False
    variant: str = ""
    source: Path | None = None

    @property
    def version(self) -> str:
        """The version that is measured."""
        return self.pinned or importlib.metadata.version(self.package)

    @property
    def folder(self) -> Path:
        """Its virtual environment, if it has one of its own."""
        return ENVIRONMENTS / f"{self.module.rstrip('_')}-{self.version}{self.variant}"

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python" if self.requirements else Path(sys.executable)

    @property
    def ready(self) -> bool:
        """Whether its environment was made, from these requirements."""
        mark = self.folder / "ready"
        return not self.requirements or (mark.exists() and mark.read_text() == "\n".join(self.requirements))


def arm(name: str, **options: Any) -> Framework:
    """Our own, with something left out or done otherwise; `frameworks/seasoned_.py` says what the options mean."""
    return Framework(f"seasoned-{name}", "seasoned_", "seasoned", options=options, ours=True)


def autogluon(name: str, requirements: tuple[str, ...], presets: str, variant: str = "") -> Framework:
    """AutoGluon with a preset, with or without PyTorch."""
    options = {"presets": presets}
    return Framework(name, "autogluon_", "autogluon.tabular", requirements, "1.6.3", options, variant=variant)


FRAMEWORKS = {
    framework.name: framework
    for framework in (
        Framework("seasoned", "seasoned_", "seasoned", ours=True),
        arm("shipped", experience="shipped"),
        arm("all-rows", rows="all"),
        arm("one-family", models=BEST),
        arm("no-ensemble", search={"ensemble": 1}),
        arm("no-defaults", first="random"),
        arm("no-features", search={"features": []}),
        arm("all-features", search={"features": "all"}),
        arm("no-network", without=NETWORKS),
        arm("two-layers", search={"layers": 2}),
        arm("three-folds", dealt=3),
        arm("one-part", dealt=1),
        arm("lean", without=("xgboost", "histogram")),
        arm("realmlp", models=["default", "-mlp", "realmlp"]),
        arm("incontext", models=["default", "incontext"]),
        arm("early-catboost", early=["catboost"]),
        arm("three-repeats", repeats=[5, 3]),
        arm("no-vectors", vectors=False),
        arm("no-embeddings", embeddings=False),
        Framework("seasoned-core", "seasoned_", "seasoned", CORE, ours=True),
        Framework("flaml", "flaml_", "flaml", FLAML, "2.7.0"),
        Framework("autogluon", "autogluon_", "autogluon.tabular", AUTOGLUON, "1.6.3"),
        Framework("autogluon-best", "autogluon_", "autogluon.tabular", AUTOGLUON, "1.6.3", {"presets": "best_quality"}),
        autogluon("autogluon-v150", AUTOGLUON, "best_quality_v150"),
        autogluon("autogluon-best-trees", AUTOGLUON_TREES, "best_quality", "-trees"),
        autogluon("autogluon-v150-trees", AUTOGLUON_TREES, "best_quality_v150", "-trees"),
        Framework("lightautoml", "lightautoml_", "lightautoml", LIGHTAUTOML, "0.4.2"),
        Framework("mljar", "mljar_", "mljar-supervised", MLJAR, "1.3.2", {"mode": "Compete"}),
        Framework("honestml", "honestml_", "honestml", HONESTML, "2.0.0", {"preset": "balanced"}),
        Framework("lightgbm", "lightgbm_", "lightgbm"),
        Framework("dummy", "dummy_", "scikit-learn"),
    )
}


def setup(frameworks: list[Framework]) -> None:
    """Make the environments that are not there yet, or were made from other requirements."""
    for framework in frameworks:
        if framework.ready:
            continue
        print(f"{framework.name}: installing {', '.join(framework.requirements)} into {framework.folder.name}")
        subprocess.run([sys.executable, "-m", "venv", framework.folder], check=True)
        subprocess.run([framework.python, "-m", "pip", "install", "--quiet", *framework.requirements], check=True)
        (framework.folder / "ready").write_text("\n".join(framework.requirements))
