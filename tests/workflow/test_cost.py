"""What jobs took, as Snakemake wrote it."""

import json

import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.report import html
from quasarnet_al.workflow import cost


def record(path, seconds, memory, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"s": seconds, "max_rss": memory} | more) + "\n")


def test_jobs_are_added_up_by_rule(tmp_path):
    gpus = {"threads": 128, "resources": {"gpu": 4, "mem_mb": 220000}}
    record(tmp_path / "train/1.jsonl", 3600, 10.0, **gpus)
    record(tmp_path / "train/2.jsonl", 1800, 30.0, **gpus)
    record(tmp_path / "round-02/select.jsonl", 36.0, "NA", threads=32, resources={"mem_mb": 1})
    jobs = list(cost.read(tmp_path))
    hours = {job["rule"]: job["node_hours"] for job in jobs[:1]}
    assert hours == {"select": pytest.approx(0.01 / 8)}
    _, text, table = html.cost("Cost", jobs, 1000)
    assert (
        "For 1000 spectra of the pool 3 jobs took 5436 s" in text
        and "charged 1.5 node hours" in text
    )
    row = table.split("<td>train</td>")[1].split("</tr>")[0]
    assert [float(part.split("<")[0]) for part in row.split("<td>")[1:]] == [2, 5400, 3600, 30, 1.5]
    assert "nan" not in table.lower()


def test_none_and_bad_records(tmp_path):
    assert html.cost("Cost", cost.read(tmp_path / "absent"), 1) == []
    (tmp_path / "bad.jsonl").write_text('{"s": 1}\n')
    with pytest.raises(InputError, match=r"bad\.jsonl: is no benchmark"):
        list(cost.read(tmp_path))


def test_a_job_is_charged_for_its_largest_part_of_a_node():
    assert cost.node_share(32) == 1 / 8
    assert cost.node_share(32, gpus=1) == 1 / 4
    assert cost.node_share(128, gpus=1) == 1
