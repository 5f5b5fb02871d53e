"""The rounds of a run: which are labelled, which are frozen, which one waits, what comes next.

docs/rounds.md defines the words. What people hand in is read once, when a `Campaign` is made;
nothing here writes but `record`.
"""

import difflib
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quasarnet_al.core.files import InputError, read_json
from quasarnet_al.inspection import handed_in
from quasarnet_al.inspection.handed_in import HandedIn, printable
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import plan

if TYPE_CHECKING:
    import pandas as pd

#: Where answers lie that were thrown away, in a run's folder of labels.
DISCARDED = "discarded"


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


class Campaign:
    """The rounds of a run, as config, results and labels in the current folder say."""

    def __init__(self, config: dict):
        self.config = config
        self.run = config["run"]
        self._answers: dict[int, Answers] = {}

    # -- places ------------------------------------------------------------------------

    def results(self, number: int) -> Path:
        """The folder of a round's results."""
        return Path("results", self.run, f"round-{number:02d}")

    def labels(self, number: int) -> Path:
        """The folder into which people put the CSV files of a round."""
        return Path("labels", self.run, f"round-{number:02d}")

    def page(self, number: int) -> str:
        """How the titles of a round's pages begin."""
        return f"{self.run}-round-{number:02d}"

    # -- labels ------------------------------------------------------------------------

    def is_oracle_round(self, number: int) -> bool:
        """Whether a round is answered from the known truth."""
        return number <= self.config["oracle"]["rounds"]

    def minibatches(self, number: int) -> list[str]:
        """Return the names of a round's minibatches: 01, 02 ..."""
        batch = self.config["batch"]
        return [f"{n + 1:02d}" for n in range(batch["size"] // batch["minibatch"])]

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

        task, tables = TASKS[self.config["task"]], []
        for file in files:
            try:
                rows, refused = vi.parse_vi(
                    self.labels(number) / file.name, file.content, task.spectypes, task.redshifts
                )
            except InputError as error:
                answers.passed_over[file.name] = "; ".join(map(str, error.args[1:]))
                continue
            answers.files.append(file)
            tables.append(rows)
            answers.refused += [(file.name, *row) for row in refused]
        answers.rows = vi.collect(tables)

    def copies(self, number: int) -> list[str]:
        """Return the copies that `record` makes of a round's files; a new content is a new path."""
        if self.is_oracle_round(number):
            return []
        folder = self.record_of(number)
        return [f"{folder}/{file.copy}" for file in self.answers(number).files]

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

    def gone(self, number: int) -> dict[str, Path]:
        """Return the recorded files that people's folder no longer holds, and their copies."""
        return handed_in.gone(self.record_of(number), self.answers(number).files)

    def _handed_in_rounds(self) -> list[int]:
        """Return the numbers of the rounds for which people have handed in anything."""
        folder = Path("labels", self.run)
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        found = sorted(int(name[-2:]) for name in names if re.fullmatch(r"round-\d\d", name))
        return [number for number in found if number and not self.is_oracle_round(number)]

    # -- the graph ---------------------------------------------------------------------

    def waiting(self, number: int) -> list[str]:
        """Return the minibatches of a round that still wait for an inspector.

        While the round's batch is not on disk any CSV counts: `merge_labels.py --whole` looks
        again.
        """
        if self.is_oracle_round(number):
            return []
        rows = self.answers(number).rows
        batch = self.results(number) / "batch.csv"
        if rows is None or not len(self.answers(number).files):
            return self.minibatches(number)
        if handed_in.is_closed(self.labels(number)) or not batch.exists():
            return []
        from quasarnet_al.inspection import merge
        from quasarnet_al.learning.batch import read_batch

        inspection = self.config["inspection"]
        table = read_batch(batch)[["TARGETID", "MINIBATCH"]]
        rows = rows[rows["QUALITY"] >= 0]
        missing = []
        for minibatch, targets in table.groupby("MINIBATCH")["TARGETID"]:
            answers = rows[rows["TARGETID"].isin(targets)].groupby("INSPECTOR")["TARGETID"]
            enough = [
                merge.is_handed_in(count, len(targets), inspection["complete"])
                for count in answers.nunique()
            ]
            if sum(enough) < inspection["inspectors"]:
                missing.append(f"{minibatch:02d}")
        return missing

    def must_be_whole(self, number: int) -> bool:
        """Whether a merge fails where a minibatch of a round is without answers."""
        return not self.is_oracle_round(number) and not handed_in.is_closed(self.labels(number))

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

    def refuse_void(self, numbers: Iterable[int]) -> None:
        """Raise `InputError` where people have answered a batch that is to be chosen again.

        `numbers` are the rounds whose batch is; one that is not on disk is no choice yet.
        """
        for number in sorted(numbers):
            batch = self.results(number) / "batch.csv"
            if self.copies(number) and batch.exists():
                raise InputError(
                    self.labels(number),
                    "holds answers to a batch that would be chosen again",
                    "take back what changed before it (snakemake -n tells what), or move these "
                    "files elsewhere; --forcerun select_batch goes on as it is",
                )

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
        lines = [f"{name + ':':12} {path}" for name, path in places.items() if Path(path).exists()]
        for number in numbers:
            lines += self._merged(number)
        lines += self.passed_over()
        missing = self.waiting(last)
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
            lines.append(
                f"all {self.config['rounds']} rounds are labelled; raise `rounds` to go on"
            )
        return "\n".join(["", *lines])

    def _merged(self, number: int) -> list[str]:
        """Say what the merge made of a round's answers."""
        agreement = self.results(number) / "agreement.json"
        if self.is_oracle_round(number) or not agreement.exists():
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
            refused, elsewhere = len(answers.refused), self._elsewhere(number)
            if refused:
                name, line, _, reason = answers.refused[0]
                lines.append(
                    f"{_count(refused, 'row')} of {folder} {_is(refused)} refused: {name} line "
                    f"{line}: {reason}" + (", ..." if refused > 1 else "")
                )
            if elsewhere:
                lines.append(
                    f"{_count(len(elsewhere), 'row')} of {folder} {_is(len(elsewhere))} about "
                    f"targets that are not in this batch: {elsewhere[0]}"
                )
        return lines

    def _elsewhere(self, number: int) -> list[str]:
        """Return where each answer is that is not about the round's batch, and the reason."""
        rows, batch = self.answers(number).rows, self.results(number) / "batch.csv"
        if rows is None or not batch.exists():
            return []
        from quasarnet_al.inspection import merge
        from quasarnet_al.learning.batch import read_batch

        _, refused = merge.of_batch(rows, read_batch(batch)["TARGETID"], self.page(number))
        return [
            f"{name} line {line}: {reason.partition(': ')[2]}"
            for name, line, _, reason in refused.to_numpy(dtype=object).tolist()
        ]

    def _misplaced(self) -> list[tuple[str, str]]:
        """Return entries of the folders of labels that no rule reads, and why."""
        found = []
        for path in _entries(Path("labels")):
            name = printable(path.name)
            if not path.is_dir():
                found.append((f"labels/{name}", f"files belong into labels/{self.run}/round-NN/"))
            elif path.name != self.run and _alike(path.name, self.run):
                found.append((f"labels/{name}/", f"the run is called {self.run}"))
        for path in _entries(Path("labels", self.run)):
            name = printable(path.name)
            if name == DISCARDED:
                continue
            number = int(name[-2:]) if re.fullmatch(r"round-\d\d", name) else 0
            if not path.is_dir():
                reason = f"files belong into labels/{self.run}/round-NN/"
            elif not number:
                reason = "folders are called round-01, round-02 ..."
            elif self.is_oracle_round(number):
                reason = f"the oracle answers round {number}"
            elif not (self.results(number) / "batch.csv").exists() and number not in self.numbers:
                reason = f"there is no round {number} yet"
            else:
                continue
            found.append((f"labels/{self.run}/{name}" + "/" * path.is_dir(), reason))
        return found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".git"))
    except OSError:
        return []


def _alike(one: str, two: str) -> bool:
    """Return whether a folder's name is perhaps another spelling of the run's."""
    one, two = (re.sub(r"[\W_]", "", name).casefold() for name in (one, two))
    return difflib.SequenceMatcher(None, one, two).ratio() > 0.9


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _rounds(numbers: list[int]) -> str:
    names = ", ".join(map(str, numbers))
    return f"round {names}" if len(numbers) == 1 else f"rounds {names}"
