"""The schema and the tables of config/README.md: made from the options, complete, with defaults."""

import jsonschema
import yaml

from quasarnet_al.core import options
from quasarnet_al.judging.experiment import FIGURES
from quasarnet_al.learning import acquisition
from quasarnet_al.workflow import config, schema

TEXT = schema.SCHEMA.read_text()
RULES = yaml.safe_load(TEXT)


def test_the_files_are_what_make_docs_writes():
    assert schema.blocks(TEXT) == TEXT, "make docs"
    assert schema.tables(schema.README.read_text(), RULES) == schema.README.read_text(), "make docs"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(RULES)


def test_every_key_has_a_row():
    """Every key that a config may hold is in config/README.md, where the schema explains it."""
    text = schema.README.read_text()

    def names(rules):
        for name, inner in rules.get("properties", {}).items():
            assert inner.get("description"), name
            yield name
            yield from names(inner)
        below = (rules.get("additionalProperties"), rules.get("items"))
        for inner in filter(lambda inner: isinstance(inner, dict), below):
            yield from names(inner)

    found = set(names(RULES))
    assert {"run", "layers", "acquisition", "tile_list", "sky"} < found
    missing = {name for name in found if f".{name}`" not in text and f"`{name}`" not in text}
    assert not missing


def test_defaults_of_a_config_are_those_of_the_programs():
    filled = config.validate(
        {"run": "x", "labelled": {"a": {"survey": "m"}}, "rounds": 0}, schema.SCHEMA
    )
    for section, cls in (
        ("ensemble", schema.Recipe),
        ("release", schema.Recipe),
        ("classification", schema.Classification),
        ("som", schema.MapOptions),
        ("batch", schema.Selection),
    ):
        default = options.words(cls, vars(cls()))
        assert options.words(cls, filled[section]) == default, section


def test_names_of_acquisition_functions_come_from_their_registry():
    assert RULES["properties"]["batch"]["properties"]["acquisition"]["enum"] == list(
        acquisition.NAMES
    )
    assert all(f"`{name}`" in schema.README.read_text() for name in acquisition.NAMES)


def test_a_study_compares_by_figures_of_which_it_is_known_whether_more_is_better():
    assert RULES["properties"]["experiment"]["properties"]["metric"]["enum"] == list(FIGURES)


def test_a_strategy_of_a_study_takes_what_it_does_not_say_from_the_batch():
    filled = config.validate(
        {
            "run": "x",
            "rounds": 0,
            "labelled": {"a": {"survey": "m"}},
            "pool": {"sources": [{"survey": "m"}]},
            "batch": {"acquisition": "margin", "percentile": 30},
            "experiment": {"arms": {"random": {"outliers": "none"}}},
            "oracle": {"truth": "t.csv"},
        },
        schema.SCHEMA,
    )
    arm = filled["experiment"]["arms"]["random"]
    assert (arm["acquisition"], arm["percentile"], arm["outliers"]) == ("margin", 30, "none")
