"""Start of each program that works without TensorFlow, against that of numpy.

    python tests/benchmarks/bench_start.py

`--help` imports all that a program needs at its top; the last row runs one to the end.
All runs alternate; ratios are taken within a turn.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import alternate, spread, summary

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers import samples

ROOT = Path(__file__).parents[2]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args(argv)

    programs = sorted((ROOT / "workflow_scripts").glob("*.py"))
    with tempfile.TemporaryDirectory() as folder:
        coadd = samples.write_coadd(Path(folder, "coadd-0-1-thru2.fits"))
        commands = {"import numpy": ["-c", "import numpy"]}
        commands |= {f"{path.name} --help": [str(path), "--help"] for path in programs}
        extract = str(ROOT / "workflow_scripts" / "extract_spectra.py")
        commands["extract_spectra.py, 6 spectra"] = [
            extract, "--coadd", str(coadd), "--output", f"{folder}/pool.fits"
        ]  # fmt: skip
        runs = {name: lambda command=command: start(command) for name, command in commands.items()}
        seconds = alternate(runs, arguments.repeats)
    numpy = seconds["import numpy"]
    print("| what | s, median (lowest-highest) | of numpy |\n| --- | --- | --- |")
    ratios = {name: float(np.median(taken / numpy)) for name, taken in seconds.items()}
    for name, taken in seconds.items():
        print(f"| {name} | {spread(taken, 2)} | {ratios[name]:.1f} |")
    del ratios["import numpy"]
    slowest = max(ratios, key=ratios.get)
    figure = f"{np.median(list(ratios.values())):.1f} x; slowest {ratios[slowest]:.1f} x: {slowest}"
    summary("start of the programs, of `import numpy`", figure, "5 x", "3 x")
    over = sum(ratio > 5 for ratio in ratios.values())
    print(f"\n{over} of {len(ratios)} above 5 x, {sum(r > 3 for r in ratios.values())} above 3 x")


def start(command: list[str]) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
