"""Programs: long lists of arguments; progress as a bar for a person, sparse lines for a log."""

import io
import subprocess
import sys

from helpers.paths import ROOT
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


def test_a_long_list_comes_from_a_file(tmp_path):
    """As rules give it: more bytes than the kernel takes as arguments."""
    (tmp_path / "show.py").write_text(
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from quasarnet_al.core.program import command_line\n"
        "parser = command_line('x')\n"
        "parser.add_argument('--files', nargs='*')\n"
        "parser.add_argument('--none', nargs='*')\n"
        "args = parser.parse_args()\n"
        "print(len(args.files), args.files[0], args.none)\n"
    )
    script = (
        "set -euo pipefail; files=$(seq -f '/a/rather/long/path/of a file/%06.0f.fits' 60000); "
        "IFS=$'\\n'; "
        f"{sys.executable} {tmp_path}/show.py {ROOT}/workflow_scripts "
        "--files @<(printf '%s\\n' $files) --none @<(printf '%s\\n')"
    )
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert not run.returncode, run.stderr
    assert run.stdout == "60000 /a/rather/long/path/of a file/000001.fits []\n"
