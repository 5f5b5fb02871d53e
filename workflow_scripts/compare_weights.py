"""Compare a candidate's weights with the weights in use, and judge every difference.

Ends with status 0 whatever the verdict, so that its files are kept; `judge_weights.py`
reports it.
"""

import argparse

from quasarnet_al.core import options
from quasarnet_al.core.files import provenance, write_bytes, write_json
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.judging import comparison, gate
from quasarnet_al.network.lines import Classification
from quasarnet_al.report import studies, style
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    add, default = parser.add_argument, gate.Settings()
    add("--candidate", required=True, help="weights to judge (HDF5)")
    add("--incumbent", required=True, help="weights in use (HDF5)")
    add("--validation", required=True, help="labelled spectra that chose no weights (FITS)")
    add("--pool", nargs="*", default=[], help="pool files of unlabelled exposures (FITS)")
    add("--sky", nargs="*", default=[], help="pool files of sky fibres (FITS)")
    cut = options.reader(Classification, "c_thresh")
    add("--cut", type=cut, default=default.cut, help="confidence cut")
    options.add_arguments(parser, Classification, "n_thresh", "z_split")
    add("--wanted-purity", type=float, default=0.99, help="purity for which cuts are derived")
    edges = default.redshift_edges
    add("--redshift-edges", type=float, nargs="+", default=edges, help="edges of redshift bins")
    add("--snr-edges", type=float, nargs="*", default=[], help="between S/N bins, or quartiles")
    add("--least", type=positive, default=default.least, help="minimum objects for a check")
    for option, where in (("--allowed", "the whole sample"), ("--allowed-in-bins", "a bin")):
        text = f"CHECK=LOSS that is allowed in {where}"
        add(option, type=_allowance, nargs="*", default=[], help=text)
    add("--seed", type=int, default=0, help="random seed of the resampling")
    add("--threads", type=positive, default=1, help="number of threads")
    add("--table", required=True, help="all checks (CSV)")
    add("--changes", required=True, help="exposures that change class (CSV)")
    add("--figure", required=True, help="figure of the checks (PNG)")
    add("--verdict", required=True, help="verdict for judge_weights.py (JSON)")
    args = parser.parse_args(argv)

    settings = gate.Settings(
        cut=args.cut,
        n_thresh=args.n_thresh,
        z_split=args.z_split,
        wanted_purity=args.wanted_purity,
        redshift_edges=args.redshift_edges,
        snr_edges=args.snr_edges,
        least=args.least,
        allowed=dict(args.allowed),
        allowed_in_bins=dict(args.allowed_in_bins),
        seed=args.seed,
    )
    files = comparison.Files(args.validation, args.pool, args.sky)
    table, changes = comparison.compare(
        args.candidate, args.incumbent, files, settings, args.threads
    )
    result = gate.summary(table, args.cut)
    for path, content in ((args.table, table), (args.changes, changes)):
        write_csv(path, content, "%.6g")
    write_bytes(args.figure, style.draw(studies.gate, table, args.cut))
    names = {"candidate": args.candidate, "incumbent": args.incumbent, "table": args.table}
    write_json(args.verdict, result | names | {"provenance": provenance()})
    print(f"{args.verdict}: {len(result['broken'])} of {result['judged']} thresholds violated")


def _allowance(text: str) -> tuple[str, float]:
    """Return a check and what it may lose, of CHECK=LOSS."""
    check, loss = text.split("=")
    if check not in gate.ALLOWED:
        raise argparse.ArgumentTypeError(f"{check} is not one of {', '.join(gate.ALLOWED)}")
    return check, float(loss)


if __name__ == "__main__":
    program(main)
