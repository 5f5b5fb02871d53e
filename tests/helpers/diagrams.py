"""The diagrams of docs/architecture.md, drawn from the imports and from Snakemake's graph.

`make docs` runs this file, which writes them into the document; a test compares.
"""

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.paths import PYTHON, ROOT
from helpers.workflow import checkout

LIBRARY = ROOT / "workflow_scripts/quasarnet_al"
DOCUMENT = ROOT / "docs/architecture.md"
#: As `__init__` names them: each imports only those before it.
WINGS = re.findall(r"^\* `(\w+)`:", (LIBRARY / "__init__.py").read_text(), flags=re.MULTILINE)

Edges = set[tuple[str, str]]


def wings_imported(path: Path) -> set[str]:
    """Return the wings that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import by the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    ours = [name.split(".") for name in names if name.startswith("quasarnet_al.")]
    return {parts[1] for parts in ours} & set(WINGS)


def reduced(edges: Edges) -> Edges:
    """Leave out the edges of a graph without cycles that a longer path implies."""

    def reachable(start: str) -> set[str]:
        ends = {end for begin, end in edges if begin == start}
        return ends.union(*map(reachable, ends))

    implied = {(a, c) for a, b in edges for c in reachable(b)}
    return edges - implied


def mermaid(nodes: dict[str, str], edges: Edges, more: str = "") -> str:
    """Return a flowchart: nodes with their labels, and the edges that no longer path implies."""
    lines = ["```mermaid", "flowchart TB"]
    lines += [f'    {name}["{label}"]' for name, label in nodes.items()]
    lines += [f"    {a} --> {b}" for a, b in sorted(reduced(edges))]
    return "\n".join([*lines, *([f"    {more}"] if more else []), "```"])


def wings() -> str:
    """Draw which wing uses which: an arrow leads from a wing to one that imports it."""
    modules = {wing: sorted((LIBRARY / wing).glob("*.py")) for wing in WINGS}
    nodes = {
        wing: f"<b>{wing}</b><br>" + ", ".join(p.stem for p in paths if p.stem != "__init__")
        for wing, paths in modules.items()
    }
    edges = {
        (used, wing)
        for wing, paths in modules.items()
        for path in paths
        for used in wings_imported(path) - {wing}
    }
    return mermaid(nodes, edges)


def rules() -> str:
    """Draw the rules of one round of the demo; labels of a round train the next one."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PYTHON, "-m", "snakemake", "--rulegraph", "--config", "rounds=1"]
        shown = subprocess.run(
            command, cwd=checkout(Path(folder)), capture_output=True, text=True, check=True
        )
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', shown.stdout))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", shown.stdout)}
    edges = {(a, b) for a, b in edges if b != "all"}
    nodes = {name: name for name in sorted(names.values()) if name != "all"}
    return mermaid(nodes, edges, 'merge_labels -.-> next(["the next round\'s assemble_training"])')


def document() -> str:
    """Return docs/architecture.md with its diagrams drawn anew."""
    text = DOCUMENT.read_text()
    for name, draw in (("wings", wings), ("rules", rules)):
        block = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        drawn = draw()
        text, count = block.subn(lambda found, new=drawn: f"{found[1]}{new}\n{found[2]}", text)
        assert count == 1, name
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(document())
