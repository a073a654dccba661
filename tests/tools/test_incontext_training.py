"""Tool that trains in-context networks: a folder is continued, its settings are kept, benchmarks make it wait."""

from __future__ import annotations

import fcntl
import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from optional import package

package("optax")
from seasoned.errors import InvalidInput  # noqa: E402
from seasoned.incontext.batches import Bucket  # noqa: E402 - needs JAX
from seasoned.incontext.network import Network  # noqa: E402
from seasoned.incontext.training import Recipe, start  # noqa: E402
from seasoned.metagrad._common.npz_files import flatten  # noqa: E402
from small_networks import SMALL, random_network  # noqa: E402
from train_incontext.average import average  # noqa: E402
from train_incontext.run import Journal, main, run  # noqa: E402

RECIPE = Recipe(steps=3, buckets=(Bucket(16, 8, 4, 1),))
TINY = ["--seconds", "0", "--hidden", "16", "--layers", "1", "--cell-width", "8", "--cell-layers", "1"]


def test_training_is_continued_to_its_last_step(tmp_path):
    folder = tmp_path / "training"
    run(folder, SMALL, RECIPE, "tables", seconds=0.0)
    assert Network.load(folder / "network.npz").card["steps"] == 0
    run(folder, SMALL, RECIPE, "tables", seconds=600.0)
    card = Network.load(folder / "network.npz").card
    assert (card["steps"], card["tables"], card["licence"]) == (3, 3, "Apache-2.0")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 3]
    assert np.isfinite(lines[1]["loss"])
    assert np.isfinite(lines[1]["validation"])
    assert lines[1]["hours"] >= lines[0]["hours"]


def test_training_begins_with_the_weights_of_a_trained_network(tmp_path):
    random_network().save(tmp_path / "trained.npz")
    run(tmp_path / "next", SMALL, RECIPE, "tables", seconds=0.0, begin_with=tmp_path / "trained.npz")
    first, second = (Network.load(tmp_path / name) for name in ("trained.npz", "next/network.npz"))
    for name, array in first.weights["layers"].items():
        np.testing.assert_array_equal(second.weights["layers"][name], array)
    assert second.card["began with"] == first.card
    with pytest.raises(InvalidInput, match="same sizes"):
        run(
            tmp_path / "other",
            replace(SMALL, width=48),
            RECIPE,
            "tables",
            seconds=0.0,
            begin_with=tmp_path / "trained.npz",
        )


def test_other_settings_are_refused_in_one_sentence(tmp_path):
    main([str(tmp_path), *TINY, "--width", "16"])
    with pytest.raises(SystemExit, match="other settings"):
        main([str(tmp_path), *TINY, "--width", "32"])


def test_no_step_begins_while_a_benchmark_holds_the_lock(tmp_path):
    lock = tmp_path / "lock"
    journal = Journal(tmp_path, pause_while=lock)
    state = start(SMALL, RECIPE)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        waiting = threading.Thread(target=journal, args=(state, []), daemon=True)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()


def test_checkpoint_and_log_are_written_when_they_are_due(tmp_path):
    journal = Journal(tmp_path, pause_while=tmp_path / "lock", every=0.0)
    journal(start(SMALL, RECIPE), [0.5, 0.7])
    assert json.loads((tmp_path / "log.jsonl").read_text())["loss"] == pytest.approx(0.6)
    assert (tmp_path / "checkpoint.npz").exists()


def test_the_mean_of_two_networks_has_their_mean_weights_and_hours():
    began = {"hours": 5.0}
    one, other = (
        replace(random_network(seed=seed), card={"hours": 1.0 + seed, "steps": 10, "tables": 70, "began with": began})
        for seed in (0, 1)
    )
    mean = average([one, other])
    for name, array in flatten(mean.weights).items():
        expected = (flatten(one.weights)[name] + flatten(other.weights)[name]) / 2
        np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-7)
    assert (mean.card["hours"], mean.card["steps"], mean.card["began with"]) == (3.0, 20, began)
    assert len(mean.card["mean of"]) == 2
    with pytest.raises(InvalidInput, match="began with other networks"):
        average([one, replace(other, card={**other.card, "began with": {}})])
