"""Meta-steps of MAML per second of process time: ours beside PyTorch's ways, in alternating blocks.

Every loop has its own process and one thread. The first steps (compiling and warming up) are not timed; their seconds
are stated. Before the timing, all loops take the same `CHECKED` steps, and must have the same weights after the first.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from comparison.registry import ENVIRONMENTS
from metagradient import problems

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent / "peers"
ENVIRONMENT = ENVIRONMENTS / "metagrad-torch-2.13.0"
REQUIREMENTS = ("torch<=2.13.0", "torchvision<=0.28.0", "higher==0.2.1", "torchopt==0.7.3")
LEARN2LEARN_NEEDS = ("numpy", "gym", "scipy", "tqdm", "requests", "cython>=3", "setuptools<81", "wheel")
LEARN2LEARN = "learn2learn==0.2.0"
PEERS = ("plain", "functional", "compiled", "higher", "learn2learn", "torchopt", "torchopt_functional")
OMNIGLOT_PEERS = ("plain", "functional", "compiled")
CHECKED = 20
TOLERANCE, AGREE = 1e-5, 0.99
"""So many weights differ by so little after the first meta-step. Of a gradient that is 0 to rounding Adam makes a
whole step, to the one side or the other; with images such weights lead to others, step by step."""
BLOCKS = 5
"""Alternating blocks."""


class Worker:
    """One library's loop in a process of its own.

    Args:
        name: A module of `peers/`, without `_.py`.
        problem: The file with weights and tasks.
    """

    def __init__(self, name: str, problem: Path) -> None:
        python = sys.executable if name == "seasoned" else str(ENVIRONMENT / "bin" / "python")
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.name = name
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), f"{name}_", str(problem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def advance(self, steps: int) -> tuple[float, list[np.ndarray]]:
        """Process seconds of some meta-steps, and the weights after them."""
        self._process.stdin.write(json.dumps({"steps": steps}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}: see its message above.")
        answer = json.loads(line)
        return answer["seconds"], [np.array(weight, np.float32) for weight in answer["weights"]]


def setup() -> None:
    """Makes the peers' environment, once: all with the same PyTorch."""
    mark = ENVIRONMENT / "ready"
    wanted = "\n".join((*REQUIREMENTS, *LEARN2LEARN_NEEDS, LEARN2LEARN))
    if mark.exists() and mark.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    python = str(ENVIRONMENT / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS, *LEARN2LEARN_NEEDS], check=True)
    with tempfile.TemporaryDirectory() as folder:
        _build_learn2learn(python, Path(folder))
    mark.write_text(wanted)


def _build_learn2learn(python: str, folder: Path) -> None:
    """From its source, the C files in which are for an older Python: without them, Cython makes new ones."""
    pip = [python, "-m", "pip", "--quiet"]
    source = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder), LEARN2LEARN]
    subprocess.run([*pip, "download", *source], check=True)
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder)
    (tree,) = (part for part in folder.iterdir() if part.is_dir())
    for generated in (tree / "learn2learn").rglob("*.c"):
        generated.unlink()
    subprocess.run([python, "setup.py", "-q", "build_ext", "--inplace"], cwd=tree, check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-build-isolation", str(tree)], check=True)


def run(only: Iterable[str] | None = None, folder: Path | None = None, seconds: float = 3.0) -> dict[str, Any]:
    """Meta-steps per CPU second by problem and library, the ratios, and how far the weights differ.

    Args:
        only: Names of peers; None for all.
        folder: With Omniglot's images; None for the sinusoids alone.
        seconds: About how long a block is.
    """
    found = {"sinusoid": timed("sinusoid", [name for name in PEERS if only is None or name in only], seconds)}
    if folder is not None:
        peers = [name for name in OMNIGLOT_PEERS if only is None or name in only]
        found["omniglot"] = timed("omniglot", peers, seconds, str(folder))
    about = {"blocks": BLOCKS, "block_seconds": seconds, "checked_steps": CHECKED}
    return {"speed": found, "versions": _versions(), **about}


def timed(name: str, peers: list[str], seconds: float, folder: str | None = None) -> dict[str, Any]:
    """All loops on one problem."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "problem.npz"
        problems.export(path, name, folder)
        workers = {}
        try:
            for peer in ("seasoned", *peers):
                workers[peer] = Worker(peer, path)
            return _measure(name, workers, seconds)
        finally:
            for worker in workers.values():
                worker.__exit__()


def _measure(name: str, workers: dict[str, Worker], length: float) -> dict[str, Any]:
    found: dict[str, Any] = {peer: {} for peer in workers}
    counts = {}
    for peer, worker in workers.items():
        first, weights = worker.advance(1)
        _, later = worker.advance(CHECKED - 1)
        found[peer]["first_step_seconds"] = round(first, 2)
        print(name, peer, f"first step: {first:.2f} s", flush=True)
        found[peer]["weights"] = weights, later
        seconds, _ = worker.advance(CHECKED)
        counts[peer] = max(CHECKED, int(length * CHECKED / seconds))
        if counts[peer] > 100 * CHECKED:  # a fast loop's first steps say little about its rate
            seconds, _ = worker.advance(counts[peer] // 10)
            counts[peer] = int(length * (counts[peer] // 10) / seconds)
    check(found)
    rates: dict[str, list[float]] = {peer: [] for peer in workers}
    for _ in range(BLOCKS):
        for peer, worker in workers.items():
            rates[peer].append(counts[peer] / worker.advance(counts[peer])[0])
            print(name, peer, f"{rates[peer][-1]:.1f} meta-steps per CPU second", flush=True)
    for peer, record in found.items():
        ratios = [ours / theirs for ours, theirs in zip(rates["seasoned"], rates[peer], strict=True)]
        record |= {
            "meta_steps_per_cpu_second": round(statistics.median(rates[peer]), 1),
            "blocks": [round(rate, 1) for rate in rates[peer]],
            "ours_is_faster_by": round(statistics.median(ratios), 2),
            "ratio_by_block": [round(ratio, 2) for ratio in ratios],
            "steps_a_block": counts[peer],
        }
        print(name, peer, record, flush=True)
    return found


def check(found: dict[str, Any]) -> None:
    """All loops have the same weights after the first step; how far they differ from ours, then and later, is kept."""
    ours = found["seasoned"].pop("weights")
    for peer, record in found.items():
        if peer == "seasoned":
            continue
        first, later = (_differences(*pair) for pair in zip(ours, record.pop("weights"), strict=True))
        record["difference"] = {"first_step": float(np.quantile(first, AGREE)), f"step_{CHECKED}": float(later.mean())}
        if not record["difference"]["first_step"] < TOLERANCE:
            raise RuntimeError(f"{peer} has other weights than ours, by {record['difference']}: look at it.")


def _differences(ours: list[np.ndarray], theirs: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.abs(one - two).ravel() for one, two in zip(ours, theirs, strict=True)])


def _versions() -> dict[str, str]:
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(pip, check=True, capture_output=True, text=True).stdout)
    names = ("torch", "higher", "torchopt", "learn2learn")
    return {part["name"]: part["version"] for part in listed if part["name"].lower() in names}
