"""The figures and tables of the optimisers: curves that agree with the measures, pictures that are well formed."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import optimiser_figures
from optimising import measures
from optimising.chart import BOTTOM, LEFT, RIGHT, SPACING, TOP, Axis, Line, chart
from optimising.measures import Cell
from optimising.registry import PEERS

SVG = "{http://www.w3.org/2000/svg}"


def cell(*gaps, random=1.0):
    return Cell(gaps, 200, dict.fromkeys((25, 50, 60, 100, 200), random))


def test_the_mean_share_of_targets_is_the_linear_area():
    rng = np.random.default_rng(0)
    keys = [("bbob5", f"f{number}") for number in range(1, 4)]
    cells = {
        key: {
            s: cell(*((int(t), float(10.0**-k)) for k, t in enumerate(np.sort(rng.choice(250, 4)) + 1))) for s in (0, 1)
        }
        for key in keys
    }
    curve = optimiser_figures.share(cells, keys)
    assert [place for place, _ in curve] == list(range(1, 201))
    assert all(np.diff([value for _, value in curve]) >= 0)
    areas = [measures.area(run, logarithmic=False) for row in cells.values() for run in row.values()]
    assert np.mean([value for _, value in curve]) == pytest.approx(np.mean(areas))


def test_values_lie_where_the_axis_says():
    linear, log = Axis("x", 0, 10, []), Axis("x", 1, 100, [], log=True)
    assert [linear.place(value, 0, 1) for value in (0, 5, 10, 99, -9)] == [0, 0.5, 1, 1, 0]
    assert [log.place(value, 10, 20) for value in (1, 10, 100)] == pytest.approx([10, 15, 20])


def test_a_chart_is_well_formed_and_its_names_do_not_touch():
    lines = [Line(f"a<{k}", [(1, 0.5), (3, 0.5), (10, 0.9 + 0.001 * k)], steps=k % 2 == 0) for k in range(9)]
    root = ET.fromstring(chart("t & u", Axis("x", 1, 10, (1, 10), log=True), Axis("y", 0, 1, (0, 1)), lines))
    names = {text.text: float(text.get("y")) for text in root.iter(f"{SVG}text") if (text.text or "").startswith("a<")}
    assert set(names) == {line.name for line in lines}
    heights = sorted(names.values())
    assert min(np.diff(heights)) >= SPACING - 0.11
    assert heights[0] > TOP - 1
    assert heights[-1] <= BOTTOM + 5
    paths = [path.get("d") for path in root.iter(f"{SVG}path")]
    assert f"M{LEFT:.1f} {(TOP + BOTTOM) / 2:.1f}H{RIGHT:.1f}V{BOTTOM - 0.9 * (BOTTOM - TOP):.1f}" in paths


def record(framework, suite, problem, seed, *curve):
    place = {"framework": framework, "suite": suite, "problem": problem, "seed": seed}
    return {**place, "trials": 200, "curve": [list(point) for point in curve]}


def test_a_folder_of_runs_becomes_figures_and_tables(tmp_path, capsys):
    runs, peers, figures = tmp_path / "runs", tmp_path / "peers", tmp_path / "figures"
    runs.mkdir()
    peers.mkdir()
    ours = [record("seasoned-bayes", "bbob5", f"f{n}", s, (1, 9.0), (20, 0.01)) for n in (1, 2) for s in range(3)]
    random = [record("random", "bbob5", f"f{n}", s, (1, 9.0), (20, 2.0)) for n in (1, 2) for s in range(3)]
    (runs / "seasoned-bayes-bbob5.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ours))
    (peers / "random-1-bbob5.jsonl").write_text("".join(json.dumps(row) + "\n" for row in random))
    (peers / f"smac-{PEERS['smac'].version}-bbob5.jsonl").write_text(
        json.dumps(record("smac", "bbob5", "f1", 0, (1, 1.0))) + "\n"
    )
    (peers / "random-0-bbob5.jsonl").write_text(json.dumps(record("random", "bbob5", "f1", 0, (1, 0.0))) + "\n")
    medians = {str(n): 1.0 for n in (25, 50, 60, 100, 200)}
    references = {f"bbob5/f{n}/i{i}": {"optimum": 0.0, "random": medians} for n in (1, 2) for i in (1, 2, 3)}
    (peers / "references.json").write_text(json.dumps(references))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    words = ["--runs", str(runs), "--peers", str(peers), "--seeds", "2", "--figures", str(figures)]
    words += ["--subject", "seasoned-bayes", "--page", str(page)]
    optimiser_figures.main(words)
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith(("| Bayes |", "| random |"))][:2]
    assert [line.split(" | ")[2] for line in lines] == ["1.00", "2.00"]
    assert lines[0].endswith("| 0.010 | 0.010 | 0.010 | 0.010 |")
    assert "Not in it, for want of runs: smac." in printed
    assert "BBOB 5-D, 2 seeds, 2 problems" in printed
    assert "| random | 2 | 2 | 2:0 (0.5) |" in printed
    assert "| smac | 1 | 1 | 1:0 (1) |" in printed
    written = page.read_text()
    assert written.startswith("before\n<!-- measured -->\n\n**BBOB 5-D")
    assert written.endswith("<!-- end -->\nafter\n")
    assert "old" not in written
    (figure,) = figures.iterdir()
    assert ET.fromstring(figure.read_text()).tag == f"{SVG}svg"


def test_the_seeds_are_those_that_the_subject_ran_whole():
    whole = {("bbob5", f"f{n}"): {seed: cell((1, 1.0)) for seed in range(3)} for n in (1, 2)}
    some = {("bbob5", "f1"): {0: cell((1, 1.0)), 2: cell((1, 1.0))}, ("bbob5", "f2"): {0: cell((1, 1.0))}}
    keys = list(whole)
    assert optimiser_figures.whole_seeds(whole, keys) == 3
    assert optimiser_figures.whole_seeds(some, keys) == 1
    assert optimiser_figures.whole_seeds({}, keys) == 0
    compared = optimiser_figures.of_seeds({"a": whole, "b": some}, 1)
    assert [set(row) for row in (*compared["a"].values(), *compared["b"].values())] == [{0}] * 4
    assert optimiser_figures.section("t", compared, keys, "b").startswith("**t, 1 seed, 2 problems**")


def test_a_page_without_marks_is_refused():
    with pytest.raises(SystemExit, match="no lines"):
        optimiser_figures.paged("new", "text")
