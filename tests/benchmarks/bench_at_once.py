"""Members of an ensemble trained in the same steps against one after the other.

    python tests/benchmarks/bench_at_once.py [--gpu] [--members 8] [--filters 16] [--batch-size 64]

With --gpu it measures the first GPU that TensorFlow sees, otherwise the CPU. One process trains a
single member and another one several at once; they take turns epoch by epoch, and the first epoch
is the warm-up. The ratio is that of the time per member: above 1, `ensemble.members_at_once` pays.
"""

import argparse
import functools

import numpy as np
from bench_training import measure, train, use_gpu
from measure import spread, summary


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpu", action="store_true", help="measure a GPU")
    parser.add_argument("--threads", type=int, default=1, help="number of CPU threads")
    parser.add_argument("--members", type=int, default=8, help="number of members at once")
    parser.add_argument("--filters", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--spectra", type=int, default=2048, help="spectra per epoch and member")
    parser.add_argument("--repeats", type=int, default=5, help="number of epochs")
    arguments = parser.parse_args(argv)
    use_gpu(parser, arguments.gpu)
    recipe = {"filters": arguments.filters, "batch_size": arguments.batch_size}
    works = [
        functools.partial(train, members=number, **recipe) for number in (1, arguments.members)
    ]
    one, several = measure(works, arguments.threads, arguments.spectra, arguments.repeats)
    where = "GPU" if arguments.gpu else f"CPU, {arguments.threads} threads"
    network = f"{arguments.filters} filters, batches of {arguments.batch_size}"
    print(f"\n{where}; {network}; {arguments.spectra} spectra an epoch and member\n")
    print("| members at once | spectra/s, all members, median (lowest-highest) |\n| --- | --- |")
    for number, seconds in ((1, one), (arguments.members, several)):
        print(f"| {number} | {spread(number * arguments.spectra / seconds, 0)} |")
    ratio = np.median(arguments.members * one / several)
    what = f"training of {arguments.members} members at once, {where}, {network}"
    summary(what, f"{ratio:.2f} x one after the other")


if __name__ == "__main__":
    main()
