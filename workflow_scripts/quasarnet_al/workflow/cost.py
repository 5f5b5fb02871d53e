"""What jobs took, from the files that Snakemake's `benchmark:` writes (JSON lines)."""

import json
from collections.abc import Iterator
from pathlib import Path

from quasarnet_al.core.files import InputError

#: Perlmutter's nodes (docs.nersc.gov, "Perlmutter architecture"): hardware threads of a CPU
#: node and of a GPU node, GPUs of the latter.
CPU_NODE_THREADS, GPU_NODE_THREADS, NODE_GPUS = 256, 128, 4
#: Snakemake looks at a job's memory as it starts, before there is any, and then after seconds.
SEEN = 2.0


def node_share(threads: int, gpus: int = 0) -> float:
    """Return the part of a node that a job is charged for, 1 for all of it.

    The largest of its parts (docs.nersc.gov, "Queues and charges"); memory is left out.
    """
    if gpus:
        return max(gpus / NODE_GPUS, threads / GPU_NODE_THREADS)
    return threads / CPU_NODE_THREADS


def read(folder: str | Path) -> Iterator[dict]:
    """Yield the jobs under a folder of benchmark files: rule, seconds, memory, node_hours.

    Memory is the largest, MB; NaN for a job shorter than `SEEN`.
    """
    for path in sorted(Path(folder).rglob("*.jsonl")):
        # round-NN/<rule>/..., <rule>/..., or <rule>.jsonl
        parts = path.relative_to(folder).parts
        rule = parts[1] if parts[0].startswith("round-") else parts[0]
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                seconds, memory = float(record["s"]), record["max_rss"]
                # The profile `default` asks Snakemake for these two.
                gpus = record.get("resources", {}).get("gpu", 0)
                share = node_share(record["threads"], gpus) if "threads" in record else float("nan")
                yield {
                    "rule": rule.removesuffix(".jsonl"),
                    "seconds": seconds,
                    "memory": float("nan" if memory == "NA" or seconds < SEEN else memory),
                    "node_hours": share * seconds / 3600,
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(path, f"is no benchmark ({error!r})", "remove it") from error
