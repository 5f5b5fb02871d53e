"""Training and validation sets, and the labels of a batch."""

import numpy as np
import pandas as pd
import pytest

import assemble_training
import assemble_validation
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool, sets
from quasarnet_al.spectra.grid import LOG
from quasarnet_al.tasks.registry import TASKS


def test_validation_does_not_depend_on_what_else_is_there():
    targetid = np.arange(2000) + 39627634556011093
    chosen = sets.in_validation(targetid, 0.3, seed=4)
    assert chosen.mean() == pytest.approx(0.3, abs=0.04)
    some = np.array([1500, 3, 3, 77])
    np.testing.assert_array_equal(sets.in_validation(targetid[some], 0.3, 4), chosen[some])
    assert not sets.in_validation(targetid, 0, 4).any()
    assert sets.in_validation(targetid, 1, 4).all()
    gate = sets.in_validation(targetid, 0.2, 4, after=0.3)
    assert gate.mean() == pytest.approx(0.2, abs=0.04)
    assert not (gate & chosen).any()


def batch():
    catalog = pool.catalog(3)
    catalog["TARGETID"] = [11, 12, 13]
    return catalog


def labels(**columns):
    table = {"TARGETID": [13, 12, 11], "SPECTYPE": ["QSO", "STAR", "QSO"], "Z": [2.0, 0.0, 1.0]}
    return pd.DataFrame(table | {"BAL": [1, 0, -1], "ACCEPTED": [1, 0, 1]} | columns)


def test_only_accepted_labels_count():
    accepted, rows = sets.batch_labels(batch(), labels(), "labels.csv", "inspection")
    assert accepted.tolist() == [True, False, True]
    assert rows["TARGETID"].tolist() == [11, 13]
    assert rows["Z"].tolist() == [1.0, 2.0]
    assert rows["BAL"].tolist() == [-1, 1]


def test_labels_of_another_batch_are_refused():
    with pytest.raises(InputError, match="lacks spectra"):
        sets.batch_labels(batch(), labels(TARGETID=[13, 12, 99]), "labels.csv", "inspection")


def test_answered_rows_keep_their_place_in_the_batch(tmp_path):
    labels().to_csv(tmp_path / "labels.csv", index=False)
    batch = pd.DataFrame({"TARGETID": [11, 12, 13], "VOTE_NOT_QSO": [0.1, 0.2, 0.3]})
    found = TASKS["quasar"].answered(batch, tmp_path / "labels.csv", z_split=1.5)
    assert found.index.tolist() == [0, 2]  # the label of 12 is not accepted
    assert found["VOTE_NOT_QSO"].tolist() == [0.1, 0.3]
    assert found["LABEL_Z"].tolist() == [1.0, 2.0]
    assert found["TRUTH"].tolist() == [1, 2]
    with pytest.raises(InputError, match="lacks spectra"):
        TASKS["quasar"].answered(batch.replace(12, 99), tmp_path / "labels.csv", 1.5)


ARCSECOND = 1 / 3600


def part(targetid, spectype="QSO", z=2.0, ra=None, seed=0, origin="set"):
    """Labelled spectra a degree apart, of noise that the seed tells apart."""
    count = len(targetid)
    rng = np.random.default_rng(seed)
    made = sets.Labelled(
        rng.normal(size=(count, LOG.size)).astype(np.float32),
        pool.catalog(count, origin),
        pool.labels(count, origin),
    )
    made.catalog["TARGETID"] = made.labels["TARGETID"] = made.labels["OBJECT"] = targetid
    made.catalog["TARGET_RA"] = np.asarray(targetid) % 360 if ra is None else ra
    made.catalog["TARGET_DEC"] = 60
    made.labels["SPECTYPE"], made.labels["Z"] = spectype, z
    return made


def test_one_object_of_two_surveys_is_known_by_its_place():
    """0.8 arcseconds along a parallel at 60 degrees are 1.6 in right ascension."""
    desi, sdss = part([1, 2, 3]), part([101, 102, 103], ra=[1, 2, 3])
    sdss.catalog["TARGET_RA"] += np.array([1.6, 2.4, -1.6]) * ARCSECOND
    both = sets.Labelled.join([desi, sdss])
    number = sets.objects(both.catalog, both.labels)
    assert (number[:3] == number[3:]).tolist() == [True, False, True]
    assert len(set(number)) == 4


@pytest.mark.parametrize("ra", [np.nan, 0.0])
def test_places_that_are_not_known_link_nothing(ra):
    one = part([1, 2, 3], ra=ra)
    one.catalog["TARGET_DEC"] = ra
    assert len(set(sets.objects(one.catalog, one.labels))) == 3


def test_right_ascension_wraps_and_poles_are_places():
    one = part([1, 2, 3, 4], ra=[0.1 * ARCSECOND, 360 - 0.1 * ARCSECOND, 10, 200])
    one.catalog["TARGET_DEC"] = [0, 0, 90 - 0.1 * ARCSECOND, 90 - 0.1 * ARCSECOND]
    number = sets.objects(one.catalog, one.labels)
    assert number[0] == number[1]
    assert number[2] == number[3] != number[0]


def test_sets_that_contradict_each_other_teach_neither():
    one = part([1, 2, 3, 4], ["QSO", "QSO", "QSO", "STAR"], [2.0, 2.0, 2.0, 0.0])
    other = part([1, 2, 3, 5], ["STAR", "QSO", "QSO", "GALAXY"], [0.0, 2.5, 2.001, 0.5], seed=1)
    made, dropped, wrong = sets.training([one, other], [], [])
    assert made.labels["TARGETID"].tolist() == [3, 4, 3, 5]
    assert dropped == {"contradicting labels": 4}
    assert wrong.tolist() == [1, 2]


def test_inspectors_of_a_round_overrule_the_sets():
    """Also where they saw the very spectrum that a set has."""
    one = part([1, 2], "QSO")
    seen = part([1, 2], ["STAR", "QSO"], [0.0, 2.0], origin="inspection")
    made, dropped, _ = sets.training([one], [seen], [])
    assert sorted(zip(made.labels["TARGETID"], made.labels["SPECTYPE"], strict=True)) == [
        (1, "STAR"),
        (2, "QSO"),
    ]
    assert dropped == {"contradicting labels": 1, "given twice": 1}


def test_a_set_that_is_given_twice_counts_once():
    one = part([1, 2, 3])
    made, dropped, _ = sets.training([one, part([1, 2, 3], origin="again")], [], [])
    assert set(made.labels["ORIGIN"]) == {"set"}
    assert dropped == {"given twice": 3}
    # Another exposure of the same object is another spectrum.
    made, dropped, _ = sets.training([one, part([1, 2, 3], seed=1)], [], [])
    assert (len(made.labels), dropped) == (6, {})


def write(folder, name, made):
    path = folder / f"{name}.fits"
    pool.write(path, made.spectra, made.catalog, LOG, made.labels)
    return str(path)


def test_nothing_that_judges_teaches_and_the_gate_has_a_share_of_its_own(tmp_path, capsys):
    """SDSS's spectra of DESI's objects have other identifiers and the same places."""
    spectype, z = np.where(np.arange(300) % 2, "QSO", "STAR"), np.arange(300) % 2 * 2.0
    desi = part(np.arange(300), spectype, z, ra=np.arange(300))
    sdss = part(np.arange(300) + 5000, spectype, z, ra=np.arange(300), seed=1, origin="sdss")
    paths = [write(tmp_path, "desi", desi), write(tmp_path, "sdss", sdss)]
    validation, gate, teach = (str(tmp_path / f"{name}.fits") for name in ("v", "g", "t"))
    common = ["--labelled", *paths, "--seed", "3"]
    assemble_validation.main([*common, "--fraction", "0.3", "0.1", "--output", validation])
    shares = ["--fraction", "0.2", "0", "--after", "0.3", "0.1", "--apart-from", validation]
    assemble_validation.main([*common, *shares, "--output", gate])
    assemble_training.main(
        ["--labelled", *paths, "--validation", validation, gate, "--output", teach]
    )
    assert "in another share" in capsys.readouterr().out
    places = [
        set(np.round(pool.read_catalog(path)["TARGET_RA"]).tolist())
        for path in (validation, gate, teach)
    ]
    assert all(len(place) > 20 for place in places)
    for number, place in enumerate(places):
        for other in places[number + 1 :]:
            assert not place & other


@pytest.mark.parametrize(
    ("spectype", "z", "alone"),
    [
        ("QSO", 2.0, "QSO"),
        ("STAR", 0.0, "STAR"),
        (["STAR", "GALAXY"] * 20, 0.0, "GALAXY and STAR"),
        (["QSO", "STAR"] * 20, 2.0, "QSO"),  # the stars have no weight
    ],
)
def test_a_training_set_without_quasars_or_of_quasars_alone_is_refused(
    spectype, z, alone, tmp_path
):
    judges = part(np.arange(2), ["QSO", "STAR"], [2.0, 0.0], ra=[100, 101])
    teaches = part(np.arange(40) + 10, spectype, z, ra=np.arange(40))
    if alone == "QSO":
        teaches.labels["WEIGHT"][teaches.labels["SPECTYPE"] != "QSO"] = 0
    words = ["--labelled", write(tmp_path, "set", teaches)]
    words += ["--validation", write(tmp_path, "validation", judges)]
    with pytest.raises(InputError, match=f"teach {alone} alone"):
        assemble_training.main([*words, "--output", str(tmp_path / "training.fits")])
    assert not (tmp_path / "training.fits").exists()
