"""Say what a round's labels changed, and whether another round pays."""

import numpy as np

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, provenance, read_json, write_json
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import stopping
from quasarnet_al.learning import scores
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.network.lines import Classification
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--labels", required=True, help="labels.csv of the round")
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of the round, and of the next one"
    )
    options.add_arguments(parser, Classification, "z_split")
    parser.add_argument("--output", required=True, help="the signs and the advice (JSON)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    batch = read_batch(args.batch)
    missing = [
        name
        for name in task.vote_columns
        if name not in batch or batch[name].dtype.kind not in "fi"
    ]
    if missing:
        raise InputError(args.batch, f"has no numbers in {missing[0]}", "select the batch again")
    table = task.answered(batch, args.labels, args.z_split)
    entropy = np.concatenate(
        [scores.read_scores(path, ["ENTROPY"])["ENTROPY"] for path in args.scores]
    )
    before, *after = [_merit(path, task.headline) for path in args.metrics]
    advice = stopping.advise(
        task.votes(table), table["TRUTH"].to_numpy(), entropy, before, after[0] if after else None
    )
    write_json(args.output, advice | {"provenance": provenance()})
    verdict = "another round pays" if advice["pays"] else "another round does not pay"
    wrong = f"{100 * advice['wrong_share']:.0f} %" if advice["labels"] else "an unknown share"
    print(f"{args.output}: the ensemble was wrong on {wrong} of the batch; {verdict}")


def _merit(path: str, headline: tuple[str, ...]) -> float:
    """Return the mean of the figures that summarize an ensemble."""
    metrics = read_json(path)
    try:
        return float(np.mean([metrics[name] or 0 for name in headline]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"is not a metrics.json ({error!r})", "evaluate again") from error


if __name__ == "__main__":
    program(main)
