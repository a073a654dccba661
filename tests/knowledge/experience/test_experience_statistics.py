"""Statistics of a store of experience: winning families and the share of advice in the gain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from past_studies import study
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.locations import add_studies
from seasoned.knowledge.experience.maintenance import import_file, statistics
from seasoned.knowledge.experience.past_study import Head


def test_statistics_ignore_parameters_called_model(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    (tmp_path / "runs.csv").write_text("task,score,model\na,0.5,random_forest\nb,0.4,\n")
    (tmp_path / "more.csv").write_text("task,score,model\nc,0.5,2\n")
    for name in ("runs.csv", "more.csv"):
        import_file(url, tmp_path / name)
    assert statistics(url).winners == {"other": 3}


@pytest.mark.parametrize(("advised", "words"), [(True, "in 1 the best trial"), (False, "in 0 the best trial")])
def test_statistics_count_fits_with_advice_and_their_gain(tmp_path, advised, words):
    url = f"sqlite:///{tmp_path}/s.db"
    about = {"guided": True, "best_at": 4, "advised": advised, **({"ahead": 0.02} if advised else {})}
    older = {"guided": True, "best_at": 4, "known": True}
    kept = [replace(study(name), head=Head(name, name, about=of)) for name, of in (("a", about), ("b", older))]
    add_studies(url, kept)
    found = maintenance.statistics(url)
    assert (found.guided, found.advised) == (1, int(advised)), "what older fits kept does not tell"
    (line,) = [line for line in maintenance.format_statistics(found, url) if "used experience" in line]
    assert words in line
    assert ("the best of the others had 98.0% of its gain" in line) == advised


def test_statistics_ignore_cells_that_are_no_numbers(tmp_path):
    """An imported file may hold anything there."""
    url = f"sqlite:///{tmp_path}/s.db"
    odd = {"guided": True, "advised": True, "best_at": None, "ahead": "far"}
    add_studies(url, [replace(study("a"), head=Head("a", "a", about=odd))])
    found = maintenance.statistics(url)
    assert (found.guided, found.advised, found.ahead, found.best_at) == (1, 1, None, (None, None))
