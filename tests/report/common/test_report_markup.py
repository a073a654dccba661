"""Markup of report pages: escaped text, and JSON inside scripts."""

from __future__ import annotations

import json

import pytest

from seasoned.report._common.markup import data_table, raw, script_json, tag


def test_tags_escape_text_and_attributes_but_not_markup():
    assert tag("td", "<b>", tag("i", "&"), raw("<br>"), None, title='"x"') == (
        '<td title="&quot;x&quot;">&lt;b&gt;<i>&amp;</i><br></td>'
    )
    assert "<b>" not in data_table(["<b>"], [["<b>"]])


def test_json_cannot_end_its_script():
    text = "</script><!--<script>&\u2028"
    assert not set("<>&") & set(script_json([text]))
    assert json.loads(script_json([text])) == [text]
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json(float("nan"))
