"""Run all benchmarks one after the other and write RESULTS.md beside this file.

    python tests/benchmarks/run_all.py [--quasarnp FOLDER] [--peers FOLDER ...]

Peers that are not installed are taken from the folders given, and skipped otherwise.
"""

import argparse
import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from quasarnet_al.core.files import write_text

HERE = Path(__file__).parent
#: What each benchmark is about, its program and its arguments.
BENCHMARKS = (
    ("Inference, 6 layers", "bench_inference.py", []),
    (
        "Inference, 4 layers, linear grid",
        "bench_inference.py",
        ["--layers", "4", "--padding", "valid", "--grid", "linear"],
    ),
    ("Ensemble", "bench_ensemble.py", []),
    ("Map, 1 thread", "bench_som.py", ["--threads", "1"]),
    ("Map, 2 threads", "bench_som.py", ["--threads", "2", "--minisom-epochs", "0"]),
    ("Extraction", "bench_extract.py", []),
    ("Training", "bench_training.py", []),
    ("Start of the programs", "bench_start.py", []),
    ("Dry run", "bench_dag.py", []),
    ("Load", "bench_load.py", []),
    ("Inspection page", "bench_page.py", []),
    ("A round, estimated", "estimate.py", []),
)
TAKES_QUASARNP = ("bench_inference.py", "bench_extract.py")
TAKES_PEERS = ("bench_inference.py", "bench_som.py")
PACKAGES = ("numpy", "fitsio", "h5py", "tensorflow-cpu", "keras", "minisom")
PEERS = ("quasarnp", "onnxruntime", "openvino", "xpysom")
#: Figures that need more than a number, written by hand after profiles.
NOTES = HERE / "NOTES.md"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quasarnp", help="folder that QuasarNP is in")
    parser.add_argument("--peers", nargs="+", default=[], help="folders of the other peers")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    arguments = parser.parse_args(argv)

    # A forced core type or cache size would measure another machine than this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    load = [os.getloadavg()[0]]
    rows, sections, failed = [], [], []
    for title, program, more in BENCHMARKS:
        command = [sys.executable, str(HERE / program), *more]
        if arguments.quasarnp and program in TAKES_QUASARNP:
            command += ["--quasarnp", arguments.quasarnp]
        if arguments.peers and program in TAKES_PEERS:
            command += ["--peers", *arguments.peers]
        print(f"{title} ...", file=sys.stderr, flush=True)
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        lines = run.stdout.splitlines()
        if run.returncode:  # what the others measured is kept
            print(f"{program} failed:\n{run.stdout}{run.stderr}", file=sys.stderr, flush=True)
            failed.append(program)
            lines.append(f"\n{program} failed.")
        rows += [line.removeprefix("SUMMARY ") for line in lines if line.startswith("SUMMARY ")]
        text = "\n".join(line for line in lines if not line.startswith("SUMMARY ")).strip()
        sections.append(f"## {title}\n\n`{' '.join([program, *more])}`\n\n{text}\n")
        load.append(os.getloadavg()[0])

    table = ["| what | figure | asked | goal |", "| --- | --- | --- | --- |", *rows]
    about = [
        "# Speed",
        "Written by `tests/benchmarks/run_all.py`: one run, each figure a median of runs that "
        "take turns, ratios taken within a turn. Asked and goal are what the project set itself.",
        f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; load average "
        f"{min(load):.1f} to {max(load):.1f} (the benchmarks' own included).",
        f"Python {platform.python_version()}, {versions(arguments)}.",
        "Command: `python tests/benchmarks/run_all.py"
        + " --quasarnp FOLDER" * bool(arguments.quasarnp)
        + " --peers FOLDER ..." * bool(arguments.peers)
        + "`, threads as each row says.",
    ]
    notes = [NOTES.read_text(encoding="utf-8")] if NOTES.exists() else []
    text = "\n\n".join([*about, "\n".join(table), *notes, *sections])
    write_text(arguments.output, text.rstrip() + "\n")
    print("\n".join(table))
    sys.exit(1 if failed else 0)


def processor() -> str:
    """Return the name of the CPU and its vector instructions."""
    info = dict(
        map(str.strip, line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if ":" in line
    )
    vector = "AVX-512" if "avx512f" in info["flags"] else "AVX2"
    return f"{info['model name']} (family {info['cpu family']}, model {info['model']}, {vector})"


def versions(arguments: argparse.Namespace) -> str:
    """Return the versions of what is measured, wherever it lies."""
    found = {}
    # The environment's come last, as they are the ones that count.
    for distribution in importlib.metadata.distributions(path=[*arguments.peers, *sys.path]):
        found[distribution.name.lower().replace("_", "-")] = distribution.version
    sys.path += [arguments.quasarnp] if arguments.quasarnp else []
    with contextlib.suppress(ImportError):
        found["quasarnp"] = importlib.import_module("quasarnp").__version__
    return ", ".join(f"{name} {found[name]}" for name in (*PACKAGES, *PEERS) if name in found)


if __name__ == "__main__":
    main()
