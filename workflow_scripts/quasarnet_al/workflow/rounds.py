"""The rounds of a run: which are labelled, which one waits, and what comes next."""

from collections.abc import Iterable
from pathlib import Path

from quasarnet_al.core.files import InputError, read_json
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import plan


def minibatches(config: dict) -> list[str]:
    """Return the names of a round's minibatches: 01, 02 ..."""
    return [f"{n + 1:02d}" for n in range(config["batch"]["size"] // config["batch"]["minibatch"])]


def handed_in(config: dict, number: int) -> list[str]:
    """Return the CSV files that people handed in for a round, sorted."""
    folder = Path("labels", config["run"], f"round-{number:02d}")
    files = folder.iterdir() if folder.is_dir() else []
    return sorted(str(path) for path in files if path.suffix.lower() == ".csv")


def refuse_void(config: dict, numbers: Iterable[int]) -> None:
    """Raise `InputError` where people have answered a batch that is to be chosen again.

    `numbers` are the rounds whose batch is; one that is not on disk is no choice yet.
    """
    for number in sorted(numbers):
        files = handed_in(config, number)
        batch = Path("results", config["run"], f"round-{number:02d}", "batch.csv")
        if number > config["oracle"]["rounds"] and files and batch.exists():
            raise InputError(
                Path(files[0]).parent,
                "holds answers to a batch that would be chosen again",
                "take back what changed before it (snakemake -n tells what), or move these files "
                "elsewhere; --forcerun select_batch goes on as it is",
            )


def waiting(config: dict, number: int) -> list[str]:
    """Return the minibatches of a round that still wait for an inspector.

    While the round's batch is not on disk any CSV counts: `merge_labels.py --whole` looks
    again.
    """
    if number <= config["oracle"]["rounds"]:
        return []
    files = handed_in(config, number)
    batch = Path("results", config["run"], f"round-{number:02d}", "batch.csv")
    if not files:
        return minibatches(config)
    if not batch.exists():
        return []
    from quasarnet_al.inspection import merge, vi
    from quasarnet_al.learning.batch import read_batch  # only here: pandas takes its time to start

    task = TASKS[config["task"]]
    answers, *_ = vi.read_answers(files, task.spectypes, task.redshifts)
    answers = answers[answers["QUALITY"] >= 0]
    answers = answers.merge(read_batch(batch)[["TARGETID", "MINIBATCH"]], on="TARGETID")
    answered = answers.groupby(["MINIBATCH", "INSPECTOR"])["TARGETID"].nunique()
    enough = merge.is_handed_in(answered, config["batch"]["minibatch"])
    inspectors = enough.groupby("MINIBATCH").sum()
    wanted = config["inspection"]["inspectors"]
    return [name for name in minibatches(config) if inspectors.get(int(name), 0) < wanted]


def in_graph(config: dict) -> list[int]:
    """Return the numbers of the rounds that belong to the graph now.

    All that are labelled, and the first that is not: it ends the graph.
    """
    numbers = []
    for number in range(1, config["rounds"] + 1):
        numbers.append(number)
        if waiting(config, number):
            break
    return numbers


def next_steps(config: dict, numbers: list[int], command: str) -> str:
    """Return the lines that tell a person where to look and what to do now.

    `numbers` are the rounds of the graph, `command` is what to type to go on.
    """
    results = f"results/{config['run']}"
    if not numbers:
        made = [plan.release(config)]
        made += [f"{results}/{name}" for name in ("label_ratio.csv", "arms.png", "compare.csv")]
        return "\n".join(["", *(path for path in made if Path(path).exists())])
    last = f"round-{numbers[-1]:02d}"
    places = {
        "report": f"{results}/report.html",
        "curve": f"{results}/learning_curve.csv",
        "batch": f"{results}/{last}/batch.csv",
        "inspection": f"{results}/{last}/inspect/index.html",
        "release": plan.release(config),
        "catalogue": f"{results}/catalog.fits",
        "archive": f"{results}/archive.tar",
    }
    lines = [f"{name + ':':12} {path}" for name, path in places.items() if Path(path).exists()]
    for number in numbers:
        folder = Path(results, f"round-{number:02d}")
        if number <= config["oracle"]["rounds"] or not (folder / "agreement.json").exists():
            continue
        counts = read_json(folder / "agreement.json")
        told = f"round {number}: {counts['accepted']} of {counts['targets']} labels accepted"
        told += "".join(
            f", {counts[name]} {name}"
            for name in ("low quality", "not inspected", "refused rows")
            if counts.get(name)
        )
        lines.append(told + f" (see {folder}/refused.csv)" * bool(counts.get("refused rows")))
        if counts["conflict"]:
            lines.append(
                f"inspectors disagree on {counts['conflict']} spectra of round {number}: decide on "
                f"{folder}/inspect/adjudication.html, before a later round's pages are answered"
            )
    missing = waiting(config, numbers[-1])
    files = handed_in(config, numbers[-1])
    if files:
        from quasarnet_al.inspection import vi  # only here: pandas takes its time to start

        task = TASKS[config["task"]]
        _, faults, refused = vi.read_answers(files, task.spectypes, task.redshifts)
        lines += faults.values()
        if refused:
            name, line, _, reason = refused[0]
            lines.append(f"{len(refused)} rows are not taken: {name} line {line}: {reason} ...")
    if missing and Path(places["inspection"]).exists():
        lines.append(
            f"round {numbers[-1]} waits for labels of the minibatches {', '.join(missing)}: "
            "inspect the pages, put the CSV files into "
            f"labels/{config['run']}/{last}/ (make the folder), then: {command}"
        )
    if not missing:
        lines.append(f"all {config['rounds']} rounds are labelled; raise `rounds` to go on")
    return "\n".join(["", *lines])
