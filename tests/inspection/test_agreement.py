import pytest

from helpers.answers import BATCH, merged, vi, write_answers
from quasarnet_al.inspection import merge
from quasarnet_al.inspection.agreement import agreement as agree
from quasarnet_al.inspection.agreement import cohen_kappa, fleiss_kappa, gwet_ac1
from quasarnet_al.inspection.vi import read_answers


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


def test_ac1():
    # An example of Gwet 2002: 118 equal answers of 125, where kappa is below 0.
    one = ["y"] * 118 + ["y"] * 5 + ["n"] * 2
    two = ["y"] * 118 + ["n"] * 5 + ["y"] * 2
    assert cohen_kappa(one, two) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(one, two, 2) == pytest.approx(0.9408, abs=5e-5)
    # By hand: shares of 0.8 and 0.2, so that chance is 2 x 0.8 x 0.2 / (2 - 1); observed 0.6.
    assert gwet_ac1(list("yyyyy"), list("yynny"), 2) == pytest.approx((0.6 - 0.32) / 0.68, abs=1e-4)
    assert gwet_ac1([], [], 3) is None
    assert gwet_ac1(["y"], ["y"], 3) == 1


def test_two_who_agree_on_48_of_50_quasars_are_not_accused(tmp_path):
    targets = list(range(1, 51))
    paths = [
        write_answers(tmp_path, "desi-vi_r-minibatch-01_Ann.csv", "Ann", targets),
        write_answers(tmp_path, "desi-vi_r-minibatch-01_Bob.csv", "Bob", targets),
    ]
    text = paths[1].read_text().replace("2.0,QSO,\n", "0.5,GALAXY,\n", 2)
    paths[1].write_text(text)
    report = agree(merge.of_batch(read_answers(paths)[0], targets)[0])
    [pair] = report["cohen"]
    assert pair["same class"] == 0.96 and pair["kappa"] < 0.4 < 0.9 < pair["AC1"]
    assert report["doubts"] == []
