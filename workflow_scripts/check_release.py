"""Test weights on labelled sets not used for training; write tables by set and by spectrum."""

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.judging import metrics
from quasarnet_al.judging.statistics import LIGHT_SPEED, velocity
from quasarnet_al.network import inference
from quasarnet_al.network.lines import combined_redshift, line_redshifts
from quasarnet_al.network.weights import read_network
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", required=True, help="network that QuasarNP can read (HDF5)")
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument(
        "--training", help="training set of the weights (FITS): its objects are left out"
    )
    parser.add_argument(
        "--cuts", nargs="+", type=float, default=[0.5, 0.95], help="confidence cuts"
    )
    parser.add_argument(
        "--n-thresh", type=positive, default=1, help="number of lines that make a quasar"
    )
    parser.add_argument("--table", required=True, help="table with a row per set and cut (CSV)")
    parser.add_argument("--spectra", required=True, help="table with a row per spectrum (CSV)")
    args = parser.parse_args(argv)

    network = read_network(args.weights)
    learned = pool.read_labelled(args.training)[2] if args.training else pool.labels(0, "")
    tables = []
    for path in args.labelled:
        spectra, catalog, labels = pool.read_labelled(path)
        if spectra.shape[1] != network.grid.size:
            raise InputError(
                path, f"is on another grid than {args.weights}", "set the same grid for both"
            )
        known = np.isin(labels["OBJECT"], learned["OBJECT"])
        known |= np.isin(labels["TARGETID"], learned["TARGETID"])
        if known.any():
            print(f"{path}: {known.sum()} spectra of objects in the training set are left out")
        spectra, catalog, labels = spectra[~known], catalog[~known], labels[~known]
        c, z, _ = line_redshifts(*inference.predict(network, spectra), network.grid)
        table = pd.DataFrame({"SET": labels["ORIGIN"], "TARGETID": labels["TARGETID"]})
        table["SPECTYPE"], table["Z"] = labels["SPECTYPE"], labels["Z"]
        # The strongest line decides at n_thresh 1, the second strongest at 2 ...
        table["CONFIDENCE"] = np.sort(c, axis=1)[:, -args.n_thresh]
        table["Z_QN"] = combined_redshift(c, z)
        table["DZ"] = velocity(combined_redshift(c, z), labels["Z"]) / LIGHT_SPEED
        table["SNR"] = catalog["SNR"]
        tables.append(table)
    table = pd.concat(tables)
    summary = metrics.found_in_sets(table, args.cuts)
    for path, rows in ((args.spectra, table), (args.table, summary)):
        write_csv(path, rows, "%.6g")
    print(summary.to_string(index=False, float_format="%.4g"))


if __name__ == "__main__":
    program(main)
