"""What people put into the folder of a round, and what must come of it: labels, and what is told.

Each case is played in a folder of its own in which Ann has answered all four spectra of a batch as
quasars at z 2, and her answers have been recorded and merged.
"""

import contextlib
import copy
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import merge_labels
from helpers.paths import ROOT
from helpers.samples import FIRST_TARGET
from quasarnet_al.core.files import InputError, read_json
from quasarnet_al.workflow.plan import check
from quasarnet_al.workflow.rounds import Campaign

#: Of a tile: its numbers follow each other, and the last one is what the first is rounded to.
TARGETS = [FIRST_TARGET + k for k in (0, 1, 2, 7)]
#: Redrock's redshifts of them.
REDROCK = [1.0, 1.5, 2.0, 2.5]
LABELS, RESULTS = Path("labels/t/round-01"), Path("results/t/round-01")
ALL = {"accepted": 4}


@dataclass(frozen=True)
class Case:
    """What somebody does, the words that must be told, and the labels by status and redshift."""

    does: Callable[[], object]
    told: str
    status: dict[str, int]
    z: float = 2.0


def answers(
    name: str,
    z=2.0,
    spectype="QSO",
    quality=4,
    targets=TARGETS,
    time="",
    user="Ann",
    redrock=None,
):
    """Write answers to some spectra, as a page does."""
    path = LABELS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"TARGETID": targets, "VI_scanner": user, "VI_quality": quality})
    table["Redrock_z"] = redrock
    table["VI_issue"], table["VI_z"], table["VI_spectype"] = "", z, spectype
    table.assign(VI_comment="", VI_time=time).to_csv(path, index=False)
    return path


def renamed(name: str | bytes) -> Callable[[], None]:
    """Put a second answer, of another redshift, there under a name that is not taken."""

    def do():
        os.rename(answers("other.csv", 3.0), os.fsencode(LABELS) + b"/" + os.fsencode(name))

    return do


def _folder(name: str) -> Callable[[], None]:
    def do():
        Path("labels", name).mkdir(parents=True)
        shutil.copy(LABELS / ANN, Path("labels", name, "a.csv"))

    return do


def _older() -> None:
    os.utime(answers(ANN, 2.5), (1, 1))


def _link(target: str) -> Callable[[], None]:
    def do():
        Path("secret.csv").write_text("TARGETID\n")
        (LABELS / "link.csv").symlink_to(Path(target).resolve())

    return do


def _latest(*times: str) -> Callable[[], None]:
    """Ann answers again and again, at these times; the last one is the latest."""

    def do():
        for number, time in enumerate(times):
            z = 2.5 if number == len(times) - 1 else 3.0
            answers(f"desi-vi_t-round-01-minibatch-all_Ann-{number}.csv", z, time=time)

    return do


def _adjudication(page: str) -> Callable[[], object]:
    name = f"desi-vi_{page}-adjudication_Eve.csv"
    return lambda: answers(name, 0.5, "GALAXY", user="Eve")


def _beside(does: Callable[[], object]) -> Callable[[], object]:
    """Do it where Ann's answers are not there."""

    def do():
        shutil.rmtree(LABELS)
        shutil.rmtree(RESULTS / "handed-in")
        LABELS.mkdir()
        return does()

    return do


ANN = "desi-vi_t-round-01-minibatch-all_Ann.csv"
CASES = {
    "nothing else": Case(lambda: None, "4 of 4 labels accepted", ALL),
    "a recorded file is taken away": Case(
        lambda: (LABELS / ANN).unlink(), "was handed in and is gone; its copy is results/t", {}
    ),
    "a corrected file has an older time": Case(_older, "4 of 4 labels", ALL, 2.5),
    "a file is overwritten by that of another browser": Case(
        lambda: answers(ANN, targets=TARGETS[3:]),
        f"overwritten: labels/t/round-01/{ANN}: 3 answers of an earlier version, results",
        {"accepted": 1, "not inspected": 3},
    ),
    "a file is renamed": Case(lambda: (LABELS / ANN).rename(LABELS / "b.csv"), "4 of 4", ALL),
    **{
        f"a file is called {ascii(name)[:20]}": Case(renamed(name), told, ALL)
        for name, told in (
            ("x.csv.txt", "x.csv.txt: its name does not end in .csv"),
            ("x.xlsx", "x.xlsx: its name does not end in .csv"),
            ("x.csv.gz", "x.csv.gz: its name does not end in .csv"),
            (b"J\xf6rg.csv", "J\\udcf6rg.csv: its name is not UTF-8"),
            ("a\nb.csv", "a\\nb.csv: its name has a line break"),
            ("n" * 231 + ".csv", "its name has 235 bytes"),
        )
    },
    "braces in a name": Case(_beside(lambda: answers("x{a}.csv")), "4 of 4 labels accepted", ALL),
    "accents and blanks in a name": Case(_beside(lambda: answers("Åsa Ü.CSV")), "4 of 4", ALL),
    "a folder in the folder": Case(_folder("t/round-01/mine"), "mine: it is a folder", ALL),
    "a folder round-1": Case(_folder("t/round-1"), "folders are called round-01", ALL),
    "another spelling of the run": Case(_folder("T/round-01"), "the run is called t", ALL),
    "a file beside the folders": Case(
        lambda: Path("labels/t/a.csv").touch(), "files belong into labels/t/round-NN/", ALL
    ),
    "a pipe": Case(lambda: os.mkfifo(LABELS / "p.csv"), "p.csv: it is not a regular file", ALL),
    "a link to a secret": Case(_link("secret.csv"), "link.csv: it is a symbolic link", ALL),
    "a link to nothing": Case(_link("nowhere"), "link.csv: it is a symbolic link", ALL),
    "a letter": Case(lambda: (LABELS / "a.csv").write_text("Dear all"), "not read", ALL),
    "a header alone": Case(
        lambda: answers("b.csv", targets=[]), "b.csv: it has a header and no rows", ALL
    ),
    "no quality at all": Case(
        lambda: answers("b.csv", 0.5, "GALAXY", quality="", user="Bob"),
        "b.csv: none of its 4 rows has a VI_quality",
        ALL,
    ),
    "times of two zones": Case(
        _latest("2026-01-02T10:00:00+02:00", "2026-01-02T09:00:00Z"), "4 of 4", ALL, 2.5
    ),
    "an answer without a time beside one with": Case(
        _latest("", "2026-01-02T09:00:00Z"), "4 of 4", ALL, 2.5
    ),
    "an answer is withdrawn later": Case(
        lambda: answers(
            ANN.replace("Ann", "Ann (1)"),
            quality=-1,
            targets=TARGETS[:1],
            time="2026-01-02T09:00:00Z",
        ),
        "1 answer of labels/t/round-01 is withdrawn later (VI_quality -1): "
        + ANN.replace("Ann", "Ann (1)")
        + " line 2",
        {"accepted": 3, "not inspected": 1},
    ),
    "a second inspector disagrees": Case(
        lambda: answers("b.csv", 0.5, "GALAXY", targets=TARGETS[:1], user="Bob"),
        "inspectors disagree on 1 spectrum",
        {"accepted": 3, "conflict": 1},
    ),
    "an adjudication of this round": Case(
        _adjudication("t-round-01"), "4 of 4 labels accepted", ALL, 0.5
    ),
    "an adjudication of another round": Case(
        _adjudication("t-round-02"),
        "decides nothing: labels/t/round-01/desi-vi_t-round-02-adjudication_Eve.csv",
        {"conflict": 4},
    ),
    "an adjudication that was renamed": Case(
        lambda: answers("Adjudication (Eve).csv", 0.5, "GALAXY", user="Eve"),
        "decides nothing: labels/t/round-01/Adjudication (Eve).csv",
        {"conflict": 4},
    ),
    "an adjudication of another run": Case(
        _adjudication("other-round-01"), "disagree on 4 spectra", {"conflict": 4}
    ),
    "a star at z 3": Case(lambda: answers("b.csv", 3.0, "STAR", user="Bob"), "STAR at z", ALL),
    "a quasar at z 0": Case(lambda: answers("b.csv", 0.0, user="Bob"), "QSO at z = 0", ALL),
    "a file of prospect whose targets were sorted": Case(
        lambda: answers("b.csv", 0.5, "GALAXY", user="Bob", redrock=REDROCK[::-1]),
        "4 rows of labels/t/round-01/b.csv are refused: line 2: Redrock_z 2.5000 of line 2",
        ALL,
    ),
    "targets of another batch": Case(
        lambda: answers("b.csv", targets=[5, 6], user="Bob"), "are about targets that are not", ALL
    ),
    "TARGETIDs that a spreadsheet rounded": Case(
        lambda: answers(
            "b.csv",
            *(0.5, "GALAXY"),
            targets=[(FIRST_TARGET + k + 50) // 100 * 100 for k in range(0, 1000, 7)],
            user="Bob",
        ),
        "a spreadsheet has rounded it",
        ALL,
    ),
    "TARGETIDs written as 3.96276E+16": Case(
        lambda: answers("b.csv", targets=["3.96276E+16"] * 4, user="Bob"), "is not a whole", ALL
    ),
}


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@functools.cache
def _config() -> dict:
    config = {
        "run": "t",
        "rounds": 2,
        "pool": {"sources": [{"root": "redux", "tiles": ["1/20260101"]}]},
        "labelled": {"old": {"boss": __file__, "validation": 0.2}},
        "batch": {"size": 4, "minibatch": 2},
    }
    return check(config, ROOT / "config/schemas/config.schema.yaml")


def _merge() -> str:
    """Record and merge, as a run of Snakemake does; return what it tells at its end."""
    campaign = Campaign(copy.deepcopy(_config()))
    campaign.record([1])
    outputs = [f"--{name}" for name in ("output", "refused", "agreement")]
    paths = [str(RESULTS / name) for name in ("labels.csv", "refused.csv", "agreement.json")]
    words = [word for pair in zip(outputs, paths, strict=True) for word in pair]
    words += ["--batch", str(RESULTS / "batch.csv"), "--title-prefix", campaign.page(1)]
    merge_labels.main([*words, "--vi", *campaign.copies(1)])
    return Campaign(copy.deepcopy(_config())).next_steps("snakemake")


def fault_of(name: str, folder: Path) -> str:
    """Play a case in a new folder; return what is wrong with what came of it, or ''."""
    case = CASES[name]
    folder.mkdir()
    with _inside(folder):
        RESULTS.mkdir(parents=True)
        table = pd.DataFrame({"RANK": range(4), "MINIBATCH": [1, 1, 2, 2], "TARGETID": TARGETS})
        table.assign(REDROCK_Z=REDROCK).to_csv(RESULTS / "batch.csv", index=False)
        answers(ANN)
        _merge()
        before = (RESULTS / "labels.csv").read_bytes()
        case.does()
        try:
            told = _merge()
        except InputError as error:
            # The labels stay, and nothing is lost.
            same = (RESULTS / "labels.csv").read_bytes() == before
            right = not case.status and case.told in str(error) and same
            return "" if right else f"refused: {error}"
        labels = pd.read_csv(RESULTS / "labels.csv")
        status = labels["STATUS"].value_counts().to_dict()
        z = labels["Z"][labels["STATUS"] == "accepted"]
        copies = [path.read_text() for path in RESULTS.glob("handed-in/*/*.csv")]
        refused = (RESULTS / "refused.csv").read_text()
        counted = read_json(RESULTS / "agreement.json")["accepted"] == status.get("accepted", 0)
    if status != case.status or not (z == case.z).all() or not counted:
        return f"labels {status}, redshifts {sorted(set(z))}"
    if case.told not in told + refused:
        return f"told: {told}"
    return "" if "TARGETID\n" not in copies else "the secret is in the record"
