"""Progress: a bar for a person, sparse lines for a log, nothing for a moment's work."""

import io

from quasarnet_al.core.program import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, total=1000):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("tqdm.std.sys.stderr", stream)
    bar = progress(iter(range(total)), "spectra", total)
    bar.start_t -= 60  # as if it had begun a minute ago
    assert sum(1 for _ in bar) == total
    return stream.getvalue()


def test_a_moment_shows_nothing(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    assert list(progress([1, 2, 3], "files")) == [1, 2, 3]
    assert stream.getvalue() == ""


def test_a_log_gets_few_lines_and_a_terminal_a_bar(monkeypatch):
    log = shown(monkeypatch, io.StringIO())
    assert log.count("\r") <= 2 and log.isascii() and "1000/1000" in log
    assert "█" in shown(monkeypatch, Terminal())
