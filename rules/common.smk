"""What several rules need: names from the config, and functions of wildcards.

`snakemake --lint` wants functions here, apart from the rules. What the config means is decided in
`quasarnet_al.workflow`.
"""

import math

from quasarnet_al.core import options
from quasarnet_al.learning.selection import Selection, Strategy
from quasarnet_al.learning.som import MapOptions
from quasarnet_al.network.lines import VOTING, Classification, Viewing
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.workflow import cost
from quasarnet_al.workflow.config import PREVIOUS

CHUNKS = CAMPAIGN.chunks
CATALOG_CHUNKS = CAMPAIGN.catalog_chunks or CHUNKS
#: The chunks of the pool and of the catalogue, by name.
PLACES = CHUNKS | CATALOG_CHUNKS
LABELLED = plan.labelled_sets(config)
#: The labelled sets for training and validation; those that only check the release.
SETS = {name: labelled for name, labelled in LABELLED.items() if not labelled.check}
CHECKS = LABELLED.keys() - SETS.keys()
ARMS = config["experiment"]["arms"]
VARIANTS = config["compare"]["variants"]
#: Options of the programs that judge what line confidences are turned into.
CLASSIFICATION = options.words(Classification, config["classification"])
#: Targets that the rules of a task add to what `snakemake` builds.
TASK_TARGETS = []


def memory(amount, per_thread=0, per_mb=0):
    """Memory (MB) of a job, by its threads and its input; each retry gets as much again."""

    def megabytes(wildcards, input, threads, attempt):
        by_size = math.ceil(per_mb * input.size_mb) if per_mb else 0
        return (amount + per_thread * threads + by_size) * attempt

    return megabytes


def broken_in_job():
    """Largest fraction of the files of one job that may be broken: the pool is judged as a whole,
    by check_pool."""
    return 1 if config["pool"]["broken"] else 0


def training_memory(wildcards, input, attempt):
    """Memory (MB) of a job that trains, by the size of its input."""
    return cost.training_memory(input.size_mb) * attempt


def ensemble_of(wildcards):
    """How the members of a job are trained: by the config of its round, or the run's."""
    by = settings(wildcards) if "round" in wildcards.keys() else config
    return by["ensemble"]


def ensemble_memory(wildcards, input, attempt):
    """Memory (MB) of a job that trains members of an ensemble."""
    at_once = ensemble_of(wildcards)["members_at_once"]
    return cost.training_memory(input.size_mb, at_once) * attempt


def time_limit(rule, seconds):
    """Time limit (minutes) of a job; `seconds(wildcards, input)` says how long it should work."""
    return lambda wildcards, input, attempt: (cost.limit(rule, seconds(wildcards, input)) * attempt)


def spectra_of(input):
    """About how many spectra a job reads."""
    return cost.spectra_in(input.size_mb)


def extraction_memory(wildcards, threads, attempt):
    """Memory (MB) of a job that reads a chunk of tiles."""
    tiles = len(PLACES[wildcards.tiles].tiles)
    return (2000 + 400 * threads + cost.TILE_MEMORY * tiles) * attempt


def extraction(wildcards, input):
    """Seconds in which the coadds of a chunk of tiles are read."""
    return len(PLACES[wildcards.tiles].tiles) * cost.TILE_SECONDS


def scoring(networks):
    """Seconds in which networks are applied to all spectra that a job reads."""
    return lambda wildcards, input: cost.scoring_seconds(networks, spectra_of(input))


def training(recipe, networks):
    """Seconds in which networks are trained on what a job reads, by a section of the config."""
    return lambda wildcards, input: cost.training_seconds(recipe, networks, spectra_of(input))


def training_of_members(number):
    """Seconds in which as many members are trained as this key of the ensemble says."""

    def seconds(wildcards, input):
        ensemble = ensemble_of(wildcards)
        return cost.training_seconds(
            ensemble, ensemble[number], spectra_of(input), at_once=ensemble["members_at_once"]
        )

    return seconds


def judging_sets():
    """The sets whose objects teach nothing: the validation set, and the gate's, if it has one."""
    gate = any(labelled.gate for labelled in SETS.values())
    return [f"results/{config['run']}/{name}.fits" for name in ["validation", "gate"][: 1 + gate]]


#: The files of the labelled sets and of those that judge.
SET_FILES = [f"results/{config['run']}/labelled/{name}.fits" for name in SETS] + judging_sets()


def two_digits(numbers):
    """Rounds as paths name them: 01, 02 ..."""
    return [f"{number:02d}" for number in numbers]


def numbered(name, numbers):
    """What a step of some rounds is called: `name`, or that and the first of them."""
    return name if 1 in numbers else f"{name}_{numbers[0]}"


def labelled_rounds():
    """Rounds whose labels people have handed in, or the oracle gives."""
    return [number for number in ROUNDS if not CAMPAIGN.waiting(number)]


def settings(wildcards):
    """The config by which a round is made: as recorded where people have answered it."""
    return CAMPAIGN.settings(int(wildcards.round))


def settings_of_fit(wildcards):
    """The config by which a map is fitted: that of the first round that uses it."""
    return CAMPAIGN.settings(CAMPAIGN.fitted_for(wildcards.fit) or 1)


def tiles_of_round(pattern):
    """Files of the chunks of the pool that a round chooses from."""
    return lambda wildcards: expand(
        pattern,
        round=wildcards.round,
        map=CAMPAIGN.map_folder(int(wildcards.round)),
        tiles=CAMPAIGN.tiles(int(wildcards.round)),
    )


def start_of_team(wildcards):
    """The weights that a team's members go on from: of the config, or theirs of the round before.

    Where the round before has fewer members, several go on from one of them.
    """
    start, number = settings(wildcards)["ensemble"]["start"], int(wildcards.round)
    if start != PREVIOUS:
        return [start] if start else []
    before = CAMPAIGN.members(number - 1) if number > 1 else []
    team = CAMPAIGN.teams(number)[wildcards.team] if before else []
    return expand(
        "results/<run>/round-{round}/weights/member-{member}.h5",
        round=two_digits([number - 1]),
        member=[before[member % len(before)] for member in team],
    )


def members_of_round(wildcards):
    """The weights of a round's members."""
    return expand(
        "results/<run>/round-{round}/weights/member-{member}.h5",
        round=wildcards.round,
        member=CAMPAIGN.members(int(wildcards.round)),
    )


def constraint_of_rounds(numbers):
    """What the wildcard `round` may be in a rule for some of the rounds."""
    pattern = "|".join(two_digits(number for number in numbers if number < 100))
    return CAMPAIGN.constraint("round", f"(?:{pattern})", RESTORES)


def earlier_rounds(wildcards):
    """The rounds before this one, as paths name them."""
    return two_digits(range(1, int(wildcards.round)))


def metrics_after(wildcards):
    """Metrics of the next round, whose ensemble learned from this round's labels, if there is one."""
    after = int(wildcards.round) + 1
    if after not in ROUNDS:
        return []
    return f"results/{config['run']}/round-{after:02d}/metrics.json"


def roots_of_round(wildcards):
    """The folders of the coadds that a round chose from."""
    return CAMPAIGN.roots(int(wildcards.round))


def som_of_round(wildcards):
    """The file of a round's map."""
    return f"{CAMPAIGN.map_folder(int(wildcards.round))}/som.h5"


def pool_file(tiles):
    """The spectra of a chunk: of the pool, which may be another run's, or of the catalogue."""
    folder = plan.pool_folder(config) if tiles in CHUNKS else f"results/{config['run']}/pool"
    return f"{folder}/{tiles}.fits"


def handed_in(wildcards):
    """The recorded copies of what people handed in for a round. They are parameters and not
    inputs of the rules that read them: by content, whatever the time and the name of a file."""
    return CAMPAIGN.copies(int(wildcards.round))


def som_seed(wildcards):
    """Random seed of a map; a refit gets its own, so that it draws another sample of the pool."""
    number = 0 if wildcards.fit == "run" else int(wildcards.fit.removeprefix("round-"))
    return 100 * settings_of_fit(wildcards)["seed"] + number


def oracle_answers(wildcards):
    """The answers to a round of the oracle's."""
    number = int(wildcards.round)
    return expand(
        "results/<run>/round-{round}/oracle/minibatch-{minibatch}.csv",
        round=wildcards.round,
        minibatch=CAMPAIGN.minibatches(number) if CAMPAIGN.is_oracle_round(number) else [],
    )


def files_of_tiles(wildcards):
    """The coadds that a pattern names, or the file that says that a mock survey is complete;
    nothing for the tiles of a production."""
    if wildcards.tiles not in PLACES:
        # No sys.exit: where the file is there, Snakemake takes it, and asks for no more.
        raise InputError(
            pool_file(wildcards.tiles),
            "is gone, an answered round chose from it, and no source lists its tile any more",
            "list the tile in pool.sources again, or fetch the file from a backup",
        )
    chunk = PLACES[wildcards.tiles]
    return plan.survey_truth(config, chunk.survey) if chunk.survey else chunk.files


def is_adjudicated(number):
    """Whether a round has a page on which somebody decides where inspectors disagree."""
    return not CAMPAIGN.is_oracle_round(int(number)) and not CAMPAIGN.waiting(int(number))


def pages_of_round(number):
    """The inspection pages of a round, below the folder of the run's results."""
    if not TASKS[config["task"]].pages:
        return []
    names = ["index", *(f"minibatch-{minibatch}" for minibatch in CAMPAIGN.minibatches(number))]
    return [f"round-{number:02d}/inspect/{name}.html" for name in names]


def adjudications():
    """The pages on which somebody decides where inspectors disagree."""
    return [
        f"results/{config['run']}/round-{number:02d}/inspect/adjudication.html"
        for number in ROUNDS
        if is_adjudicated(number)
    ]


def what_to_build():
    """What `snakemake` builds: every round that has labels, and the first that waits for them.

    A run without rounds is for its studies, or else for its release.
    """
    results, numbers = f"results/{config['run']}", two_digits(ROUNDS)
    studies = [f"{results}/label_ratio.csv"] if ARMS else []
    studies += [f"{results}/compare.csv"] if VARIANTS else []
    if not ROUNDS:
        return studies or [plan.release(config)]
    pages = ["inspect/index.html"] if TASKS[config["task"]].pages else []
    return [
        *studies,
        *expand(
            f"{results}/round-{{round}}/{{file}}",
            round=numbers,
            file=["metrics.json", "round.json", "report.html", *pages],
        ),
        *expand(f"{results}/round-{{round}}/labels.csv", round=two_digits(labelled_rounds())),
        *adjudications(),
        *redshift_tables(),
        *outlier_tables(),
        f"{results}/learning_curve.csv",
        f"{results}/report.html",
        *([f"{config['publish']}/{config['run']}/report.html"] if config["publish"] else []),
        *TASK_TARGETS,
    ]


def if_labelled(file):
    """A file of a round that exists only once the round has labels."""
    return lambda wildcards: (
        f"results/{config['run']}/round-{wildcards.round}/{file}"
        if int(wildcards.round) in labelled_rounds()
        else []
    )


def redshift_tables():
    """The tables that compare redshifts with published ones, where the config names any."""
    known = any(source.get("truth") for source in config["pool"]["sources"])
    rounds = two_digits(ROUNDS) if known else []
    return [f"results/{config['run']}/round-{number}/redshifts.csv" for number in rounds]


def incumbent(wildcards):
    """The weights in use; a config without them is refused only when the gate needs them."""
    try:
        return plan.incumbent(config)
    except InputError as error:
        sys.exit(str(error))


def catalog_weights(wildcards):
    """The members of the newest round, or the released network."""
    if config["catalog"]["weights"] == "release" or not ROUNDS:
        return [plan.release(config)]
    return weights_of(ROUNDS[-1:])


def weights_of(numbers):
    """The weights of the members of some rounds."""
    return [
        f"results/{config['run']}/round-{number:02d}/weights/member-{member}.h5"
        for number in numbers
        for member in CAMPAIGN.members(number)
    ]


def asked_for(pattern, fault, **names):
    """Files for names in the config; without any, Snakemake ends and says `fault`.

    It is a function, so that the fault counts only for the target that needs the files.
    """

    def files(wildcards):
        return expand(pattern, **names) or sys.exit(f"config: {fault}")

    return files


def outlier_tables():
    """The tables of what the outlier rule discarded, where the whole pool is a mock survey."""
    if config["batch"]["outliers"] == "none" or not all(c.survey for c in CHUNKS.values()):
        return []
    return [f"results/{config['run']}/round-{n}/outliers.csv" for n in two_digits(ROUNDS)]
