import pytest

from helpers.answers import BATCH, merged, vi
from quasarnet_al.inspection.agreement import cohen_kappa, fleiss_kappa


def test_who_saw_the_ensemble_first(tmp_path):
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_shown"
    rows = [f"{BATCH[0]},ann,4,2.1,QSO,redrock ensemble", f"{BATCH[1]},ann,4,2.1,QSO,redrock"]
    _, _, agreement = merged(vi(tmp_path / "a.csv", *rows, header=header))
    assert agreement["inspectors"]["ann"]["saw the ensemble first"] == 0.5


def test_kappas():
    # Fleiss 1971 as worked on Wikipedia: ten subjects, fourteen raters, five categories.
    table = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    ratings = [[str(c) for c, n in enumerate(row) for _ in range(n)] for row in table]
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)
    one = ["y"] * 25 + ["n"] * 25
    two = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(one, two) == pytest.approx(0.4)
    assert cohen_kappa(["y"], ["y"]) is None
    assert fleiss_kappa([["a"]]) is None
