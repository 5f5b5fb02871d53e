"""Running a program inside the test's process."""

import importlib
import signal
import sys
import warnings

from quasarnet_al.core.program import program as run_program


def end(program, arguments, folder, capsys, monkeypatch):
    """Run a program as its command line does; return its status and what it printed."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [f"{program}.py"])
    main = importlib.import_module(program.split(".")[0]).main
    handler, status = signal.getsignal(signal.SIGTERM), 0
    capsys.readouterr()
    try:
        with warnings.catch_warnings():
            # A warning is a line on stderr.
            warnings.simplefilter("always")
            run_program(lambda: main(arguments))
    except SystemExit as error:
        status = error.code
    finally:
        signal.signal(signal.SIGTERM, handler)
    return status, *capsys.readouterr()
