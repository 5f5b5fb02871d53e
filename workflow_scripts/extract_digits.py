"""Write MNIST's digits as a pool, as labelled sets, and as the truth that the oracle knows."""

from pathlib import Path

import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import DIGIT
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks import digits


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--images", required=True, help="t10k-images-idx3-ubyte.gz")
    parser.add_argument("--labels", required=True, help="t10k-labels-idx1-ubyte.gz")
    parser.add_argument(
        "--count", required=True, type=positive, help="number of digits in the pool"
    )
    parser.add_argument(
        "--labelled-count",
        nargs="+",
        required=True,
        type=positive,
        help="number of digits in each labelled set",
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the draw")
    parser.add_argument("--pool", required=True, help="pool file (FITS)")
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument("--truth", required=True, help="truth table of the pool (CSV)")
    args = parser.parse_args(argv)
    if len(args.labelled) != len(args.labelled_count):
        parser.error("--labelled-count takes a number for each labelled set")

    images, classes = digits.read(args.images, args.labels)
    # The labelled sets first: a larger pool leaves them as they are.
    sizes = [*args.labelled_count, args.count]
    if sum(sizes) > len(images):
        raise InputError(
            args.images,
            f"has {len(images)} digits, but {sum(sizes)} are asked for",
            "lower the counts of the pool or of the labelled sets",
        )
    *labelled, rest = digits.draw(len(images), sizes, args.seed)
    source = Path(args.images).name
    for path, rows in zip(args.labelled, labelled, strict=True):
        table = digits.labels(rows, classes, Path(path).stem)
        pool.write(path, images[rows], digits.catalog(rows, source), DIGIT, table)
    pool.write(args.pool, images[rest], digits.catalog(rest, source), DIGIT)
    truth = pd.DataFrame({"TARGETID": rest, "SPECTYPE": classes[rest], "Z": None, "BAL": -1})
    write_csv(args.truth, truth)
    print(f"{args.pool}: {len(rest)} digits; labelled {args.labelled_count}")


if __name__ == "__main__":
    program(main)
