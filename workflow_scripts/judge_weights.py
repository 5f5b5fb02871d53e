"""Tell the verdict of compare_weights.py; ends with status 1 where a threshold is broken."""

import sys

from quasarnet_al.core.files import content_of, read_json
from quasarnet_al.core.program import command_line, program


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--verdict", required=True, help="of compare_weights.py (JSON)")
    args = parser.parse_args(argv)

    verdict = read_json(args.verdict)
    with content_of(args.verdict, "run compare_weights.py"):
        passed, broken, unjudged = (verdict[key] for key in ("passed", "broken", "not judged"))
        told = [
            f"gate: {'passed' if passed else 'BROKEN'}: {verdict['candidate']} against "
            f"{verdict['incumbent']}, {len(broken)} of {verdict['judged']} thresholds broken",
            *(f"  {line}" for line in broken),
        ]
        if unjudged:
            whole = [name.removesuffix(" (all)") for name in unjudged if name.endswith(" (all)")]
            named = f", among them {', '.join(whole)} of the whole" if whole else ""
            told.append(f"not judged for too few objects: {len(unjudged)} thresholds{named}")
        told.append(f"all checks: {verdict['table']}")
    print("\n".join(told))
    if not passed:
        sys.exit(1)


if __name__ == "__main__":
    program(main)
