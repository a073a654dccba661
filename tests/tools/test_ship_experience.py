"""Shipped experience: the size limit of the file."""

from __future__ import annotations

import pytest

from build_experience import ship as shipping
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial


def test_experience_too_large_to_ship_leaves_the_old_file(tmp_path, monkeypatch):
    one = PastStudy(Head("a", "a"), {}, [PastTrial({"x": 0.5}, 0.5)])
    monkeypatch.setattr(shipping, "studies_of", lambda *_, **__: iter([one]))
    monkeypatch.setattr(shipping, "MAX_BYTES", 10)
    out = tmp_path / "experience.parquet"
    out.write_bytes(b"the good one")
    with pytest.raises(InvalidInput, match="is the most; leave tasks out"):
        shipping.ship(tmp_path, out=out)
    assert out.read_bytes() == b"the good one"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
