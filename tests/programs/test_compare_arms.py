"""Learning curves are compared in figures that all their rounds have."""

import pandas as pd
import pytest

import compare_arms
from quasarnet_al.core.files import InputError


@pytest.fixture
def curve(tmp_path):
    rows = [(arm, seed, n) for arm in ("random", "entropy") for seed in (0, 1) for n in (10, 20)]
    table = pd.DataFrame(rows, columns=["arm", "seed", "labels"])
    table["average_precision"] = 0.5 + table["labels"] / 100
    table["completeness_at_purity"] = 0.4
    table["bal_average_precision"] = [0.5] * 7 + [None]
    return table


def compare(folder, table):
    table.to_csv(folder / "curve.csv", index=False)
    outputs = ["--arms", "a.csv", "--figure", "a.png", "--output", "ratios.csv"]
    outputs = [str(folder / word) if "." in word else word for word in outputs]
    compare_arms.main(["--curves", str(folder / "curve.csv"), *outputs])
    return pd.read_csv(folder / "ratios.csv")


def test_a_figure_that_is_not_always_defined_is_left_out_and_named(curve, tmp_path, capsys):
    ratios = compare(tmp_path, curve)
    assert set(ratios["figure"]) == {"average_precision", "completeness_at_purity"}
    assert "no value: bal_average_precision" in capsys.readouterr().out
    assert ratios[["label_ratio", "last", "gain"]].notna().all(axis=None)


@pytest.mark.parametrize("value", [None, float("inf")])
@pytest.mark.parametrize("name", ["average_precision", "labels"])
def test_the_figure_of_merit_must_be_a_number(curve, tmp_path, name, value):
    curve[name] = curve[name].astype(float)
    curve.loc[3, name] = value
    with pytest.raises(InputError, match=f"curve.csv: .*{name} has a value that is not"):
        compare(tmp_path, curve)
    assert not (tmp_path / "ratios.csv").exists()
