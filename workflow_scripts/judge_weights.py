"""Report the verdict of compare_weights.py; ends with status 1 where a threshold is violated."""

import sys

from quasarnet_al.core.files import content_of, read_json
from quasarnet_al.core.program import command_line, program


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--verdict", required=True, help="output of compare_weights.py (JSON)")
    args = parser.parse_args(argv)

    verdict = read_json(args.verdict)
    with content_of(args.verdict, "run compare_weights.py"):
        passed, broken, unjudged = (verdict[key] for key in ("passed", "broken", "not judged"))
        outcome = "passed" if passed else "BROKEN" if verdict["judged"] else "NOTHING JUDGED"
        lines = [
            f"gate: {outcome}: {verdict['candidate']} against {verdict['incumbent']}, "
            f"{len(broken)} of {verdict['judged']} thresholds violated",
            *(f"  {line}" for line in broken),
            "the sample would reveal, in nine of ten cases:",
            *(f"  {line}" for line in verdict["reveals"]),
        ]
        if unjudged:
            whole = [name.removesuffix(" (all)") for name in unjudged if name.endswith(" (all)")]
            named = f", among them {', '.join(whole)} of the whole sample" if whole else ""
            lines.append(f"not judged for lack of objects: {len(unjudged)} thresholds{named}")
        lines.append(f"all checks: {verdict['table']}")
    print("\n".join(lines))
    if not passed:
        sys.exit(1)


if __name__ == "__main__":
    program(main)
