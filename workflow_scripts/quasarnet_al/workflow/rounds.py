"""The rounds of a run: which are labelled, which are frozen, which one waits, what comes next.

docs/rounds.md defines the words. What people hand in is read once, when a `Campaign` is made;
nothing here writes but `record`.
"""

import csv
import difflib
import functools
import hashlib
import itertools
import json
import logging
import math
import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quasarnet_al.core.files import InputError, read_json, set_aside, write_json
from quasarnet_al.inspection import handed_in
from quasarnet_al.inspection.handed_in import HandedIn, printable
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.config import PREVIOUS

if TYPE_CHECKING:
    import pandas as pd

#: Where discarded answers lie, in a run's folder of labels.
DISCARDED = "discarded"
#: The keys of the config by which a round is made; they are recorded with its batch.
RECORDED = ("seed", "grid", "task", "batch", "ensemble", "classification", "som", "inspection")
#: Those of them that the later rounds of a campaign must have in common with the answered ones.
FIXED = ("grid", "task")
#: The map of the run whose pool is used, in the place of "run", the run's own.
SHARED = "shared"
#: Figures of all rounds have one cut and one validation set, or they could not be compared: they
#: follow the config, as long as the ensemble is there.
METRICS = ["metrics.json"]
#: Keys of these sections on which no batch depends.
APART = {"classification": {"catalogue_cut"}}
#: What select_batch makes: no rule makes it again once people have answered.
CHOICE = ("batch.csv", "batch.fits", "selection.fits", "selection.json")


#: What follows new labels only where its own command is given.
BY_COMMAND = ("release", "catalogue", "archive")

_UNMERGED = "was merged from other answers than are handed in now, and Snakemake does not know it"


@dataclass
class Answers:
    """What people handed in for one round.

    Attributes
    ----------
    files : those that hold a VI table
    passed_over : why each other entry of the folder is not read, by name
    rows : the answers, `vi.ROW_COLUMNS`; None where there is no file
    refused : rows that are refused, `merge.REFUSED_COLUMNS`
    """

    files: list[HandedIn] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    rows: "pd.DataFrame | None" = None
    refused: list[tuple] = field(default_factory=list)


#: Options of Snakemake that hold for the next run too, and how many values follow them at most:
#: what comes after one value may be a target.
_LASTING = {
    **dict.fromkeys(("--configfile", "--configfiles", "--config", "-C"), math.inf),
    **dict.fromkeys(("--profile", "--workflow-profile", "--cores", "-c", "--jobs", "-j"), 1),
    **dict.fromkeys(("--snakefile", "-s", "--directory", "-d", "--executor", "-e"), 1),
    **dict.fromkeys(("--resources", "--res", "--set-threads", "--set-resources"), math.inf),
    **dict.fromkeys(("--scheduler", "--latency-wait", "--output-wait", "-w"), 1),
    **dict.fromkeys(("--default-resources", "--software-deployment-method", "--sdm"), math.inf),
    **dict.fromkeys(("--keep-going", "-k"), 0),
}


def command_to_go_on(typed: Sequence[str]) -> str:
    """Return what to type to go on: the command without targets and options of one run.

    Parameters
    ----------
    typed : the words after `snakemake`
    """
    words, values = ["snakemake"], 0.0
    for word in typed:
        if word.startswith("-") and not re.fullmatch(r"-\d+", word):
            name = word.partition("=")[0]
            # -c4 and -j4 are one word.
            short = name[:2] if re.fullmatch(r"-[cj]\d+", name) else name
            values = 0 if "=" in word else _LASTING.get(name, 0)
            if short in _LASTING:
                words.append(word)
        elif values:
            words.append(word)
            values -= 1
    return shlex.join(words)


def show_on_pages(command: str) -> None:
    """Let the pages show the command.

    By the environment, not as a parameter of their rule: how a run was typed is no reason to
    write its pages again.
    """
    os.environ["QUASARNET_AL_COMMAND"] = command


def when_nothing_is_to_be_done(logger: logging.Logger, text: Callable[[], str]) -> None:
    """Print a text where Snakemake has nothing to do: it calls no hook then."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Nothing to be done"):
                print(text())

    logger.addHandler(Handler())


class Campaign:
    """The rounds of a run, as config, results and labels in the current folder say."""

    def __init__(self, config: dict):
        self.config = config
        self.run = config["run"]
        #: The folder of people's labels.
        self.root = Path(config["labels"])
        self._answers: dict[int, Answers] = {}
        self._settings: dict[int, dict] = {}
        self._chosen_before: dict[int, str] = {}

    # -- places ------------------------------------------------------------------------

    def results(self, number: int) -> Path:
        """The folder of a round's results."""
        return Path("results", self.run, f"round-{number:02d}")

    def labels(self, number: int) -> Path:
        """The folder into which people put the CSV files of a round."""
        return self.root / self.run / f"round-{number:02d}"

    def page(self, number: int) -> str:
        """How the titles of a round's pages begin."""
        return f"{self.run}-round-{number:02d}"

    # -- labels ------------------------------------------------------------------------

    def is_oracle_round(self, number: int) -> bool:
        """Whether a round is answered from the known truth."""
        return number <= self.config["oracle"]["rounds"]

    def minibatches(self, number: int) -> list[str]:
        """Return the names of a round's minibatches: 01, 02 ..."""
        batch = self.settings(number)["batch"]
        return [f"{n + 1:02d}" for n in range(-(-batch["size"] // batch["minibatch"]))]

    def answers(self, number: int) -> Answers:
        """Read what people handed in for a round, once."""
        if number not in self._answers:
            files, passed_over = handed_in.read_folder(self.labels(number))
            self._answers[number] = Answers(passed_over=passed_over)
            if files:
                self._parse(self._answers[number], files, number)
        return self._answers[number]

    def _parse(self, answers: Answers, files: list[HandedIn], number: int) -> None:
        from quasarnet_al.inspection import vi  # only here: pandas takes its time to start

        task, tables, batch = TASKS[self.config["task"]], [], self._batch(number)
        for file in files:
            try:
                rows, refused = vi.parse_vi(
                    self.labels(number) / file.name,
                    file.content,
                    task.spectypes,
                    task.redshifts,
                    batch,
                )
            except InputError as error:
                answers.passed_over[file.name] = "; ".join(map(str, error.args[1:]))
                continue
            answers.files.append(file)
            tables.append(rows)
            answers.refused += [(file.name, *row) for row in refused]
        answers.rows = vi.collect(tables)

    def _batch(self, number: int) -> "pd.DataFrame | None":
        """Return the batch of a round, None where there is none that can be read.

        One that people have answered is looked at by `check_frozen`.
        """
        from quasarnet_al.learning.batch import read_batch

        try:
            return read_batch(self.results(number) / "batch.csv")
        except InputError:
            return None

    def copies(self, number: int) -> list[str]:
        """Return the copies that `record` makes of a round's files; a new content is a new path."""
        if self.is_oracle_round(number):
            return []
        folder = self.record_of(number)
        return [f"{folder}/{file.copy}" for file in self.answers(number).files]

    def products(self) -> list[Path]:
        """Return what is there, beside the rounds' results, of what must be kept of a run.

        The files of people where they put them, what answered rounds learned from and cannot be
        made again, the chunks of the pool, the released network, the gate's verdict, the catalogue.
        """
        run, people = Path("results", self.run), []
        for number in self.numbers:
            if not self.is_oracle_round(number):
                names = [file.name for file in self.answers(number).files]
                people += [self.labels(number) / name for name in (*names, handed_in.CLOSED)]
        patterns = ("release/*.h5", "release/*.json", "release/*.csv", "gate/*", "catalog.fits")
        results = [path for pattern in patterns for path in sorted(run.glob(pattern))]
        changed = filter(self._taught_otherwise, self.frozen)
        taught = [self.results(number) / "training.fits" for number in changed]
        return [path for path in (*people, *taught, self._made) if path.is_file()] + results

    def record_of(self, number: int) -> str:
        """The folder of a round's append-only record."""
        return f"{self.results(number)}/handed-in"

    def record(self, merging: Iterable[int]) -> None:
        """Copy what was handed in for any round to its append-only record.

        Parameters
        ----------
        merging : the rounds whose labels are about to be merged

        Raises
        ------
        InputError
            A recorded file of these is gone: its answers would be lost without a word.
        """
        made = {} if self.shared else {n: asdict(chunk) for n, chunk in self.chunks.items()}
        # As JSON has it: a run that changes nothing leaves the file's time alone.
        if made and (
            not self._made.exists() or read_json(self._made) != json.loads(json.dumps(made))
        ):
            write_json(self._made, made)
        for number in self._handed_in_rounds():
            handed_in.record(self.record_of(number), self.answers(number).files)
        for number in merging:
            if self.is_oracle_round(number):
                continue
            for name, copy in self.gone(number).items():
                raise InputError(
                    self.labels(number) / printable(name),
                    f"was handed in and is gone; its copy is {copy}",
                    "copy it back, or discard its answers with workflow_scripts/discard_answers.py",
                )

    def set_aside(self, planned: Collection[str]) -> None:
        """Move what an earlier plan made and this one does not make aside, as `files.set_aside`.

        Chunks of the pool (`planned` names all that are planned, the catalogue's too), of its maps
        and of the scores, and teams of members. A frozen round keeps what it was made of.
        """
        run = Path("results", self.run)
        lent = set().union(*self._lent.values())
        kept = {*planned, *lent, *(name for n in self.frozen for name in self.tiles(n))}
        made = read_json(self._made) if self._made.exists() else {}
        for name in made.keys() - kept:
            set_aside(run / "pool", f"{name}.fits", [])
        for fit in {self.fit(number) for number in self.numbers}:
            rounds = {*self.frozen, *self.numbers}
            tiles = {name for n in rounds if self.fit(n) == fit for name in self.tiles(n)}
            set_aside(run / "som" / fit, "*.fits", [f"{name}.fits" for name in tiles | lent])
        for number in set(self.numbers) - set(self.frozen):
            folder = self.results(number)
            scores = [f"{name}.fits" for name in self.tiles(number)]
            set_aside(folder / "scores", "*.fits", scores)
            teams = [f"team-{team}.h5" for team in self.teams(number)]
            set_aside(folder / "train", "team-*.h5", teams)

    def note_batches(self, numbers: Iterable[int]) -> None:
        """Note the batches that are about to be chosen again: `next_steps` says which changed."""
        for number in numbers:
            batch = self.results(number) / "batch.csv"
            if batch.exists() and not self.is_oracle_round(number):
                self._chosen_before[number] = _digest(batch)

    def gone(self, number: int) -> dict[str, Path]:
        """Return the recorded files that people's folder no longer holds, and their copies."""
        return handed_in.gone(self.record_of(number), self.answers(number).files)

    def _handed_in_rounds(self) -> list[int]:
        """Return the numbers of the rounds for which people have handed in anything."""
        folder = self.root / self.run
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        found = sorted(int(name[-2:]) for name in names if re.fullmatch(r"round-\d\d", name))
        return [number for number in found if number and not self.is_oracle_round(number)]

    # -- the graph ---------------------------------------------------------------------

    def waiting(self, number: int) -> list[str]:
        """Return the minibatches of a round that still wait for an inspector.

        While the round's batch is not on disk any CSV counts that is not called after another
        page: `merge_labels.py --whole` looks again.
        """
        if self.is_oracle_round(number):
            return []
        rows = self.answers(number).rows
        batch = self.results(number) / "batch.csv"
        if rows is None or not len(self.answers(number).files):
            return self.minibatches(number)
        from quasarnet_al.inspection import merge, vi

        if not batch.exists():
            titles = [vi.title_of(file.name) for file in self.answers(number).files]
            own = any(not title or title.startswith(f"{self.page(number)}-") for title in titles)
            return [] if own else self.minibatches(number)
        from quasarnet_al.learning.batch import read_batch

        inspection = self.settings(number)["inspection"]
        table = read_batch(batch)[["TARGETID", "MINIBATCH"]]
        given = merge.answered(rows, table["TARGETID"], self.page(number))
        if self.is_closed(number) and len(given):
            return []
        missing = []
        for minibatch, targets in table.groupby("MINIBATCH")["TARGETID"]:
            enough = [
                merge.is_handed_in(count, len(targets), inspection["complete"])
                for count in merge.progress(given, targets).values()
            ]
            if sum(enough) < inspection["inspectors"]:
                missing.append(f"{minibatch:02d}")
        return missing

    def must_be_whole(self, number: int) -> bool:
        """Whether a merge fails where a minibatch of a round is without answers."""
        return not self.is_oracle_round(number) and not self.is_closed(number)

    def is_closed(self, number: int) -> bool:
        """Whether people say that a round is closed, whatever is answered of it."""
        return handed_in.is_closed(self.labels(number))

    def unmerged(self) -> list[str]:
        """Return the labels that were merged from other answers than people have handed in now.

        Snakemake merges them again where it knows the parameters of their rule: not where results
        were copied without its folder, nor with `--rerun-triggers mtime`.
        """
        found = []
        for number in (n for n in self.numbers if not self.is_oracle_round(n)):
            labels, agreement = (
                self.results(number) / name for name in ("labels.csv", "agreement.json")
            )
            if self.waiting(number) or not (labels.exists() and agreement.exists()):
                continue
            # An older version did not write it.
            merged = read_json(agreement).get("files")
            if merged is not None and merged != sorted(f.copy for f in self.answers(number).files):
                found.append(str(labels))
        return found

    def check_merged(self, read: Collection[str]) -> None:
        """Raise `InputError` where a job is about to read labels that are out of date."""
        for labels in self.unmerged():
            if labels in read:
                raise InputError(labels, _UNMERGED, "add --forcerun merge_labels")

    @functools.cached_property
    def numbers(self) -> list[int]:
        """The numbers of the rounds that belong to the graph now.

        All that are labelled, and the first that is not: it ends the graph.
        """
        numbers = []
        for number in range(1, self.config["rounds"] + 1):
            numbers.append(number)
            if self.waiting(number):
                break
        return numbers

    # -- frozen rounds -----------------------------------------------------------------

    def is_frozen(self, number: int) -> bool:
        """Whether people have answered a round's batch, so that it stays as it is."""
        return (
            not self.is_oracle_round(number)
            and (self.results(number) / "batch.csv").exists()
            and bool(self.answers(number).files or handed_in.recorded(self.record_of(number)))
        )

    @functools.cached_property
    def frozen(self) -> list[int]:
        """The numbers of the frozen rounds."""
        folder = Path("results", self.run)
        found = sorted(int(path.parent.name[-2:]) for path in folder.glob("round-??/batch.csv"))
        return [number for number in found if self.is_frozen(number)]

    @functools.cached_property
    def chunks(self) -> dict[str, plan.Chunk]:
        """The chunks of the pool; those of frozen rounds stay together when tiles are added."""
        return self._chunks("pool")

    @functools.cached_property
    def catalog_chunks(self) -> dict[str, plan.Chunk]:
        """The chunks of the catalogue, none where it has no sources of its own."""
        return self._chunks("catalog")

    def _chunks(self, section: str) -> dict[str, plan.Chunk]:
        in_use = bool(self.frozen or self._lent) and self._made.exists()
        if not in_use:
            return plan.chunks(self.config, section)
        taken = set().union(*self._lent.values())
        for number in self.frozen:
            if (self.results(number) / "round.json").exists():
                taken.update(self.tiles(number))
        made = plan.read_chunks(self._made).values()
        replaced = [chunk.name for chunk in made if chunk.name in taken and self._replaced(chunk)]
        return plan.chunks(self.config, section, made, taken, replaced)

    def _replaced(self, chunk: plan.Chunk) -> bool:
        """Whether one of the coadds of a chunk is newer than the pool file that was made of it.

        Nobody looks for the coadds of a production, which are tens of thousands.
        """
        pool = self._made.with_name(f"{chunk.name}.fits")
        coadds = [path for path in map(Path, chunk.files) if path.exists()]
        return pool.exists() and any(
            path.stat().st_mtime_ns > pool.stat().st_mtime_ns for path in coadds
        )

    @property
    def shared(self) -> str:
        """The run whose pool this one uses, or ""."""
        return self.config["pool"]["run"]

    @functools.cached_property
    def _lent(self) -> dict[str, set[str]]:
        """The tiles of this run's pool that batches of other runs were chosen from, by run.

        Tiles and map that they used stay as they are.
        """
        lent: dict[str, set[str]] = {}
        for path in sorted(Path("results").glob("*/round-??/round.json")):
            run = path.parts[1]
            if run != self.run:
                record = read_json(path)
                if record.get("pool") == self.run:
                    lent.setdefault(run, set()).update(record["tiles"])
        return lent

    def map_folder(self, number: int) -> str:
        """Return the folder of the map that a round uses."""
        fit = self.fit(number)
        return (
            f"results/{self.shared}/som/run" if fit == SHARED else f"results/{self.run}/som/{fit}"
        )

    @property
    def _made(self) -> Path:
        return Path("results", self.run, "pool/chunks.json")

    def _now(self, number: int) -> dict:
        """Return the config that holds for a round, as the config says now."""
        config = self.config
        for first, changed in sorted(self.config["changes"].items()):
            config = changed if first <= number else config
        return config

    def _recorded(self, number: int) -> dict:
        """Return what was recorded with a frozen round's batch.

        Of a round without a record, that of an older version, what its files tell.
        """
        path = self.results(number) / "round.json"
        if path.exists():
            return read_json(path, "settings", "fit", "tiles", "sums")
        lines = (self.results(number) / "batch.csv").read_text(encoding="utf-8").splitlines()
        page = lines[0].split(",").index("MINIBATCH")
        first = [line for line in lines[1:] if line.split(",")[page] == "1"]
        batch = {"size": len(lines) - 1, "minibatch": len(first)}
        scores = self.results(number).glob("scores/*.fits")
        tiles = [path.stem for path in sorted(scores)] or list(self.chunks)
        return {"settings": {"batch": batch}, "fit": self._fit(number), "tiles": tiles, "sums": {}}

    def settings(self, number: int) -> dict:
        """Return the config by which a round is made: of a frozen one as it was recorded."""
        if number not in self._settings:
            found = self._now(number)
            if self.is_frozen(number):
                recorded = self._recorded(number)["settings"]
                found = found | {
                    key: found[key] | value if isinstance(value, dict) else value
                    for key, value in recorded.items()
                }
            self._settings[number] = found
        return self._settings[number]

    def tiles(self, number: int) -> list[str]:
        """Return the names of the chunks of the pool that a round chooses from."""
        return self._recorded(number)["tiles"] if self.is_frozen(number) else list(self.chunks)

    def roots(self, number: int) -> list[str]:
        """Return the folders of the coadds that a round chose from: not of tiles added later."""
        # An older version did not record them.
        if self.is_frozen(number) and "roots" in (recorded := self._recorded(number)):
            return recorded["roots"]
        chunks = [self.chunks[name] for name in self.tiles(number) if name in self.chunks]
        return sorted({chunk.root for chunk in chunks} - {""}) or ["."]

    def fit(self, number: int) -> str:
        """Return which map a round uses: the run's, or that of the round that fitted it again."""
        return self._recorded(number)["fit"] if self.is_frozen(number) else self._fit(number)

    def fitted_for(self, fit: str) -> int | None:
        """Return the first round that uses a map, by whose tiles and settings it is fitted."""
        return next((n for n in self.numbers if self.fit(n) == fit), None)

    def fitted_on(self, fit: str) -> list[str]:
        """Return the chunks that a map is fitted to."""
        first = self.fitted_for(fit)
        return list(self.chunks) if first is None else self.tiles(first)

    def _fit(self, number: int) -> str:
        if number in self._now(number)["som"]["refit_rounds"]:
            return f"round-{number:02d}"
        changes = self.config["changes"].items()
        refits = [first for first, c in changes if first <= number and self._refits(first, c)]
        first = SHARED if self.config["shares_map"] else "run"
        return f"round-{max(refits):02d}" if refits else first

    def _refits(self, number: int, config: dict) -> bool:
        """Return whether an entry of `rounds` changes the map: from there on it is another."""
        before = self._now(number - 1)["som"] if number > 1 else self.config["som"]
        return config["som"] != before

    def answered_after(self, number: int) -> list[str]:
        """Return the batches of later rounds, which people have answered.

        There are some where the answers to a round were discarded: nobody is asked twice. A round
        of an oracle has none; with them as inputs it would be chosen again once people answer.
        """
        if self.is_oracle_round(number):
            return []
        return [str(self.results(n) / "batch.csv") for n in self.frozen if n > number]

    def taught_before(self, number: int) -> list[str]:
        """Return the training sets of all that a round's ensemble may go on from.

        Those of the rounds before, and where a round starts from the weights of another run's
        round or release, those that lie beside them.
        """
        found = [self.results(n) / "training.fits" for n in range(1, number)]
        starts = {self.settings(n)["ensemble"]["start"] for n in range(1, number + 1)}
        for start in sorted(starts - {"", PREVIOUS}):
            folder = Path(start).parent
            beside = [folder / "training.fits"]
            if re.fullmatch(r"round-\d\d", folder.parent.name):
                sets = sorted(folder.parent.parent.glob("round-??/training.fits"))
                beside += [path for path in sets if path.parent.name <= folder.parent.name]
            own = Path("results", self.run).resolve()
            found += [p for p in beside if p.exists() and own not in p.resolve().parents]
        return list(map(str, found))

    def teams(self, number: int) -> dict[str, list[int]]:
        """Return the members of each team of a round, by the team's name."""
        return plan.teams(self.settings(number))

    def members(self, number: int) -> list[str]:
        """Return the members of a round, as in the names of their files."""
        return [f"{member:02d}" for team in self.teams(number).values() for member in team]

    def record_text(self, number: int) -> str:
        """Return what is recorded with a round's batch, as JSON."""
        settings = self.settings(number)
        record: dict[str, object] = {"settings": {k: _chosen_by(settings, k) for k in RECORDED}}
        record |= {"fit": self.fit(number), "tiles": self.tiles(number), "pool": self.shared}
        record["roots"] = self.roots(number)
        return json.dumps(record, sort_keys=True)

    def check_frozen(self) -> None:
        """Raise `InputError` where an answered batch is not what people were asked about."""
        for number in range(1, self.config["oracle"]["rounds"] + 1):
            if handed_in.recorded(self.record_of(number)):
                raise InputError(
                    "config",
                    f"oracle.rounds is {self.config['oracle']['rounds']}, but people have answered "
                    f"round {number}: its batch would be chosen and answered anew",
                    f"set it to {number - 1} or less, give the run another name, or discard the "
                    "answers with workflow_scripts/discard_answers.py",
                )
        for number in self.frozen:
            if not self.answers(number).files:
                *_, copy = self.gone(number).values()
                raise InputError(
                    self.labels(number),
                    f"holds none of the answers that were handed in for round {number}, so people "
                    f"would be asked again; there are copies, such as {copy}",
                    "copy them back, set `labels` to the folder where they are, or discard them "
                    "with workflow_scripts/discard_answers.py",
                )
            recorded = self._recorded(number)
            fixed = {key: (self.config[key], self.settings(number)[key]) for key in FIXED}
            fixed["pool.run"] = (self.shared, recorded.get("pool", ""))
            for key, (now, before) in fixed.items():
                if now != before:
                    raise InputError(
                        "config",
                        f"{key} is {now!r}, but people have answered round {number}, which was "
                        f"chosen with {before!r}",
                        "set it back, or give the run another name",
                    )
            sums = recorded["sums"]
            for name in CHOICE:
                path = self.results(number) / name
                if not path.exists():
                    fault = "is gone, and it belongs to a batch that people have answered"
                elif name.startswith("batch") and _digest(path) != sums.get(name, _digest(path)):
                    fault = "has changed since its batch was recorded, and people have answered it"
                else:
                    continue
                raise InputError(
                    path,
                    fault,
                    "restore it from archive.tar or a backup, or discard the answers with "
                    "workflow_scripts/discard_answers.py",
                )
        for number in reversed(self.numbers):
            if not self.is_frozen(number):
                self._check_map(number)

    def _check_map(self, number: int) -> None:
        """Raise `InputError` where a round wants another map than the answered one that it uses."""
        users = [n for n in self.frozen if self.fit(n) == self.fit(number)]
        wanted = self.settings(number)["som"]
        fitted = self.settings(users[0])["som"] if users else wanted
        for key in (key for key in wanted if key != "refit_rounds" and wanted[key] != fitted[key]):
            raise InputError(
                "config",
                f"som.{key} is {wanted[key]!r}, but people have answered round {users[0]}, and "
                f"round {number} uses its map, which was fitted with {fitted[key]!r}",
                f"set it back, or give the new value under `rounds` with `from: {number}`",
            )

    def check_target(self, target: str, rules: Iterable[Any], forced: bool = False) -> None:
        """Raise `InputError` for a target that none of Snakemake's rules makes.

        A file that is there is no fault: it may be frozen, or a person's; but nothing makes it
        again, if that is `forced`.
        """
        names = [rule.name for rule in rules]
        round_ = re.match(rf"results/{re.escape(self.run)}/round-(\d\d)/", target)
        if round_ and int(round_[1]) > len(self.numbers) + (not self.waiting(len(self.numbers))):
            last = len(self.numbers)
            raise InputError(
                target, f"there is no round {int(round_[1])} yet", f"round {last} waits for labels"
            )
        if target in names or any(rule.is_producer(target) for rule in rules):
            return
        if Path(target).exists() and forced:
            raise InputError(
                target,
                "is made by no rule now: it is of a round that people have answered, or a source",
                "leave it out of --forcerun; workflow_scripts/discard_answers.py opens a round",
            )
        if not Path(target).exists():
            meant = difflib.get_close_matches(target, names, 1)
            remedy = f"perhaps {meant[0]} is meant" if meant else "README names targets and files"
            raise InputError(target, "is no target: no rule makes it", remedy)

    # -- files that no rule makes again --------------------------------------------------

    def _made_by(self, number: int) -> list[list[str]]:
        """Return what a round is made of before and with its batch, below its folder, by kind."""
        return [
            ["training.fits"],
            [f"train/team-{team}.h5" for team in self.teams(number)],
            [f"weights/member-{member}.h5" for member in self.members(number)],
            ["ensemble.h5"],
            [f"scores/{tiles}.fits" for tiles in self.tiles(number)],
            METRICS,
            [*CHOICE, "round.json"],
        ]

    def _kept(self, everything: bool) -> dict[str, list[str]]:
        """Return patterns of the files that no rule makes, by the wildcard that excludes them.

        Those of frozen rounds that are there, and with `everything` all that are there.
        """
        run = Path("results", self.run)
        kept: dict[str, list[str]] = {"round": [], "fit": [], "tiles": [], "set": [], "survey": []}
        numbers = self._selected if everything else self.frozen
        for number in numbers:
            folder = self.results(number)
            for files in self._made_by(number):
                if files == METRICS and not everything and (folder / "ensemble.h5").exists():
                    continue
                there = [file for file in files if (folder / file).exists()]
                if there == files and "/" in files[0]:
                    # One pattern for a folder that is whole: it may have thousands of files.
                    kept["round"].append(f"{number:02d}/{files[0].partition('/')[0]}/[^/]+")
                else:
                    kept["round"] += [f"{number:02d}/{re.escape(file)}" for file in there]
            if self.is_frozen(number):
                kept["round"] += [f"{number:02d}/{re.escape(file)}" for file in CHOICE]
        for fit in {self.fit(number) for number in numbers}:
            tiles = {name for n in numbers if self.fit(n) == fit for name in self.tiles(n)}
            files = [f"{fit}/som.h5", *(f"{fit}/{name}.fits" for name in sorted(tiles))]
            kept["fit"] += [re.escape(file) for file in files if (run / "som" / file).exists()]
        if self._lent:
            files = [
                "som.h5",
                *(f"{name}.fits" for name in sorted(set().union(*self._lent.values()))),
            ]
            there = [file for file in files if (run / "som/run" / file).exists()]
            kept["fit"] += [re.escape(f"run/{file}") for file in there]
        # The spectra that answered rounds chose from, and mock surveys that are of no others.
        used = {name for n in self.frozen for name in self.tiles(n)}.union(*self._lent.values())
        in_plan = {chunk.survey for chunk in self.chunks.values()}
        whole = in_plan - {c.survey for name, c in self.chunks.items() if name not in used}
        pool, surveys = run.glob("pool/*.fits"), run.glob("mock/*/truth.csv")
        kept["tiles"] = [re.escape(p.name) for p in pool if everything or p.stem in used]
        kept["survey"] = [
            re.escape(f"{path.parent.name}/{path.name}")
            for path in surveys
            if everything or path.parent.name in whole
        ]
        if everything:
            kept["set"] = [re.escape(path.name) for path in run.glob("labelled/*.fits")]
        return kept

    def constraint(self, wildcard: str, pattern: str, everything: bool = False) -> str:
        """Return the pattern of a wildcard, less the files that no rule makes again.

        What is frozen is a source for Snakemake: no change of times, parameters, code or inputs
        makes it anew. The wildcard is the first in the path of these files.
        """
        before = {"tiles": "pool/", "set": "labelled/", "survey": "mock/"}.get(wildcard, "")
        kept = self._kept(everything)[wildcard]
        if not kept:
            return pattern
        behind = f"(?<={re.escape(f'results/{self.run}/{before}')})" if before else ""
        return f"(?!{behind}(?:{'|'.join(sorted(set(kept)))})$){pattern}"

    @functools.cached_property
    def _selected(self) -> list[int]:
        """The numbers of the rounds whose batch is on disk."""
        return [n for n in self.numbers if (self.results(n) / "batch.csv").exists()]

    def missing(self) -> list[str]:
        """Return the intermediate files that the rounds were made of and that are gone.

        Without those that are made of `lost` chunks.
        """
        run, lost = Path("results", self.run), set(self.lost())
        files = []
        for number in self._selected:
            folder, fit = self.results(number), Path(self.map_folder(number))
            scores = {f"scores/{name}.fits" for name in lost}
            training, teams, weights, *rest = self._made_by(number)[:-1]
            # The networks of an answered round have no rule: they need no other training.
            if self.is_frozen(number) and all((folder / file).exists() for file in weights):
                teams = []
            made = itertools.chain(training, teams, weights, *rest)
            files += [folder / file for file in made if file not in scores]
            names = [f"{name}.fits" for name in self.tiles(number) if name not in lost]
            map_there = (fit / "som.h5").exists() or not lost.intersection(self.fitted_on(fit.name))
            if self.fit(number) != SHARED and map_there:
                files += [fit / "som.h5", *(fit / name for name in names)]
            files += [run / "pool" / name for name in names if not self.shared]
        if self._selected:
            files += [run / "labelled" / f"{name}.fits" for name in self.config["labelled"]]
            files.append(run / "validation.fits")
        return [str(path) for path in dict.fromkeys(files) if not path.exists()]

    def lost(self) -> list[str]:
        """Return the chunks of answered rounds that are gone and that no source lists any more."""
        names = dict.fromkeys(name for number in self.frozen for name in self.tiles(number))
        pool = Path(plan.pool_folder(self.config))
        return [n for n in names if n not in self.chunks and not (pool / f"{n}.fits").exists()]

    def check_restorable(self) -> None:
        """Raise `InputError` where a file of an answered round would be made of other labels.

        What a round learned from is made of the labels of the rounds before it, which people may
        have corrected since, less the validation set, which depends on the seed.
        """
        for number in self.frozen:
            changed, path = self._taught_otherwise(number), self.results(number) / "training.fits"
            if changed and not path.exists():
                raise InputError(
                    path,
                    f"is gone, and {' and '.join(changed)} changed since it was made",
                    "restore it from archive.tar or a backup, or set the seed back; it would be "
                    "made of other labels",
                )

    def date_back(self, made: Iterable[tuple[Iterable[str], Iterable[str]]]) -> None:
        """Give restored files the time of what they are made of.

        `made` has the inputs and outputs of the jobs that restored them. What has no inputs gets
        the time of the oldest file of the pool's and the labelled sets'.
        """
        for inputs, outputs in made:
            times = [Path(path).stat().st_mtime_ns for path in inputs if Path(path).exists()]
            time = max(times, default=self._oldest)
            for path in map(Path, outputs):
                if path.exists():
                    os.utime(path, ns=(time, time))

    @functools.cached_property
    def _oldest(self) -> int:
        """When the first file of the run's results was made, in ns."""
        files = [p for p in Path("results", self.run).glob("*/*.fits") if p.is_file()]
        return min((path.stat().st_mtime_ns for path in files), default=0)

    def grouped(self, names: str) -> list[tuple[list[str], list[int]]]:
        """Return the rounds with the same `members` or `minibatches`, those of the first first."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for number in range(1, self.config["rounds"] + 2):
            groups.setdefault(tuple(getattr(self, names)(number)), []).append(number)
        return [(list(key), numbers) for key, numbers in groups.items()]

    # -- what a person is told ---------------------------------------------------------

    def next_steps(self, command: str) -> str:
        """Return the lines that tell a person where to look and what to do now.

        `command` is what to type to go on.
        """
        results, numbers = f"results/{self.run}", self.numbers
        if not numbers:
            made = [plan.release(self.config)]
            made += [f"{results}/{name}" for name in ("label_ratio.csv", "arms.png", "compare.csv")]
            return "\n".join(["", *(path for path in made if Path(path).exists())])
        last = numbers[-1]
        places = {
            "report": f"{results}/report.html",
            "curve": f"{results}/learning_curve.csv",
            "batch": f"{self.results(last)}/batch.csv",
            "inspection": f"{self.results(last)}/inspect/index.html",
            "release": plan.release(self.config),
            "catalogue": f"{results}/catalog.fits",
            "archive": f"{results}/archive.tar",
        }
        lines = [
            f"{name + ':':12} {path}{self._outdated(path) if name in BY_COMMAND else ''}"
            for name, path in places.items()
            if Path(path).exists()
        ]
        for number in numbers:
            lines += self._merged(number)
        lines += [f"{path}: {_UNMERGED}: add --forcerun merge_labels" for path in self.unmerged()]
        lines += self._learned_lines()
        lines += self._frozen_lines()
        lines += [
            f"{plan.pool_folder(self.config)}/{name}.fits is gone, and so is its tile from "
            "pool.sources, as it was: what an answered round had of it can only be restored with it"
            for name in self.lost()
        ]
        lines += [
            f"the batch of round {number} has been chosen again, as nobody had handed in answers "
            "to it: pages that inspectors opened before are out of date, give them the new ones"
            for number, digest in self._chosen_before.items()
            if _digest(self.results(number) / "batch.csv") != digest
        ]
        if self._lent:
            lines.append(f"the map stays as it is: {', '.join(self._lent)} chose batches with it")
        missing = self.waiting(last)
        if missing or self.is_oracle_round(last):
            lines += self.warnings(last)
        lines += self.passed_over()
        if missing and Path(places["inspection"]).exists():
            plural = "minibatch" if len(missing) == 1 else "minibatches"
            lines.append(
                f"round {last} waits for labels of the {plural} {', '.join(missing)}: "
                "inspect the pages, put the CSV files into "
                f"{self.labels(last)}/ (make the folder), then: {command}"
            )
            later = [number for number in self._handed_in_rounds() if number > last]
            if later:
                lines.append(
                    f"the answers to {_rounds(later)} wait until round {last} is labelled again"
                )
        if not missing:
            number = self.config["rounds"]
            told = "the only round is" if number == 1 else f"all {number} rounds are"
            lines.append(f"{told} labelled; raise `rounds` to go on, then: {command}")
            beyond = [other for other in self._handed_in_rounds() if other > number]
            if beyond:
                lines.append(f"the answers to {_rounds(beyond)} are not used: `rounds` is {number}")
        return "\n".join(["", *lines])

    def _outdated(self, path: str) -> str:
        """Say of a file that labels have come since it was made."""
        labels = {n: self.results(n) / "labels.csv" for n in self.numbers}
        time = Path(path).stat().st_mtime_ns
        later = [n for n, p in labels.items() if p.exists() and p.stat().st_mtime_ns > time]
        return f" (older than the labels of {_rounds(later)})" if later else ""

    def _merged(self, number: int) -> list[str]:
        """Say what the merge made of a round's answers."""
        agreement = self.results(number) / "agreement.json"
        if self.is_oracle_round(number) or self.waiting(number) or not agreement.exists():
            return []
        counts = read_json(agreement, "accepted", "targets", "conflict")
        line = f"round {number}: {counts['accepted']} of {counts['targets']} labels accepted"
        for name in ("low quality", "not inspected"):
            line += f", {counts[name]} {name}" if counts.get(name) else ""
        refused = counts.get("refused rows", 0)
        if refused:
            line += f", {_count(refused, 'refused row')} (see {agreement.with_name('refused.csv')})"
        lines = [line]
        if counts["conflict"]:
            lines.append(
                f"inspectors disagree on {_count(counts['conflict'], 'spectrum', 'spectra')} of "
                f"round {number}: decide on {self.results(number)}/inspect/adjudication.html, "
                "before a later round's pages are answered"
            )
        return lines

    def warnings(self, number: int) -> list[str]:
        """Say what looks so wrong that inspecting the batch of a round would be wasted work."""
        lines, metrics = [], self.results(number) / "metrics.json"
        if metrics.exists():
            lines += [
                f"warning: the ensemble of round {number} {sign} (see {metrics}): check its "
                "training set and recipe before anybody inspects the batch"
                for sign in _has_learnt_nothing(read_json(metrics))
            ]
        batch = self.results(number) / "batch.csv"
        if batch.exists() and self.settings(number)["batch"]["acquisition"] != "random":
            with batch.open(encoding="utf-8", newline="") as file:
                scores = [row["SCORE"] for row in csv.DictReader(file) if row.get("SCORE")]
            if len(scores) > 1 and len(set(scores)) == 1:
                lines.append(
                    f"warning: all spectra of the batch of round {number} have the score "
                    f"{scores[0]}: the choice among them is by chance; check the ensemble, or "
                    "take another batch.acquisition, before anybody inspects it"
                )
        return lines

    def _learned_lines(self) -> list[str]:
        """Say of which rounds the figures are on a part of the validation set."""
        found = {}
        for number in self.numbers:
            metrics = self.results(number) / "metrics.json"
            # An older version did not count them.
            learned = read_json(metrics).get("validation_learned", 0) if metrics.exists() else 0
            if learned:
                found[number] = learned
        if not found:
            return []
        counts = ", ".join(map(str, found.values()))
        return [
            f"the ensembles of {_rounds(list(found))} learned from {counts} spectra of the "
            "validation set, which are left out of their figures: it has changed, or they go on "
            "from weights that had learned from these"
        ]

    def _frozen_lines(self) -> list[str]:
        """Say which rounds stay as they were, and what acts only from the next one on."""
        frozen = [number for number in self.frozen if number in self.numbers]
        # What changed before the last of them was chosen acts on it already.
        changes = self._changed_since(max(frozen)) if frozen else []
        if not changes:
            return []
        stay = "stays as it was" if len(frozen) == 1 else "stay as they were"
        return [
            f"{_rounds(frozen)} {stay} chosen, since people have answered; from round "
            f"{max(frozen) + 1} on act: {', '.join(changes)}"
        ]

    def _changed_since(self, number: int) -> list[str]:
        """Name what has changed since the batch of a frozen round was chosen."""
        recorded, now = self._recorded(number), self._now(number)
        changes = []
        for key, value in recorded["settings"].items():
            if isinstance(value, dict):
                chosen_by = _chosen_by(now, key)
                # What an older version did not record is not known to have changed.
                both = chosen_by.keys() & value.keys()
                changes += [f"{key}.{k}" for k in sorted(both) if value[k] != chosen_by[k]]
            elif value != now[key]:
                changes.append(key)
        tiles = self.chunks.keys() ^ set(recorded["tiles"])
        changes += [f"tiles {name}" for name in sorted(tiles)]
        return changes + self._corrected_since(number)

    def _corrected_since(self, number: int) -> list[str]:
        """Name the labels that have been corrected since the batch of a frozen round was chosen."""
        found = []
        for name, digest in self._recorded(number)["sums"].items():
            labels = Path("results", self.run, name)
            if name.endswith("labels.csv") and labels.exists() and _digest(labels) != digest:
                found.append(f"the labels of round {int(labels.parent.name[-2:])}")
        return found

    def _taught_otherwise(self, number: int) -> list[str]:
        """Name what has changed of that by which the training set of a frozen round was made."""
        seed = self._recorded(number)["settings"].get("seed", self.config["seed"])
        changed = ["the config's `seed` has"] * (seed != self.config["seed"])
        return changed + [f"{name} have" for name in self._corrected_since(number)]

    def passed_over(self) -> list[str]:
        """Name what people handed in and no rule reads, and rows that are refused."""
        lines = [f"not read: {path}: {reason}" for path, reason in self._misplaced()]
        for number in self._handed_in_rounds():
            folder, answers = self.labels(number), self.answers(number)
            lines += [
                f"not read: {folder}/{name}: {reason}"
                for name, reason in sorted(answers.passed_over.items())
            ]
            lines += [
                f"gone: {folder}/{printable(name)}: was handed in; its copy is {copy}"
                for name, copy in self.gone(number).items()
            ]
            lines += [
                f"overwritten: {folder}/{printable(name)}: {_count(count, 'answer')} of an earlier "
                f"version, {copy}, {_is(count)} in no file now; hand it in too, under another name"
                for name, (count, copy) in sorted(self._overwritten(number).items())
            ]
            lines += [
                f"decides nothing: {folder}/{printable(name)}: its name is not that of the page "
                f"{self.page(number)}-adjudication, so its rows count as those of an inspector"
                for name in self._undeciding(number)
            ]
            lines += [
                f"no answer: {folder}/{printable(name)}: {reason}"
                for name, reason in self._without_answers(number)
            ]
            withdrawn = self._withdrawn(number)
            if withdrawn:
                (name, line), more = withdrawn[0], ", ..." if len(withdrawn) > 1 else ""
                lines.append(
                    f"{_count(len(withdrawn), 'answer')} of {folder} {_is(len(withdrawn))} "
                    f"withdrawn later (VI_quality -1): {printable(name)} line {line}{more}"
                )
            lines += _of_each_file(folder, answers.refused, "refused")
            elsewhere = [(*row[:3], row[3].partition(": ")[2]) for row in self._elsewhere(number)]
            lines += _of_each_file(folder, elsewhere, "about targets that are not in this batch")
        return lines

    def _overwritten(self, number: int) -> dict[str, tuple[int, Path]]:
        """Return, by a file's name, how many answers of an earlier version are gone, and its copy.

        A page's file has a row for each spectrum that was ever answered in its browser: where one
        is missing or older, the file is of another browser or a backup, or a row was deleted.
        """
        from quasarnet_al.inspection import merge, vi

        task, found = TASKS[self.config["task"]], dict[str, tuple[int, Path]]()
        batch = self._batch(number)
        current = {file.digest for file in self.answers(number).files}
        now, gone = self.answers(number).rows, self.gone(number)
        for digest, copy in handed_in.recorded(self.record_of(number)):
            path = Path(self.record_of(number), copy)
            if now is None or path.name in gone or digest in current:
                continue
            rows, *_ = vi.read_answers([path], task.spectypes, task.redshifts, batch)
            lost = merge.unsaid(rows, now)
            if len(lost) > found.get(path.name, (0, path))[0]:
                found[path.name] = len(lost), path
        return found

    def _undeciding(self, number: int) -> list[str]:
        """Return the files that are called adjudication and are not of this round's page."""
        from quasarnet_al.inspection import merge, vi

        return [
            file.name
            for file in self.answers(number).files
            if (merge.is_adjudication(file.name) or not vi.title_of(file.name))
            and "adjudicat" in file.name.lower()
            and not merge.is_adjudication(file.name, self.page(number))
        ]

    def _without_answers(self, number: int) -> list[tuple[str, str]]:
        """Return the files of a round in which nothing is answered or refused, and why."""
        answers, found = self.answers(number), []
        refused = {name for name, *_ in answers.refused}
        for name in (file.name for file in answers.files if file.name not in refused):
            if answers.rows is None:
                continue
            quality = answers.rows["QUALITY"][answers.rows["FILE"] == name]
            if (quality < 0).all():
                rows = f"none of its {len(quality)} rows has a VI_quality"
                found.append((name, rows if len(quality) else "it has a header and no rows"))
        return found

    def _withdrawn(self, number: int) -> list[tuple[str, int]]:
        """Return the rows that take back an answer of another file, see `merge.withdrawals`."""
        rows = self.answers(number).rows
        if rows is None:
            return []
        from quasarnet_al.inspection import merge

        return merge.withdrawals(rows)

    def _elsewhere(self, number: int) -> list[tuple]:
        """Return the answers that are not about the round's batch, `merge.REFUSED_COLUMNS`."""
        rows, batch = self.answers(number).rows, self.results(number) / "batch.csv"
        if rows is None or not batch.exists():
            return []
        from quasarnet_al.inspection import merge
        from quasarnet_al.learning.batch import read_batch

        _, refused = merge.of_batch(rows, read_batch(batch)["TARGETID"], self.page(number))
        return list(map(tuple, refused.to_numpy(dtype=object).tolist()))

    def _misplaced(self) -> list[tuple[str, str]]:
        """Return entries of the folders of labels that no rule reads, and why."""
        found = []
        for path in _entries(self.root):
            name = printable(path.name)
            if not path.is_dir():
                found.append(
                    (f"{self.root}/{name}", f"files belong into {self.root}/{self.run}/round-NN/")
                )
            elif path.name != self.run and _alike(path.name, self.run):
                found.append((f"{self.root}/{name}/", f"the run is called {self.run}"))
        for path in _entries(self.root / self.run):
            name = printable(path.name)
            if name == DISCARDED:
                continue
            number = int(name[-2:]) if re.fullmatch(r"round-\d\d", name) else 0
            if not path.is_dir():
                reason = f"files belong into {self.root}/{self.run}/round-NN/"
            elif not number:
                reason = "folders are called round-01, round-02 ..."
            elif self.is_oracle_round(number):
                reason = f"the oracle answers round {number}"
            elif not (self.results(number) / "batch.csv").exists() and number not in self.numbers:
                reason = f"there is no round {number} yet"
            else:
                continue
            found.append((f"{self.root}/{self.run}/{name}" + "/" * path.is_dir(), reason))
        return found


def _has_learnt_nothing(metrics: dict) -> list[str]:
    """Return the signs in the metrics of an ensemble that it has learnt nothing."""
    signs = []
    if "completeness" in metrics and not metrics["completeness"]:
        signs.append(
            f"finds none of the {metrics['quasars']} quasars of the validation set at its redshift"
        )
    if metrics.get("selected") and metrics["selected"] == metrics["spectra"] > metrics["quasars"]:
        signs.append(f"takes all {metrics['spectra']} spectra of the validation set for quasars")
    if metrics.get("doubted") and metrics["doubted"] == metrics["training_spectra"]:
        signs.append("agrees with no label of its own training set")
    return signs


def _chosen_by(settings: dict, key: str) -> Any:
    """Return a section of the config, or a key, as far as a batch depends on it."""
    value = settings[key]
    if not isinstance(value, dict):
        return value
    return {name: value[name] for name in value if name not in APART.get(key, ())}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".git"))
    except OSError:
        return []


def _alike(one: str, two: str) -> bool:
    """Return whether a folder's name is perhaps another spelling of the run's."""
    one, two = (re.sub(r"[\W_]", "", name).casefold() for name in (one, two))
    return difflib.SequenceMatcher(None, one, two).ratio() > 0.9


def _of_each_file(folder: Path, refused: Iterable[tuple], what: str) -> list[str]:
    """Say how many rows of each file are not taken, and of the first of them why."""
    found: dict[str, list[tuple]] = {}
    for name, *row in refused:
        found.setdefault(name, []).append(tuple(row))
    return [
        f"{_count(len(rows), 'row')} of {folder}/{printable(name)} {_is(len(rows))} {what}: line "
        f"{rows[0][0]}: {rows[0][2]}" + (", ..." if len(rows) > 1 else "")
        for name, rows in sorted(found.items())
    ]


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _rounds(numbers: list[int]) -> str:
    names = ", ".join(map(str, numbers))
    return f"round {names}" if len(numbers) == 1 else f"rounds {names}"
