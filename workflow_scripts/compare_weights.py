"""Compare a candidate's weights with the weights in use, and judge every difference.

Ends with status 0 whatever the verdict, so that its files are kept; `judge_weights.py`
tells it.
"""

import argparse

import numpy as np
import pandas as pd

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, provenance, write_bytes, write_json
from quasarnet_al.core.program import command_line, positive, program, progress
from quasarnet_al.judging import gate
from quasarnet_al.network.inference import Predictor
from quasarnet_al.network.lines import Classification, line_redshifts
from quasarnet_al.network.weights import read_network
from quasarnet_al.report import studies, style
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--candidate", required=True, help="weights (HDF5)")
    parser.add_argument("--incumbent", required=True, help="the weights in use (HDF5)")
    parser.add_argument("--validation", required=True, help="the validation set (FITS)")
    parser.add_argument("--pool", nargs="*", default=[], help="pool files (FITS)")
    parser.add_argument("--sky", nargs="*", default=[], help="pool files of sky fibres (FITS)")
    parser.add_argument("--cut", type=float, default=0.95, help="confidence cut")
    parser.add_argument("--n-thresh", type=positive, default=1, help="lines that make a quasar")
    options.add_arguments(parser, Classification, "z_split")
    parser.add_argument("--wanted-purity", type=float, default=0.99, help="to give the cut for")
    parser.add_argument(
        "--redshift-edges", type=float, nargs="+", default=gate.REDSHIFT_EDGES, help="of bins"
    )
    parser.add_argument(
        "--snr-edges", type=float, nargs="*", help="between bins of S/N; default: quartiles"
    )
    parser.add_argument("--least", type=positive, default=gate.LEAST, help="objects to judge by")
    parser.add_argument(
        "--allowed", nargs="*", type=_allowance, default=[], help="CHECK=LOSS of the whole"
    )
    parser.add_argument(
        "--allowed-in-bins", nargs="*", type=_allowance, default=[], help="CHECK=LOSS of a bin"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resampling")
    parser.add_argument("--threads", type=positive, default=1, help="threads to work on")
    parser.add_argument("--table", required=True, help="all checks (CSV)")
    parser.add_argument("--changes", required=True, help="exposures that change class (CSV)")
    parser.add_argument("--figure", required=True, help="(PNG)")
    parser.add_argument("--verdict", required=True, help="for judge_weights.py (JSON)")
    args = parser.parse_args(argv)
    for edges in (args.redshift_edges, args.snr_edges or []):
        if list(edges) != sorted(set(edges)):
            parser.error("edges of bins must increase")

    grid = pool.read_grid(args.validation, *args.pool, *args.sky)
    predictors = []
    for path in (args.candidate, args.incumbent):
        network = read_network(path)
        if network.grid != grid:
            raise InputError(
                path,
                f"is on the {network.grid.kind} grid, the spectra are on the {grid.kind} grid",
                "compare weights of one grid, on spectra of that grid",
            )
        predictors.append(Predictor(network))

    def answers(spectra: np.ndarray) -> list[gate.Answers]:
        """Return the candidate's and the incumbent's."""
        lines = [line_redshifts(*p(spectra, args.threads), grid)[:2] for p in predictors]
        return [gate.answers(*two, args.cut, args.n_thresh, args.z_split) for two in lines]

    spectra, catalog, labels = pool.read_labelled(args.validation)
    quasars = int((labels["SPECTYPE"] == "QSO").sum())
    if quasars < args.least:
        # What cannot be judged must not pass.
        raise InputError(
            args.validation, f"has {quasars} quasars, {args.least} are asked for", "label more"
        )
    rows = gate.compare_validation(
        *answers(spectra),
        labels,
        catalog["SNR"],
        args.wanted_purity,
        args.redshift_edges,
        args.snr_edges,
        args.seed,
    )
    changes = []
    for paths, compare in ((args.pool, gate.compare_pool), (args.sky, gate.compare_sky)):
        parts = []
        for path in progress(paths, "files"):
            spectra, catalog = pool.read(path)
            parts.append((*answers(spectra), catalog["TARGETID"]))
            if compare is gate.compare_pool:
                changes.append(gate.changes(*parts[-1][:2], catalog))
        if parts:
            candidate, incumbent, targetid = zip(*parts, strict=True)
            rows += compare(
                gate.join(candidate), gate.join(incumbent), np.concatenate(targetid), args.seed
            )
    table = gate.verdict(
        rows,
        gate.ALLOWED | dict(args.allowed),
        gate.ALLOWED_IN_BINS | dict(args.allowed_in_bins),
        args.least,
    )
    result = gate.summary(table, args.cut) | {
        "candidate": args.candidate,
        "incumbent": args.incumbent,
        "table": args.table,
        "provenance": provenance(),
    }
    changed = pd.concat(changes) if changes else pd.DataFrame(columns=["TARGETID"])
    for path, content in ((args.table, table), (args.changes, changed)):
        write_csv(path, content, "%.6g")
    write_bytes(args.figure, style.draw(studies.gate, table, args.cut))
    write_json(args.verdict, result)
    print(f"{args.verdict}: {len(result['broken'])} of {result['judged']} thresholds are broken")


def _allowance(text: str) -> tuple[str, float]:
    """Return a check and what it may lose, of CHECK=LOSS."""
    check, loss = text.split("=")
    if check not in gate.ALLOWED:
        raise argparse.ArgumentTypeError(f"{check} is none of {', '.join(gate.ALLOWED)}")
    return check, float(loss)


if __name__ == "__main__":
    program(main)
