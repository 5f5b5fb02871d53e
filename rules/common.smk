"""Functions that several rules ask; the config's meaning is in quasarnet_al.workflow."""

import os
import shlex

from quasarnet_al.core import options
from quasarnet_al.learning.selection import Selection, Strategy
from quasarnet_al.learning.som import MapOptions
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.recipe import Recipe

TASK = TASKS[config["task"]]
CHUNKS = plan.chunks(config)
CATALOG_CHUNKS = plan.chunks(config, "catalog") or CHUNKS
#: Where the tiles of any chunk lie.
PLACES = CHUNKS | CATALOG_CHUNKS
LABELLED = plan.labelled_sets(config)
#: The labelled sets that teach and validate, and those for the check of the release alone.
SETS = {name: labelled for name, labelled in LABELLED.items() if not labelled.check}
CHECKS = LABELLED.keys() - SETS.keys()
TEAMS = plan.teams(config)
MEMBERS = [f"{member:02d}" for team in TEAMS.values() for member in team]
ARMS = config["experiment"]["arms"]
VARIANTS = config["compare"]["variants"]
#: From line confidences to classes: the options of all programs that classify.
CLASSIFICATION = options.words(Classification, config["classification"])
MINIBATCHES = rounds.minibatches(config)
#: What the rules of a task add to the targets.
TASK_TARGETS = []


def by_attempt(amount, a_thread=0):
    """Memory (MB) or time limit (minutes) of a job: grows each time that it has failed."""
    return lambda wildcards, threads, attempt: (amount + a_thread * threads) * attempt


def two_digits(numbers):
    """Rounds as they stand in paths."""
    return [f"{number:02d}" for number in numbers]


def labelled_rounds():
    """Rounds whose labels are in, or come from the oracle."""
    return [number for number in ROUNDS if not rounds.waiting(config, number)]


def earlier_rounds(wildcards):
    """Rounds before this one, as they stand in paths."""
    return two_digits(range(1, int(wildcards.round)))


def metrics_after(wildcards):
    """Metrics of the ensemble that a round's labels taught, if it is part of the graph."""
    after = int(wildcards.round) + 1
    if after not in ROUNDS:
        return []
    return f"results/{config['run']}/round-{after:02d}/metrics.json"


def is_oracle_round(number):
    return int(number) <= config["oracle"]["rounds"]


def fit_of_round(wildcards):
    """The map of a round: the run's, unless the config refits it."""
    refit = int(wildcards.round) in config["som"]["refit_rounds"]
    return f"round-{wildcards.round}" if refit else "run"


def som_of_round(wildcards):
    return f"results/{config['run']}/som/{fit_of_round(wildcards)}/som.h5"


def handed_in(wildcards):
    """What people handed in for a round; an oracle's answers come after the pages."""
    if is_oracle_round(wildcards.round):
        return []
    return rounds.handed_in(config, int(wildcards.round))


def next_command():
    """What a person types to go on with this config."""
    # As they are from here: where the folder lies is no part of a result.
    files = shlex.join(map(os.path.relpath, workflow.overwrite_configfiles or []))
    return "snakemake --cores 2" + (f" --configfile {files}" if files else "")


def som_seed(wildcards):
    """A refit draws another sample of the pool: its round is in the seed."""
    number = 0 if wildcards.fit == "run" else int(wildcards.fit.removeprefix("round-"))
    return 100 * config["seed"] + number


def answers(wildcards):
    """The CSV files of a round: the oracle's, or what people handed in."""
    if is_oracle_round(wildcards.round):
        return expand(
            "results/<run>/round-{round}/oracle/minibatch-{minibatch}.csv",
            round=wildcards.round,
            minibatch=MINIBATCHES,
        )
    return handed_in(wildcards)


def survey_of_tiles(wildcards):
    """What must be there before a mock survey's tiles can be read."""
    survey = PLACES[wildcards.tiles].survey
    return plan.survey_truth(config, survey) if survey else []


def adjudications():
    """Pages on which the conflicts of people's rounds are decided."""
    return [
        f"results/{config['run']}/round-{number:02d}/inspect/adjudication.html"
        for number in labelled_rounds()
        if not is_oracle_round(number)
    ]


def what_to_build():
    """Targets of the rounds that have labels and of the first that waits; a run without
    rounds is for its experiment or comparison, or for its release."""
    results, rounds = f"results/{config['run']}", two_digits(ROUNDS)
    studies = [f"{results}/label_ratio.csv"] if ARMS else []
    studies += [f"{results}/compare.csv"] if VARIANTS else []
    if not ROUNDS:
        return studies or [plan.release(config)]
    pages = ["inspect/index.html"] if TASK.pages else []
    return [
        *studies,
        *expand(
            f"{results}/round-{{round}}/{{file}}",
            round=rounds,
            file=["metrics.json", "report.html", *pages],
        ),
        *expand(f"{results}/round-{{round}}/labels.csv", round=two_digits(labelled_rounds())),
        *adjudications(),
        *redshift_tables(),
        *outlier_tables(),
        f"{results}/learning_curve.csv",
        f"{results}/report.html",
        *TASK_TARGETS,
    ]


def if_labelled(file):
    """A file of a round that is there once its labels are."""
    return lambda wildcards: (
        f"results/{config['run']}/round-{wildcards.round}/{file}"
        if int(wildcards.round) in labelled_rounds()
        else []
    )


def redshift_tables():
    """Tables that compare the ensemble's redshifts with published ones, where there are any."""
    known = any(source.get("truth") for source in config["pool"]["sources"])
    rounds = two_digits(ROUNDS) if known else []
    return [f"results/{config['run']}/round-{number}/redshifts.csv" for number in rounds]


def incumbent(wildcards):
    """The weights in use; only the gate asks for them."""
    try:
        return plan.incumbent(config)
    except InputError as error:
        sys.exit(str(error))


def catalog_weights(wildcards):
    """The members of the newest round, or the released network."""
    if config["catalog"]["weights"] == "release" or not ROUNDS:
        return [plan.release(config)]
    return expand(
        f"results/{config['run']}/round-{{round}}/weights/member-{{member}}.h5",
        round=two_digits(ROUNDS[-1:]),
        member=MEMBERS,
    )


def asked_for(pattern, fault, **names):
    """Files for the names in a config; only their target asks for them, and where there are
    none it ends with the fault."""

    def files(wildcards):
        return expand(pattern, **names) or sys.exit(f"config: {fault}")

    return files


def outlier_tables():
    """Tables of what the outlier rule discarded, where the pool is a mock survey's."""
    if config["batch"]["outliers"] == "none" or not all(c.survey for c in CHUNKS.values()):
        return []
    return [f"results/{config['run']}/round-{n}/outliers.csv" for n in two_digits(ROUNDS)]
