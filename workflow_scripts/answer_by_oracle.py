"""Answer a minibatch from the known truth, as an inspector would by CSV."""

import pandas as pd

from quasarnet_al.core import files
from quasarnet_al.core.program import command_line, program
from quasarnet_al.inspection import vi
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.spectra.truth import read


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--truth", required=True, help="table with TARGETID, SPECTYPE, Z, BAL")
    parser.add_argument("--minibatch", required=True, type=int, help="which one to answer, from 1")
    parser.add_argument("--title", required=True, help="title of the page it answers")
    parser.add_argument("--output", required=True, help="VI CSV")
    args = parser.parse_args(argv)

    batch = read_batch(args.batch)
    batch = batch[batch["MINIBATCH"] == args.minibatch]
    truth = read(args.truth)
    missing = sorted(set(batch["TARGETID"]) - set(truth.index))
    if missing:
        raise files.InputError(
            args.truth, f"does not have TARGETID {missing[0]}", "give the truth of this batch"
        )
    truth = truth.loc[batch["TARGETID"]]
    # An inspector cannot say either what the truth table leaves open: quality 0 or 1 is no label.
    doubt = truth["QUALITY"].fillna(0).clip(0, 1).astype(int)
    quality = doubt.where(truth["REASON"] != "", 4)
    table = pd.DataFrame(
        {
            "TARGETID": truth.index.to_numpy(),
            "VI_scanner": "oracle",
            "VI_quality": quality.to_numpy(),
            "VI_issue": "",
            "VI_z": truth["Z"].round(6).to_numpy(),
            "VI_spectype": truth["SPECTYPE"].to_numpy(),
            "VI_comment": f"{args.title}: from the known truth",
            "VI_BAL": ["" if bal < 0 else int(bal) for bal in truth["BAL"]],
        }
    )
    vi.write_vi(args.output, table)


if __name__ == "__main__":
    program(main)
