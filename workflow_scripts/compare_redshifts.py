"""Compare the ensemble's redshifts with published ones, spectrum by spectrum."""

import numpy as np
import pandas as pd

from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging.statistics import LIGHT_SPEED
from quasarnet_al.learning.scores import read_scores
from quasarnet_al.spectra import truth
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.spectra.tiles import distinct

COLUMNS = ("TARGETID", "TILEID", "Z_MEAN", "Z_STD", "Z_QN", "VOTE_NOT_QSO", "SNR")


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument("--truth", nargs="+", required=True, help="truth tables (FITS, CSV)")
    parser.add_argument("--output", required=True, help="comparison (CSV)")
    args = parser.parse_args(argv)

    scores = np.concatenate([read_scores(path, COLUMNS) for path in distinct(args.scores)])
    known = truth.read_all(args.truth)
    scores = scores[np.isin(scores["TARGETID"], known.index)]
    table = pd.DataFrame({"TARGETID": scores["TARGETID"], "TILEID": scores["TILEID"]})
    table["SPECTYPE"] = known["SPECTYPE"].reindex(table["TARGETID"]).to_numpy()
    table["Z_TRUTH"] = known["Z"].reindex(table["TARGETID"]).to_numpy()
    table["Z_MEAN"], table["Z_STD"] = scores["Z_MEAN"], scores["Z_STD"]
    table["Z_QN"] = scores["Z_QN"]
    table["DZ"] = (table["Z_QN"] - table["Z_TRUTH"]) / (1 + table["Z_TRUTH"])
    table["DV_KMS"] = LIGHT_SPEED * table["DZ"]
    table["VOTE_QSO"] = 1 - scores["VOTE_NOT_QSO"]
    table["SNR"] = scores["SNR"]
    write_csv(args.output, table, "%.6g")
    good = np.abs(table["DZ"]) < 0.01
    print(f"{args.output}: {len(table)} spectra, {good.sum()} within |dz|/(1+z) < 0.01")


if __name__ == "__main__":
    program(main)
