"""Which optimisers there are, in which environment each runs, and how much of each is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from comparison.registry import Framework
from seasoned import samplers

PROBLEMS = Framework(
    "problems",
    "problems",
    "coco-experiment",
    ("coco-experiment==2.8.2", "onnxruntime==1.32.0", "numpy>=2", "pandas>=3", "pyarrow"),
    "2.8.2",
)
OPTUNA = ("optuna==5.0.0", "scipy>=1.15", "torch<=2.13.0")
CMAES = ("cmaes==0.13.1", "scipy>=1.15")
SMAC = ("smac==2.4.1",)
HEBO = (
    "HEBO==0.3.6",
    "numpy<1.25",
    "scipy<1.13",
    "matplotlib<3.9",
    "pandas<2.3",
    "scikit-learn<1.6",
    "contourpy<1.3",
    "pymoo==0.6.0",
    "torch<=2.13.0",
)  # with newer ones its installation does not end


@dataclass(frozen=True)
class Volume:
    """How much of a framework is run: peers cost what they cost.

    Attributes:
        seeds: At most so many of the seeds asked for.
        trials: At most so many of the trials asked for.
        suites: Suite -> how many of its problems, evenly spread; None for all suites and problems.
    """

    seeds: int = 10**6
    trials: int = 10**6
    suites: dict[str, int] | None = None

    def problems(self, suite: str, names: list[str]) -> list[str]:
        """Those of a suite's problems that are run."""
        if self.suites is None:
            return names
        wanted = min(len(names), self.suites.get(suite, 0))
        return [names[place * len(names) // wanted] for place in range(wanted)]


FULL = 10**6
CONDITIONAL = {"xgboost": FULL, "rpart": FULL}
PEERS = {
    framework.name: framework
    for framework in (
        Framework("random", "random_", "numpy", (), "1"),
        Framework("optuna-tpe", "optuna_", "optuna", OPTUNA, "5.0.0", {"sampler": "TPESampler"}),
        Framework("cmaes", "cmaes_", "cmaes", CMAES, "0.13.1"),
        Framework("cmaes-refined", "cmaes_", "cmaes", CMAES, "0.13.1", {"refine": True}),
        Framework("optuna-gp", "optuna_", "optuna", OPTUNA, "5.0.0", {"sampler": "GPSampler"}),
        Framework("smac", "smac_", "smac", SMAC, "2.4.1"),
        Framework("hebo", "hebo_", "HEBO", HEBO, "0.3.6"),
    )
}
VOLUMES = {
    "optuna-gp": Volume(seeds=5, suites={"bbob5": FULL, **CONDITIONAL}),
    "smac": Volume(seeds=3, suites={"bbob5": 6, "mixint5": 2, "xgboost": 3, "rpart": 1}),
    "hebo": Volume(seeds=3, trials=60, suites={"bbob5": 3, "mixint5": 2, "xgboost": 1}),
}
ACQUISITIONS = ("ei", "log_ei", "pi", "ucb", "thompson", "mixed")
OURS = "seasoned-"


@dataclass(frozen=True)
class Sampler:
    """One of our samplers, as named in the results."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def framework(self) -> Framework:
        """As the runner takes it."""
        return Framework(OURS + self.name, "seasoned_", "seasoned", options=self.options, ours=True)


def own() -> dict[str, Framework]:
    """Our samplers that this state of the source exports."""
    classes = ("Auto", "Bayes", "TPE", "Genetic", "DifferentialEvolution", "ParticleSwarm", "CMAES", "Sobol", "Random")
    there = [name for name in classes if hasattr(samplers, name)]
    found = [Sampler(name.lower(), {"sampler": name}) for name in there]
    if "Bayes" in there:
        found += [
            Sampler(f"bayes-{kind.replace('_', '-')}", {"sampler": "Bayes", "settings": {"acquisition": kind}})
            for kind in ACQUISITIONS
        ]
        found.append(Sampler("bayes-incontext", {"sampler": "Bayes", "settings": {"surrogate": "incontext"}}))
    return {framework.name: framework for framework in (sampler.framework() for sampler in found)}
