"""Programs: every fault is one line; progress is a bar for a person, sparse lines for a log."""

import io
import os
import re
import signal
import subprocess
import sys
import zlib

import fitsio
import pytest

import check_pool
from helpers.paths import PYTHON, ROOT
from quasarnet_al.core import files
from quasarnet_al.core.program import program, progress
from quasarnet_al.workflow import retries


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


def read_as(path, error):
    """As a reader that does not know this exception."""
    raise error


def ended(monkeypatch, capsys, error):
    monkeypatch.setattr(sys, "argv", ["x.py"])
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end:
            program(lambda: read_as("a.fits", error))
    finally:
        signal.signal(signal.SIGTERM, handler)
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (files.InputError("a.fits", "is damaged", "fetch it again"), 2),
        (fitsio.FITSFormatError("not a\nFITS file"), 2),
        (MemoryError(), 3),
        (zlib.error("Error -3 while decompressing data"), 2),
        (EOFError("Compressed file ended"), 2),
        (UnicodeEncodeError("ascii", "j\xf6rg", 1, 2, "ordinal not in range(128)"), 2),
        (UnicodeDecodeError("utf-8", b"\xf6", 0, 1, "invalid start byte"), 2),
        (OSError(28, "No space left on device"), 2),
        (RecursionError("maximum recursion depth exceeded"), 2),
        (KeyError("Z"), 1),
        (ZeroDivisionError("division by zero"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_fault_is_one_line(monkeypatch, capsys, error, status):
    code, err = ended(monkeypatch, capsys, error)
    assert code == status
    assert re.fullmatch(r"x\.py: .+; .+\n", err)
    assert status not in (2, 3) or "a.fits" in err
    assert status != 1 or ("read_as" not in err and "test_program.py line" in err)


def test_what_hdf5_finds_is_a_fault_of_the_file(monkeypatch, capsys, tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))

    def read():
        import h5py

        path = tmp_path / "x.h5"
        h5py.File(path)

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["x.py"])
    with pytest.raises(SystemExit) as end:
        program(read)
    signal.signal(signal.SIGTERM, handler)
    assert end.value.code == 2 and "x.h5" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--coadd", "a", "--output", "b"), ("--x=a", "--output=./a")])
def test_an_output_that_is_an_input_is_refused(monkeypatch, capsys, tmp_path, words):
    """A coadd is not replaced by the table that is made of it; an old output is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["x.py", *words])
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").write_text("old")
    handler = signal.getsignal(signal.SIGTERM)
    output = words[-1].removeprefix("--output=")
    with pytest.raises(SystemExit) as end:
        program(lambda: (files.write_text("c", "new"), files.write_text(output, "new")))
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"x.py: {output.removeprefix('./')}: is an input")
    assert (tmp_path / "a").read_text() == (tmp_path / "c").read_text() == "old"
    monkeypatch.setattr(sys, "argv", ["x.py", "--coadd", "a", "--output", "c"])
    program(lambda: files.write_text("c", "new"))
    signal.signal(signal.SIGTERM, handler)
    assert (tmp_path / "c").read_text() == "new"


def script(body):
    """A process that runs `body` as a program's `main`."""
    text = "from quasarnet_al.core.program import program\n"
    text += "from quasarnet_al.core import files\ndef main():\n"
    text += "".join(f"    {line}\n" for line in body) + "program(main)\n"
    return [PYTHON, "-c", text], os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}


def test_a_log_keeps_the_traceback_before_the_line(tmp_path):
    command, environment = script(["1 / 0"])
    with open(tmp_path / "log", "wb") as log:
        assert subprocess.run(command, env=environment, stderr=log).returncode == 1
    *traceback, last = (tmp_path / "log").read_text().splitlines()
    assert traceback[0].startswith("Traceback") and "unexpected ZeroDivisionError" in last
    # Anybody else reads one line.
    result = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert result.stderr.splitlines() == [last]


def test_a_log_says_that_the_input_was_refused(tmp_path):
    """For `workflow.retries`; only there, as everybody else reads one line."""
    for body, refused in (
        ("raise files.InputError('a.fits', 'is damaged', 'fetch it again')", True),
        ("raise OSError(28, 'No space left on device')", True),
        ("raise MemoryError", False),
        ("1 / 0", False),
        ("raise SystemExit('member-01 failed')", False),
        ("import os; os.kill(os.getpid(), 9)", False),
    ):
        command, environment = script([body])
        with open(tmp_path / "log", "wb") as log:
            status = subprocess.run(command, env=environment, stderr=log).returncode
        assert (status == 2) == refused == retries.is_refusal(tmp_path / "log"), body
    assert not retries.is_refusal(tmp_path / "absent")


def test_nobody_reads_the_output():
    """As with `| head`."""
    command, environment = script(["for number in range(100_000): print(number)"])
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait() == 1
    assert err.count("\n") == 1 and "output" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_log_on_a_full_disk_does_not_say_done():
    command, environment = script(["print('done')"])
    with open("/dev/full", "w") as log:
        result = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.PIPE)
    assert result.returncode == 2 and result.stderr.count(b"\n") == 1
    with open("/dev/full", "w") as log:
        assert subprocess.run(command, env=environment, stdout=log, stderr=log).returncode == 2


def test_names_that_are_not_utf8_are_printed(tmp_path):
    command, environment = script(["print('Jo\\udcf6rg')"])
    result = subprocess.run(command, env=environment, capture_output=True)
    assert result.returncode == 0 and result.stdout == b"Jo\\udcf6rg\n"


def test_sigterm_leaves_no_part_of_an_output(tmp_path):
    path = tmp_path / "table.csv"
    body = [f"files.write_text({str(path)!r}, 'x')", "import os, signal"]
    command, environment = script([*body, "os.kill(os.getpid(), signal.SIGTERM)"])
    assert subprocess.run(command, env=environment).returncode == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("given", ["10", "-0.1", "nan", "many"])
def test_a_fraction_is_between_0_and_1(given, tmp_path, capsys):
    """10 for 10 % would let all files be broken."""
    words = ["--pool", str(tmp_path / "pool.fits"), "--broken", given, "--output", "x.csv"]
    with pytest.raises(SystemExit) as end:
        check_pool.main(words)
    assert end.value.code == 2
    assert f"argument --broken: invalid fraction value: '{given}'" in capsys.readouterr().err
