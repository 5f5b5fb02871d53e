"""The plan of a run: what the config means in chunks of tiles, sets, teams and rounds.

The rules ask these functions; nothing else interprets the config's structure.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

import yaml

from quasarnet_al.core.files import InputError, content_of, read_json
from quasarnet_al.spectra.tiles import check_tile, coadds_matching, matching, read_tiles, stem
from quasarnet_al.workflow.config import Validator, validate

#: The layout of coadds that a pattern names, in folders of any kind.
FILES = "files"
#: Values of a config, which a person writes; a production has some ten thousand tiles.
LARGEST = 1_000_000


def _refuse_growth(config: dict) -> None:
    """Raise `InputError` for a config of aliases of aliases, which would take years to check."""
    values, count = [config], 0
    while values:
        value = values.pop()
        count += 1
        if count > LARGEST:
            raise InputError(
                "config", f"has more than {LARGEST} values", "write lists of tiles into a file"
            )
        if isinstance(value, dict | list):
            values += value.values() if isinstance(value, dict) else value


def check(config: dict, schema: str | Path) -> dict:
    """Return the config with the schema's defaults filled in, its tiles and sets looked at.

    `shares_map` is added: whether the map is that of the run whose pool is used.
    `rounds` becomes a number; what a list there changes becomes `changes`: the whole config
    that holds from a round on, by that round's number.

    Raises
    ------
    InputError naming the key that is wrong
    """
    if not isinstance(config, dict):
        raise InputError("config", "is not a mapping of keys to values", "see config/README.md")
    _refuse_growth(config)
    given, changes = config, _changes(config, schema)
    config = validate({**given, **_number_of_rounds(changes)}, schema)
    beside = sorted(given.get("pool", {}).keys() - {"run"}) if config["pool"]["run"] else []
    if beside:
        raise InputError(
            "config", f"pool.{beside[0]} has no effect beside pool.run", "leave one of them out"
        )
    config["shares_map"] = bool(config["pool"]["run"]) and "som" not in given
    config["changes"] = {}
    for change in changes:
        given = {**given, **_number_of_rounds(changes)}
        for section in CHANGEABLE:
            if section in change:
                given[section] = {**given.get(section, {}), **change[section]}
        try:
            config["changes"][change["from"]] = validate(given, schema)
        except InputError as error:
            place, fault, remedy = error.args
            raise InputError(
                place, f"rounds, from round {change['from']}: {fault}", remedy
            ) from error
    pool, catalog = chunks(config), chunks(config, "catalog")
    for name in pool.keys() & catalog.keys():
        if pool[name] != catalog[name]:
            raise InputError(
                "config",
                f"catalog: tile {name} differs from the pool's",
                "run it in a config of its own",
            )
    sets = labelled_sets(config).values()
    if not any(labelled.validation for labelled in sets if not labelled.check):
        raise InputError(
            "config", "no labelled set gives a validation set", "set labelled.*.validation above 0"
        )
    for labelled in sets:
        if labelled.validation + labelled.gate > 1:
            raise InputError(
                "config",
                f"labelled.{labelled.name}: validation and gate are more than the whole set",
                "lower one of them",
            )
    return config


#: The sections that a list under `rounds` may change from a round on.
CHANGEABLE = ("batch", "ensemble", "inspection", "som")


def _changes(config: dict, schema: str | Path) -> list[dict]:
    """Return the entries of a list under `rounds`, checked, in the order of the rounds."""
    if not isinstance(config.get("rounds"), list):
        return []
    rules = yaml.safe_load(Path(schema).read_text())["properties"]["rounds"]
    for error in Validator(rules).iter_errors(config["rounds"]):
        place = ".".join(["rounds", *map(str, error.absolute_path)])
        raise InputError("config", f"{place}: {error.message}", "see config/README.md")
    changes = sorted(config["rounds"], key=lambda change: change["from"])
    if len({change["from"] for change in changes}) < len(changes):
        raise InputError("config", "rounds: two entries begin with one round", "join them")
    for change in changes:
        if change["from"] > _number_of_rounds(changes)["rounds"]:
            raise InputError(
                "config",
                f"rounds: the entry from round {change['from']} is beyond `until`",
                "raise `until`, or remove the entry",
            )
    return changes


def _number_of_rounds(changes: list[dict]) -> dict[str, int]:
    """Return the number of rounds where `rounds` is a list; without `until` they go on."""
    ends = [change["until"] for change in changes if "until" in change]
    return {"rounds": max(ends, default=99)} if changes else {}


@dataclass(frozen=True)
class Chunk:
    """Tiles that one job extracts, scores and maps; one pool file.

    Attributes
    ----------
    name : of its files: the tile, or the first and the last of several
    root, layout, targets : where the tiles lie and which fibres count (see `desi`); the layout of
        coadds in a folder is `FILES`
    tiles : as `desi.coadds` takes them; of `FILES` their paths below the root
    survey : name of the mock survey that makes them, or ""
    """

    name: str
    root: str
    layout: str
    targets: str
    tiles: tuple[str, ...]
    survey: str

    @property
    def files(self) -> list[str]:
        """The coadds, where they are in a folder; those of a production are not looked for."""
        return [f"{self.root}/{tile}" for tile in self.tiles] if self.layout == FILES else []

    @property
    def arguments(self) -> list[str]:
        """Of extract_spectra.py, which say where the coadds are."""
        if self.layout == FILES:
            return ["--coadd", *self.files]
        return ["--input-root", self.root, "--layout", self.layout, "--tile", *self.tiles]


def chunks(
    config: dict,
    section: str = "pool",
    made: Iterable[Chunk] = (),
    taken: Collection[str] = (),
    replaced: Collection[str] = (),
) -> dict[str, Chunk]:
    """Return the chunks of the pool, or of the catalogue, by name, in the order of the config.

    `made` are chunks that are there already: their tiles stay together, so that tiles that
    are added make new chunks and leave the old ones as they are. `taken` are names of chunks that
    answered rounds chose from: what is left of their tiles, or a later night of one, gets another
    name. So do the tiles of those that are `replaced`, whose coadds are others now.
    """
    if section == "pool" and config["pool"]["run"]:
        return _chunks_of(config["pool"]["run"])
    found: dict[str, Chunk] = {}
    size, seen = config["pool"]["tiles_per_job"], set()
    for source in config[section]["sources"]:
        place = _tiles(config, source)
        ending = "" if source["targets"] == "qso" else f"-{source['targets']}"
        names = {}
        for tile in place["tiles"]:
            names[tile], what = _tile_name(tile, place["root"], place["layout"])
            if names[tile] + ending in seen:
                raise InputError("config", f"{section}: {what} is listed twice", "remove one")
            seen.add(names[tile] + ending)
        listed, again = set(place["tiles"]), set[str]()
        for chunk in made:
            if listed.issuperset(chunk.tiles) and chunk == Chunk(
                chunk.name, targets=source["targets"], **place | {"tiles": chunk.tiles}
            ):
                if chunk.name in replaced:
                    again |= set(chunk.tiles)
                    continue
                found[chunk.name] = chunk
                listed -= set(chunk.tiles)
        left = [tile for tile in place["tiles"] if tile in listed]
        for first in range(0, len(left), size):
            tiles = tuple(left[first : first + size])
            name = "_".join(names[tile] for tile in dict.fromkeys((tiles[0], tiles[-1]))) + ending
            # These names do not say which tiles, which night, or which content.
            if len(tiles) > 1 or place["layout"] == "cumulative" or again.intersection(tiles):
                others = (f"{name}-{number}" for number in count(2))
                name = next(name for name in chain([name], others) if name not in taken)
            found[name] = Chunk(name, targets=source["targets"], **place | {"tiles": tiles})
    return found


def pool_folder(config: dict) -> str:
    """Return the folder of the pool: the run's, or that of the run whose pool it uses."""
    return f"results/{config['pool']['run'] or config['run']}/pool"


def read_chunks(path: str | Path) -> dict[str, Chunk]:
    """Return the chunks of a pool as its `chunks.json` lists them, by name."""
    listed = read_json(path)
    with content_of(path):
        made = [Chunk(**{**chunk, "tiles": tuple(chunk["tiles"])}) for chunk in listed.values()]
    return {chunk.name: chunk for chunk in made}


def _chunks_of(run: str) -> dict[str, Chunk]:
    """Return the chunks of another run's pool, whose files are all there."""
    folder, remedy = Path("results", run, "pool"), f"run snakemake with the config of {run} first"
    listed = folder / "chunks.json"
    if not listed.exists():
        raise InputError(listed, f"is not there, so {run} has no pool to share", remedy)
    found = {name: replace(chunk, survey="") for name, chunk in read_chunks(listed).items()}
    for path in [folder / "files.csv", *(folder / f"{name}.fits" for name in found)]:
        if not path.exists():
            raise InputError(path, "is not there", remedy)
    return found


def _tiles(config: dict, source: dict) -> dict:
    """Where the tiles of a source lie: given in the config, or made by a mock survey.

    Digits are one tile, which lies nowhere.
    """
    if "digits" in source:
        return {"root": "", "layout": "", "tiles": ["digits"], "survey": ""}
    if "coadds" in source:
        root, files = coadds_matching(source["coadds"])
        return {"root": root, "layout": FILES, "tiles": files, "survey": ""}
    survey = source.get("survey")
    if survey:
        mock = _survey(config, survey)
        return {
            "root": f"results/{config['run']}/mock/{survey}",
            "layout": "cumulative",
            "tiles": [f"{tile}/{mock['night']}" for tile in mock["tiles"]],
            "survey": survey,
        }
    layout = source["layout"]
    tiles = source.get("tiles") or read_tiles(
        source["tile_table"],
        layout,
        source["surveys"],
        source["programs"],
        source.get("nights"),
        source["tile_list"],
    )
    for tile in tiles:
        check_tile(layout, tile)
    return {"root": source["root"], "layout": layout, "tiles": tiles, "survey": ""}


def tiles(config: dict, source: dict) -> list[str]:
    """Return the tiles of a source, as the config or its table of tiles names them."""
    return list(_tiles(config, source)["tiles"])


def survey_truth(config: dict, survey: str) -> str:
    """Return the truth table of a mock survey: written last, it says that all is there."""
    return f"results/{config['run']}/mock/{survey}/truth.csv"


def _survey(config: dict, name: str) -> dict:
    if name not in config["mock"]:
        raise InputError("config", f"mock survey {name!r} is not under mock", "add it")
    return config["mock"][name]


def _tile_name(tile: str, root: str, layout: str) -> tuple[str, str]:
    """Return the name of a tile in those of files, and what a person calls it.

    Coadds in folders may share a name: theirs has a sum of the path, whatever links lead there.
    """
    if layout == FILES:
        path = stem(os.path.realpath(f"{root}/{tile}"))
        word = re.sub(r"[^A-Za-z0-9_]+", "-", os.path.basename(path)).strip("-")[:40]
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()
        return f"{word}-{digest[:8]}".lstrip("-"), f"the coadd {root}/{tile}"
    name = tile.split("/")[0] if layout == "cumulative" else tile.replace("/", "-")
    return name, f"tile {name}"


@dataclass(frozen=True)
class LabelledSet:
    """Labels that the run starts from.

    Attributes
    ----------
    name : of its file
    arguments : of extract_spectra.py, that make it
    files : that must be there first; the coadds of a production are not looked for
    survey : name of the mock survey that makes its spectra, or ""
    validation, gate : shares of its objects that only serve to judge, the ensembles and the
        released network
    check : whether it serves `snakemake check` alone
    """

    name: str
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    survey: str
    validation: float
    gate: float
    check: bool


def labelled_sets(config: dict) -> dict[str, LabelledSet]:
    """Return the labelled sets by name."""
    found = {}
    for name, source in config["labelled"].items():
        arguments, files, survey = _arguments(config, name, source)
        files = [source[key] for key in ("training_data", "truth") if key in source] + files
        if survey:
            files.append(survey_truth(config, survey))
        found[name] = LabelledSet(
            name,
            tuple(arguments),
            tuple(files),
            survey,
            source["validation"],
            source.get("gate", 0),
            source["check"],
        )
    return found


def _arguments(config: dict, name: str, source: dict) -> tuple[list[str], list[str], str]:
    """Return arguments of extract_spectra.py, coadds that they name and the mock survey."""
    if "digits" in source:
        return [], [], ""
    if "boss" in source:
        files = matching(source["boss"])
        if not files:
            raise InputError(source["boss"], "no such files", f"check labelled.{name}.boss")
        labels = ["--truth", source["truth"]] if "truth" in source else []
        return [*labels, "--boss", *files], [], ""
    if "training_data" in source:
        if config["grid"] != "log":
            raise InputError("config", f"labelled.{name} is on the log grid", "set grid: log")
        return ["--training-data", source["training_data"], "--truth", source["truth"]], [], ""
    place = Chunk(name, targets=source["targets"], **_tiles(config, source))
    truth = source.get("truth") or f"{place.root}/truth.csv"
    return (
        ["--targets", place.targets, "--truth", truth, *place.arguments],
        place.files,
        place.survey,
    )


def teams(config: dict) -> dict[str, list[int]]:
    """Return the members of each team, by the team's name."""
    ensemble = config["ensemble"]
    members = list(range(ensemble["members"]))
    size = ensemble["members_per_team"]
    return {
        f"{first // size + 1:02d}": members[first : first + size]
        for first in range(0, len(members), size)
    }


def sky_chunks(chunks: dict[str, Chunk]) -> list[str]:
    """Return the chunks whose sky fibres the gate looks at: each tile once."""
    places: dict[tuple, str] = {}
    for name, chunk in chunks.items():
        places.setdefault((chunk.root, chunk.layout, chunk.tiles), name)
    return list(places.values())


def incumbent(config: dict) -> str:
    """Return the weights in use; raise `InputError` where the config names none."""
    if not config["gate"]["incumbent"]:
        raise InputError(
            "config", "gate.incumbent is empty", "name the weights file that is in use"
        )
    return config["gate"]["incumbent"]


def buying_more(config: dict) -> list[str]:
    """Return the study's strategies that are its baseline but for more labels in each round."""
    arms, name = config["experiment"]["arms"], config["experiment"]["baseline"]
    return [
        other
        for other, arm in arms.items()
        if arm["size"] > arms[name]["size"] and arm | {"size": arms[name]["size"]} == arms[name]
    ]


def release(config: dict) -> str:
    """Return the weights file that the run releases."""
    return f"results/{config['run']}/release/quasarnet-{config['run']}.h5"
