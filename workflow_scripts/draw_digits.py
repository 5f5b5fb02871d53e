"""Draw the most uncertain digit by each measure of the votes."""

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError, write_bytes
from quasarnet_al.core.program import command_line, program
from quasarnet_al.learning import selection
from quasarnet_al.learning.acquisition import MEASURES, column
from quasarnet_al.learning.scores import read_scores
from quasarnet_al.report import style
from quasarnet_al.report.digits import confusing_digits
from quasarnet_al.spectra import pool, truth
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.digits import CLASSES, most_confusing


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--scores", required=True, help="score table (FITS)")
    parser.add_argument("--pool", required=True, help="pool file of the scores (FITS)")
    parser.add_argument("--selection", required=True, help="selection of the round (FITS)")
    parser.add_argument("--truth", required=True, help="truth table (CSV)")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the selection")
    parser.add_argument("--table", required=True, help="table of the digits (CSV)")
    parser.add_argument("--figure", required=True, help="figure of the digits (PNG)")
    args = parser.parse_args(argv)

    images, _ = pool.read(args.pool)
    names = [column(name) for name in MEASURES] + [f"VOTE_{name}" for name in CLASSES]
    scores = read_scores(args.scores, ["TARGETID", "CLASS", *names])
    selected = selection.read_selection(args.selection)
    if not np.array_equal(scores["TARGETID"], selected["TARGETID"]):
        raise InputError(args.selection, f"is not of {args.scores}", "select the batch again")
    reason = np.char.strip(selected["REASON"])
    tie = selection.tie_breaker(scores["TARGETID"], args.seed)
    picked = most_confusing(scores, reason, tie)
    rows = list(picked.values())
    table = pd.DataFrame(
        {
            "MEASURE": list(picked),
            "TARGETID": scores["TARGETID"][rows],
            "TRUTH": truth.read(args.truth)["SPECTYPE"].reindex(scores["TARGETID"][rows]).values,
            "CLASS": scores["CLASS"][rows],
            "VALUE": [scores[column(name)][row] for name, row in picked.items()],
            **{column(n): scores[column(n)][rows] for n in picked},
            **{f"VOTE_{name}": scores[f"VOTE_{name}"][rows] for name in CLASSES},
        }
    )
    write_csv(args.table, table, "%.4f")
    write_bytes(args.figure, style.draw(confusing_digits, images[rows], table))
    for row in table.itertuples():
        print(f"{row.MEASURE}: a {row.TRUTH}, {row.VALUE:.4f}, entropy {row.ENTROPY:.4f}")


if __name__ == "__main__":
    program(main)
