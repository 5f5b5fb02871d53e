"""The schema of a config, and the tables of its keys in config/README.md.

`python -m quasarnet_al.workflow.schema` (`make docs`) writes into the schema the blocks that
begin with "made from", from the dataclasses in `SECTIONS`, and into config/README.md a table of
each section of the schema.
"""

import json
import re
from pathlib import Path

import yaml

from quasarnet_al.core import options
from quasarnet_al.core.files import write_text
from quasarnet_al.learning.selection import Selection, Strategy
from quasarnet_al.learning.som import MapOptions
from quasarnet_al.network.lines import Classification, Viewing
from quasarnet_al.network.recipe import Recipe

CONFIG = Path(__file__).parents[3] / "config"
SCHEMA, README = CONFIG / "schemas/config.schema.yaml", CONFIG / "README.md"
#: What the schema's blocks are made from, by the name that they give.
SECTIONS = {
    cls.__name__: cls for cls in (Recipe, Classification, Viewing, MapOptions, Selection, Strategy)
}

_BLOCK = re.compile(
    r"(?P<head>^(?P<indent> *)# made from (?P<name>\w+)(, as under (?P<other>\w+))?\n)"
    r".*?(?P<end>^ *# end\n)",
    re.DOTALL | re.MULTILINE,
)
_TABLES = re.compile(r"(?<=<!-- made from the schema -->\n).*(?=<!-- end -->)", re.DOTALL)
_KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "array": "list",
}
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def blocks(schema: str) -> str:
    """Return the schema's text with its blocks made anew."""

    def made(match: re.Match) -> str:
        keys = options.properties(SECTIONS[match["name"]])
        if match["other"]:
            # No default: the value is the other section's (see `config.validate`).
            about = f"as under `{match['other']}`; absent: its value"
            for rules in keys.values():
                del rules["default"]
                rules["description"] = about
        text = yaml.safe_dump(keys, sort_keys=False, width=90, default_flow_style=None)
        lines = [f"{match['indent']}{line}\n" for line in text.splitlines()]
        return "".join([match["head"], *lines, match["end"]])

    return _BLOCK.sub(made, schema)


def tables(readme: str, schema: dict) -> str:
    """Return the text of config/README.md with the table of each section made anew."""
    sections = {"The run": _Table()}
    about = {}
    # Keys that several sections share are listed in the first.
    seen: set[int] = set()
    for name, rules in schema["properties"].items():
        if rules.get("type") == "object":
            title = f"`{name}`"
            about[title] = f"{rules['description']}.\n\n"
            sections[title] = _Table()
            sections[title].below(name, rules, seen)
        else:
            sections["The run"].add(name, rules, name in schema["required"])
            sections["The run"].below(name, rules, seen)
    text = "".join(
        f"\n### {title}\n\n{about.get(title, '')}{table}" for title, table in sections.items()
    )
    return _TABLES.sub(lambda _: f"{text}\n", readme)


class _Table:
    """The keys of a section, their meaning, what is allowed and the default."""

    def __init__(self) -> None:
        self.rows: list[tuple[list[str], str, str, str]] = []

    def below(self, place: str, rules: dict, seen: set[int]) -> None:
        """Add the keys of an object, or of the objects in a list or by name."""
        for name, inner in rules.get("properties", {}).items():
            if id(inner) not in seen:
                seen.add(id(inner))
                self.add(f"{place}.{name}", inner, name in rules.get("required", []))
                self.below(f"{place}.{name}", inner, seen)
        named, items = rules.get("additionalProperties"), rules.get("items")
        if isinstance(named, dict):
            if "description" in named:
                self.add(f"{place}.<name>", named, False)
            self.below(f"{place}.<name>", named, seen)
        if items:
            self.below(f"{place}[]", items, seen)

    def add(self, key: str, rules: dict, required: bool) -> None:
        """Add a key; neighbours with the same meaning and default share a row."""
        allowed = " or ".join(f"`{choice}`" for choice in rules.get("enum", []))
        if not allowed:
            limits = [f"{sign} {rules[name]}" for name, sign in _LIMITS.items() if name in rules]
            kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
            allowed = " or ".join(_KINDS.get(kind, "") for kind in kinds)
            allowed = f"{allowed} {', '.join(limits)}".strip()
        default = rules.get("default", "")
        if default in ("", {}):
            default = "required" if required else ""
        else:
            default = default if isinstance(default, str) else json.dumps(default)
            default = f"`{default}`"
        if self.rows and self.rows[-1][1] == rules["description"] and self.rows[-1][3] == default:
            keys, meaning, same, _ = self.rows.pop()
            self.rows.append(([*keys, key], meaning, allowed if allowed == same else "", default))
        else:
            self.rows.append(([key], rules["description"], allowed, default))

    def __str__(self) -> str:
        lines = ["| key | meaning | allowed | default |", "| --- | --- | --- | --- |"]
        for keys, *cells in self.rows:
            lines.append(f"| {' | '.join([', '.join(f'`{key}`' for key in keys), *cells])} |")
        return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write the schema's blocks and the tables of config/README.md."""
    schema = blocks(SCHEMA.read_text(encoding="utf-8"))
    write_text(SCHEMA, schema)
    write_text(README, tables(README.read_text(encoding="utf-8"), yaml.safe_load(schema)))


if __name__ == "__main__":
    main()
