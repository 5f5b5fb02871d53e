"""The outlier rule against known flaws."""

import numpy as np

from quasarnet_al.judging import outliers


def test_only_spectra_that_the_rule_looked_at_count():
    reason = np.array(["", "less confusing", "sparse cell", "far from cell", "labelled", "repeat"])
    flaw = np.array(["none", "noise", "noise", "none", "noise", "noise"])
    table = outliers.judge(reason, flaw).set_index("flaw")
    assert table.loc["noise", ["spectra", "discarded"]].tolist() == [2, 1]
    assert table.loc["none", ["spectra", "discarded"]].tolist() == [2, 1]
    assert table.loc["any flaw", ["recall", "precision", "base"]].tolist() == [0.5, 0.5, 0.5]
