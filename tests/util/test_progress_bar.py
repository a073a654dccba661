"""Progress of long work: lines without a terminal, a bar on a terminal."""

from __future__ import annotations

import io
import math
import time
from types import SimpleNamespace

import pytest

from seasoned._util.progress_bar import Display, ProgressBar


class Written(io.StringIO):
    """A stream that is no terminal, and can be waited for."""

    def wait_for(self, text):
        end = time.monotonic() + 60
        while text not in self.getvalue():
            assert time.monotonic() < end, f"{text!r} never came; there is {self.getvalue()!r}"
            time.sleep(0.005)


@pytest.fixture
def stream(monkeypatch):
    found = Written()
    monkeypatch.setattr("seasoned._util.progress_bar.sys", SimpleNamespace(stderr=found, stdout=found))
    return found


def test_progress_without_a_terminal_is_a_repeated_line(stream):
    with Display("search", shown=True, left=lambda: 50.0, every=0.01) as display:
        stream.wait_for(" s: search\n")
        display.update(3, "3 trials", "best rmse 0.5 (tree)")
        display.begin("fitting the best models")
        stream.wait_for(" s: fitting the best models, 3 trials, best rmse 0.5 (tree)\n")
    lines = stream.getvalue()
    assert "\x1b" not in lines
    assert "\r" not in lines
    display.update(4, "4 trials")
    assert stream.getvalue() == lines, "it is over"


def test_lasting_lines_are_written_at_once(stream):
    with Display("search", shown=True) as display:
        display.say(["rows        7,043", "classes     no 10, [bold]yes[/] 20"])
        assert stream.getvalue() == "rows        7,043\nclasses     no 10, [bold]yes[/] 20\n"


@pytest.mark.parametrize("shown", [None, False])
def test_a_display_that_is_not_shown_writes_nothing(shown, stream):
    with Display("search", shown=shown, every=0.001) as display:
        display.say(["rows"])
        display.update(1, "1 trial")
        time.sleep(0.02)
    assert stream.getvalue() == ""


def test_a_closed_stream_does_not_end_the_work(stream):
    with Display("search", shown=True, every=0.001) as display:
        stream.close()
        display.say(["rows"])
        display.update(1, "1 trial")


def test_lasting_lines_stand_above_the_bar_of_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    with Display("search", 10, shown=True) as display:
        display.say(["rows        7,043"])
        display.begin("predicting", 20)
        display.update(5, "5 done")
    shown = capsys.readouterr().err
    before, after = shown.split("rows        7,043", 1)
    assert before.endswith(("\x1b[2K", "\r")), "the bar's own line is cleared first"
    assert "predicting" in after
    assert "5 done" in after


def test_the_line_of_a_progress_bar_counts_trials_and_failures(stream):
    with ProgressBar(10, None, shown=True) as bar:
        bar.update(4, 1, 0.25)
        assert bar.display._sentence().endswith(" s: search, 4/10 trials, 1 failed, best 0.25")


def test_a_progress_bar_accepts_an_infinite_time_limit():
    with ProgressBar(None, math.inf, shown=True) as bar:
        bar.update(1, 0, 0.5)
