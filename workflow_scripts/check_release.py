"""Test weights on labelled sets not used for training; write tables by group and by spectrum.

Of several weights each is tested on the same spectra.
"""

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, content_of
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import check
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.weights import read_networks
from quasarnet_al.spectra import sets
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--weights", nargs="+", required=True, help="networks that QuasarNP can read (HDF5)"
    )
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument(
        "--training", help="training set of the first weights (FITS): its objects are left out"
    )
    cut = options.reader(Classification, "c_thresh")
    parser.add_argument("--cuts", nargs="+", type=cut, default=[0.5, 0.95], help="confidence cuts")
    options.add_arguments(parser, Classification, "n_thresh")
    parser.add_argument(
        "--table", required=True, help="table with a row per network, group and cut (CSV)"
    )
    parser.add_argument(
        "--spectra", required=True, help="table with a row per network and spectrum (CSV)"
    )
    args = parser.parse_args(argv)

    found = read_networks(args.weights)
    if len(found) > len(args.weights):
        remedy = "give networks, each in a file of its own"
        raise InputError(" ".join(args.weights), "an ensemble is among them", remedy)
    networks = dict(zip(args.weights, found, strict=True))
    learned = [sets.Labelled.read(args.training)] if args.training else []
    with content_of(" ".join(args.weights), "release them again"):
        table = check.spectra(networks, args.labelled, learned, args.n_thresh)
    summary = check.check(table, args.cuts)
    for path, rows in ((args.spectra, table), (args.table, summary)):
        write_csv(path, rows, "%.6g")
    print(summary.to_string(index=False, float_format="%.4g"))
    for weights, rows in table.groupby("WEIGHTS", sort=False):
        again = check.repeats(rows, args.cuts[0])
        print(
            f"{weights}: of {again['objects']} objects with several spectra "
            f"{again['same_class']} have one class; the redshifts of {again['pairs']} pairs "
            f"are {again['apart_kms']:.0f} km/s apart (median)"
        )


if __name__ == "__main__":
    program(main)
