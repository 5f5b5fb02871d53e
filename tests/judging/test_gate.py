"""The gate: it lets good weights through and stops bad ones, naming what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

import compare_weights
from helpers.networks import random_network
from helpers.paths import ROOT
from helpers.survey import QUICK
from quasarnet_al.core.files import InputError, write_json
from quasarnet_al.judging import comparison, gate
from quasarnet_al.network import targets, weights
from quasarnet_al.network.lines import Lines
from quasarnet_al.spectra import grid, pool
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.plan import check

SCHEMA = ROOT / "config" / "schemas" / "config.schema.yaml"
CUT = 0.5


def made(is_qso, z, found, snr=None):
    """Labels, and the answers of a network that finds `found` at redshifts `z`."""
    labels = pool.labels(len(is_qso), "test")
    labels["SPECTYPE"] = np.where(is_qso, "QSO", "STAR")
    labels["OBJECT"] = np.arange(len(is_qso))
    labels["Z"] = np.where(is_qso, z, 0)
    return labels, says(found, z)


def says(found, z):
    c = np.where(found, 0.99, 0.1)[:, None] * np.array([1, 0.5, 0, 0, 0, 0])
    line_z = np.repeat(np.asarray(z, float)[:, None], 6, axis=1)
    return gate.answers(Lines(c, line_z, np.zeros(len(c))), gate.Settings(cut=CUT))


def row(rows, check, label="all"):
    (found,) = [r for r in rows if (r["check"], r["bin"]) == (check, label)]
    return found


def sample(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    is_qso, z = rng.random(n) < 0.6, rng.uniform(0.1, 4.9, n)
    return rng, is_qso, z, rng.uniform(0, 10, n)


def judged(candidate, incumbent, labels, snr, **more):
    settings = gate.Settings(cut=CUT, wanted_purity=0.9, **more)
    rows = gate.compare_labelled(candidate, incumbent, labels, snr, grid.LOG, settings)
    return gate.verdict(rows, settings)


def broken(table):
    rows = table[table["passed"].eq(False)]
    return set(zip(rows["check"], rows["bin"], strict=True))


def test_numbers_are_those_that_can_be_counted():
    #                  right  wrong z  missed  impostor  star
    is_qso = np.array([True, True, True, False, False])
    z = np.array([2.0, 2.0, 1.0, 3.0, 0.0])
    labels, incumbent = made(is_qso, z, np.array([1, 1, 1, 0, 0], bool))
    candidate = says(np.array([1, 1, 0, 1, 0], bool), [2.001, 1.0, 1.0, 3.0, 0.0])
    settings = gate.Settings(
        cut=CUT, wanted_purity=0.5, redshift_edges=(0, 1.5, 2.5, 5), snr_edges=[2.5]
    )
    rows = gate.compare_labelled(candidate, incumbent, labels, np.arange(5.0), grid.LOG, settings)
    whole = row(rows, "completeness")
    assert whole["candidate"] == pytest.approx(1 / 3)
    assert (whole["incumbent"], whole["n"]) == (1, 3)
    assert row(rows, "purity")["candidate"] == pytest.approx(1 / 3)
    assert row(rows, "catastrophic")["candidate"] == pytest.approx(1 / 2)
    assert row(rows, "completeness", "z 1.5-2.5")["candidate"] == pytest.approx(1 / 2)
    assert row(rows, "completeness", "S/N < 2.5")["n"] == 3
    # Purity has the network's own redshifts: the quasar at the wrong one, and the impostor.
    assert row(rows, "purity", "z 0-1.5")["candidate"] == 0
    assert row(rows, "purity", "z 2.5-5")["candidate"] == 0
    assert row(rows, "purity", "z 2.5-5")["n"] == 0


def test_a_network_against_itself_loses_nothing():
    rng, is_qso, z, snr = sample()
    labels, incumbent = made(is_qso, z, is_qso & (rng.random(3000) < 0.9))
    table = judged(incumbent, incumbent, labels, snr)
    table = table[np.isfinite(table["threshold"]) & (table["n"] > 0)]
    assert len(table) > 50
    assert table["passed"].eq(True).all()
    assert (table[["difference", "loss"]] == 0).all(axis=None)
    assert ((table["low"] <= 0) & (table["high"] >= 0)).all()


def test_noise_breaks_nothing_and_a_fault_does():
    """Equally good networks hardly ever break the gate; one that loses z 3.7 does."""
    false_alarms = faults = 0
    for seed in range(40):
        rng, is_qso, z, _ = sample(1500, seed)
        one, two = (is_qso & (rng.random(1500) < 0.85) for _ in range(2))
        lost = two & ~((z > 3.5) & (z < 3.9) & (rng.random(1500) < 0.7))
        places = [("all", is_qso), *gate.bins(z, gate.REDSHIFT_EDGES, "z")]
        for found in (two, lost):
            rows = [
                gate._share(
                    *("completeness", label, np.arange(1500)),
                    [(each & inside, is_qso & inside) for each in (found, one)],
                    rng,
                )
                for label, inside in places
            ]
            rows = broken(gate.verdict(rows, gate.Settings()))
            if found is two:
                false_alarms += bool(rows)
            else:
                faults += ("completeness", "z 3.5-3.9") in rows
    assert false_alarms <= 2
    assert faults >= 38


def test_each_fault_breaks_its_check():
    rng, is_qso, z, snr = sample()
    found = is_qso & (rng.random(3000) < 0.95)
    labels, incumbent = made(is_qso, z, found)
    stars = ~is_qso & (rng.random(3000) < 0.2)
    impure = broken(judged(says(found | stars, z), incumbent, labels, snr))
    assert ("purity", "all") in impure
    assert {check for check, _ in impure} == {"purity", "completeness_at_purity"}
    faint = broken(judged(says(found & (snr > 2.5), z), incumbent, labels, snr))
    assert {label for check, label in faint if label.startswith("S/N")} == {"S/N < 2.47"}
    off = says(found, z + (1 + z) * 500 / 3e5)
    assert {"offset", "shift"} == {c for c, _ in broken(judged(off, incumbent, labels, snr))}
    blurred = says(found, z + (1 + z) * rng.normal(0, 1000, 3000) / 3e5)
    assert {"sigma_nmad"} == {c for c, _ in broken(judged(blurred, incumbent, labels, snr))}
    wrong = says(found, np.where(rng.random(3000) < 0.1, z + 0.2, z))
    assert ("catastrophic", "all") in broken(judged(wrong, incumbent, labels, snr))


def test_small_bins_are_reported_and_not_judged():
    _, is_qso, z, snr = sample(400)
    labels, incumbent = made(is_qso, z, is_qso)
    table = judged(says(is_qso & (z < 3.5), z), incumbent, labels, snr, least=60)
    small = table[(table["n"] < 60) & (table["check"] == "completeness")]
    assert len(small)
    assert small["passed"].isna().all()
    assert small["difference"].notna().all()
    assert ("completeness", "all") in broken(table)


def test_resampling_is_of_objects():
    """Ten spectra of an object tell as much as one: the error does not shrink."""
    found = np.arange(100) % 4 == 0
    parts = (found, np.ones(100, bool)), (np.zeros(100, bool), np.ones(100, bool))
    once = gate._share("sky", "all", np.arange(100), parts, np.random.default_rng(0))
    tenfold = [tuple(np.repeat(array, 10) for array in part) for part in parts]
    many = gate._share(
        "sky", "all", np.repeat(np.arange(100), 10), tenfold, np.random.default_rng(0)
    )
    assert once["n"] == many["n"] == 100
    assert many["error"] == pytest.approx(once["error"], rel=0.1)


def test_many_spectra_of_few_objects_are_not_judged():
    labels, incumbent = made(np.ones(200, bool), np.full(200, 2.0), np.ones(200, bool))
    labels["OBJECT"] %= 20
    candidate = says(np.arange(200) % 20 > 5, np.full(200, 2.01))
    table = judged(candidate, incumbent, labels, np.ones(200))
    assert table["n"].max() == 20
    assert table["passed"].isna().all()


def test_unknown_objects_are_one_each():
    assert len(set(gate.identity(np.array([-1, 7, -1, 7])))) == 3


def test_pool_changes_and_repeats():
    #                  a pair       a pair      alone
    targetid = np.array([5, 5, 2**62 + 1, 2**62 + 1, 9])
    z = np.array([2.0, 2.0, 3.0, 1.0, 1.0])
    incumbent = says(np.ones(5, bool), [2.0, 2.0, 3.0, 3.0, 1.0])
    candidate = says(np.array([1, 1, 1, 1, 0], bool), z)
    rows = gate.compare_pool(candidate, incumbent, targetid)
    assert row(rows, "class_changed")["candidate"] == pytest.approx(2 / 5)
    assert row(rows, "class_changed", "QSO_LOWZ to NOT_QSO")["candidate"] == pytest.approx(1 / 5)
    assert (row(rows, "repeat_class")["n"], row(rows, "repeat_class")["candidate"]) == (2, 0.5)
    assert row(rows, "repeat_redshift")["incumbent"] == 1
    assert row(rows, "repeat_redshift")["candidate"] == 0.5
    catalog = pool.catalog(5)
    catalog["TARGETID"] = targetid
    changed = gate.changes(candidate, incumbent, catalog)
    assert changed["TARGETID"].tolist() == [2**62 + 1, 9]
    assert changed["CLASS_CANDIDATE"].tolist() == ["QSO_LOWZ", "NOT_QSO"]
    assert changed["C_CANDIDATE"].tolist() == pytest.approx([0.99, 0.1])


def test_cut_for_a_purity():
    strength = np.array([0.9, 0.8, 0.8, 0.7, 0.3])
    right = np.array([True, True, False, True, False])
    assert gate.cut_at_purity(strength, right, 0.75) == 0.3
    assert gate.cut_at_purity(strength, right, 0.8) == 0.8
    assert gate.cut_at_purity(strength, right, 0.6) == 0
    assert np.isnan(gate.cut_at_purity(strength, np.zeros(5, bool), 0.5))
    assert gate.cut_at_purity(strength, np.ones(5, bool), 1.0) == 0


def test_bins_of_snr_have_no_end():
    edges = gate.snr_bins(np.array([1.0, 2, 3, 4, np.nan]))
    labels = [label for label, _ in gate.bins(np.array([-9.0, 99]), edges, "S/N")]
    assert labels == ["S/N < 1.75", "S/N 1.75-2.5", "S/N 2.5-3.25", "S/N >= 3.25"]
    assert sum(inside.sum() for _, inside in gate.bins(np.array([-9.0, 99]), edges, "S/N")) == 2


#: Of a validation set as the share of a real one: spectra, and what is true of them.
SIZE = 3700


def truth(seed=0):
    """Three quarters are quasars, as DESI's targets; a tenth of these have broad absorption."""
    rng = np.random.default_rng([seed, 1])
    labels = pool.labels(SIZE, "test")
    quasar = rng.random(SIZE) < 0.75
    labels["SPECTYPE"] = np.where(quasar, "QSO", "STAR")
    labels["OBJECT"] = np.arange(SIZE)
    labels["Z"] = np.where(quasar, rng.gamma(5, 0.37, SIZE) + 0.1, 0)
    labels["BAL"] = np.where(quasar, rng.random(SIZE) < 0.1, 0)
    return labels, rng.gamma(1.5, 4, SIZE)


def network(labels, seed, offset=0.0, lya=0.0, rescaled=True, bal=True, dead=False, dent=0.0):
    """The answers of a small network of the mock survey, with a fault or without.

    It scatters by 1,200 km/s and finds nine quasars of ten, as measured with 16 filters and
    1,500 steps on this many spectra. Half of the variance is that of the spectra.
    """
    rng, shared = np.random.default_rng([seed, 2]), np.random.default_rng(3)
    quasar, light = labels["SPECTYPE"] == "QSO", 299792.458
    rest = np.array([*grid.LINES.values()])
    error = 900 * shared.normal(size=(SIZE, 1)) + 800 * rng.normal(size=(SIZE, 6))
    z = labels["Z"][:, None] + (1 + labels["Z"][:, None]) * error / light
    if not rescaled:  # a sigmoid that is right once stretched, not stretched
        boxes = grid.LOG.pixel(rest * (1 + z)) * 13 / grid.LOG.size
        box = np.floor(boxes)
        boxes = box + (boxes - box + 0.1) / 1.2
        z = grid.LOG.to_wavelength(boxes * grid.LOG.size / 13) / rest - 1
    z += (1 + z) * offset / light
    z[:, 0] += (1 + z[:, 0]) * lya / light
    z += np.where((z > 1.4) & (z < 1.6), dent * (1 + z) / light, 0)
    pixel = grid.LOG.pixel(rest * (1 + labels["Z"][:, None]))
    on_grid = (pixel >= 0) & (pixel < grid.LOG.size) & quasar[:, None]
    c = np.where(on_grid, rng.beta(4, 0.5, (SIZE, 6)), rng.beta(0.5, 8, (SIZE, 6)))
    c[quasar & (rng.random(SIZE) < 0.1)] *= 0.4
    c[:, 0] *= not dead
    c_bal = np.where(labels["BAL"] == 1, rng.beta(4, 1, SIZE), rng.beta(0.5, 8, SIZE))
    found = Lines(c, z, c_bal if bal else 1e-6 * c_bal)
    return gate.answers(found, gate.Settings(cut=CUT))


@pytest.mark.parametrize("seed", range(4))
def test_a_good_candidate_passes_on_a_sample_of_realistic_size(seed):
    labels, snr = truth(seed)
    table = judged(network(labels, 2 + seed), network(labels, 1), labels, snr)
    assert not broken(table)
    assert table["passed"].eq(True).sum() > 80
    result = gate.summary(table, CUT)
    assert result["passed"]
    whole = table[(table["bin"] == "all") & (table["check"] == "shift")]
    assert whole["smallest"].item() < 300  # km/s


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ({"bal": False}, {("bal_completeness", "all")}),
        ({"dead": True}, {("completeness", "line LYA")}),
        ({"rescaled": False}, {("offset", "box 0-0.25"), ("offset", "box 0.75-1")}),
        ({"lya": 1180}, {("offset", "line LYA"), ("shift", "line LYA")}),
        ({"lya": -1180}, {("offset", "line LYA"), ("shift", "line LYA")}),
        ({"offset": 300}, {("offset", "all"), ("shift", "all")}),
        ({"offset": -300}, {("offset", "all"), ("shift", "all")}),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_a_planted_fault_is_caught_on_a_sample_of_realistic_size(fault, caught, seed):
    labels, snr = truth(seed)
    candidate, incumbent = network(labels, 2 + seed, **fault), network(labels, 1)
    assert caught <= broken(judged(candidate, incumbent, labels, snr))


@pytest.mark.parametrize("seed", range(2))
def test_a_range_of_wrong_redshifts_is_caught_that_wide_bins_do_not_see(seed):
    """1,500 km/s at 1.4 < z < 1.6, where no redshift is catastrophic and the medians stay."""
    labels, snr = truth(seed)
    candidate, incumbent = network(labels, 2 + seed, dent=1500), network(labels, 1)
    found = broken(judged(candidate, incumbent, labels, snr))
    assert found and all(where.startswith("narrow z 1.") for _, where in found)
    pool_rows = gate.compare_pool(candidate, incumbent, labels["OBJECT"])
    found = broken(gate.verdict(pool_rows, gate.Settings()))
    assert any(where.startswith("narrow z 1.") for _, where in found)


def test_purity_of_broad_absorption_needs_both_states():
    """Where no quasar has it, every purity is 0: a network that always says so would pass."""
    labels, snr = truth()
    labels["BAL"] = 0
    incumbent = network(labels, 1)
    always = replace(incumbent, bal=np.ones(SIZE, bool))
    table = judged(always, replace(incumbent, bal=snr > 5), labels, snr).set_index("check")
    assert table.loc["bal_purity", "candidate"] == 0
    assert table.loc["bal_purity", "passed"] is None


@pytest.mark.parametrize("kind", ["QSO", "STAR"])
def test_labelled_spectra_of_one_kind_are_refused(kind, tmp_path):
    """Without stars a network that takes everything for a quasar is perfectly pure."""
    for name in ("a", "b"):
        weights.write_network(tmp_path / f"{name}.h5", random_network(), {})
    labels = pool.labels(60, "test")
    labels["SPECTYPE"], labels["OBJECT"], labels["Z"] = kind, np.arange(60), 0.5
    labels["SPECTYPE"][:29] = "GALAXY" if kind == "QSO" else "QSO"
    spectra = np.zeros((60, grid.LOG.size), np.float32)
    pool.write(tmp_path / "v.fits", spectra, pool.catalog(60), grid.LOG, labels)
    files = comparison.Files(str(tmp_path / "v.fits"))
    with pytest.raises(InputError, match=r"has 29 (quasars|spectra of other classes), but 30"):
        comparison.compare(str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), files, gate.Settings())


def test_what_was_not_given_is_not_judged():
    labels, snr = truth()
    result = gate.summary(judged(network(labels, 1), network(labels, 1), labels, snr), CUT)
    assert result["passed"]
    assert {"sky (all)", "class_changed (all)", "pool_shift (all)"} <= set(result["not judged"])


def test_an_offset_that_changes_its_sign_is_caught():
    """The incumbent is 150 km/s off, the candidate as much on the other side."""
    labels, snr = truth()
    candidate, incumbent = network(labels, 1, offset=-150), network(labels, 1, offset=150)
    table = judged(candidate, incumbent, labels, snr)
    assert ("shift", "all") in broken(table)
    # The shift is a change; that the candidate is worse is for the other checks to say.
    for line in gate.summary(table, CUT)["broken"]:
        assert ("changed by" in line) == ("shift" in line.split(":")[0])
        assert ("worse by" in line) != ("changed by" in line)


def test_what_the_sample_reveals_is_what_it_reveals():
    """Losses as large as `smallest` are found in nine of ten samples; of half that, seldom."""
    rng, found = np.random.default_rng(4), {}
    every, objects = np.ones(500, bool), np.arange(500)

    def shift(km_s):
        values = km_s + 1000 * rng.normal(size=500)
        row = gate._shift("shift", "all", objects, values, every, rng)
        return gate.verdict([row], gate.Settings()).iloc[0]

    smallest = np.mean([shift(0)["smallest"] for _ in range(20)])
    for share in (0.5, 1.0):
        found[share] = sum(shift(share * smallest)["passed"] is False for _ in range(40))
    assert found[1.0] >= 32
    assert found[0.5] <= 10


def test_the_pool_reveals_a_shift_without_labels():
    labels, _ = truth()
    one, other = network(labels, 1), network(labels, 2, lya=1180)
    rows = gate.compare_pool(other, one, labels["OBJECT"])
    assert row(rows, "pool_shift", "line LYA")["candidate"] == pytest.approx(1180, abs=150)
    assert row(rows, "pool_shift", "line CIV")["candidate"] == pytest.approx(0, abs=150)
    found = broken(gate.verdict(rows, gate.Settings()))
    assert ("pool_shift", "line LYA") in found


def test_nothing_judged_is_not_a_pass(program, tmp_path):
    labels, snr = truth()
    table = judged(network(labels, 2), network(labels, 1), labels, snr, least=10**6)
    result = gate.summary(table, CUT)
    assert not result["passed"] and result["judged"] == 0
    names = {"candidate": "a.h5", "incumbent": "b.h5", "table": "gate.csv"}
    write_json(tmp_path / "verdict.json", result | names)
    told = program("judge_weights.py", "--verdict", tmp_path / "verdict.json")
    assert told.returncode == 1
    assert "NOTHING JUDGED" in told.stdout


@pytest.mark.parametrize(
    "settings",
    [
        {"allowed": {"purity": float("nan")}},
        {"allowed": {"purity": float("inf")}},
        {"allowed_in_bins": {"offset": -1.0}},
        {"allowed_in_bins": {"sky": 0.1}},
        {"allowed": {"charm": 0.1}},
        {"redshift_edges": (0, 2, 1)},
        {"snr_edges": (float("nan"),)},
    ],
)
def test_a_gate_that_lets_everything_through_is_refused(settings):
    with pytest.raises(InputError, match=r"gate\."):
        gate.Settings(**settings)


def test_defaults_of_the_config_are_the_librarys():
    rules = yaml.safe_load(SCHEMA.read_text())["properties"]["gate"]["properties"]
    for key, expected in (("allowed", gate.ALLOWED), ("allowed_in_bins", gate.ALLOWED_IN_BINS)):
        assert {k: v["default"] for k, v in rules[key]["properties"].items()} == expected
    assert tuple(rules["redshift_edges"]["default"]) == gate.REDSHIFT_EDGES
    assert rules["least"]["default"] == gate.LEAST


def config(**more):
    place = {"root": "redux", "tiles": ["1/20260101", "2/20260102"]}
    labelled = {"old": {**place, "truth": "truth.csv", "validation": 0.2}}
    sources = [place, {**place, "targets": "all"}]
    return check(
        {"run": "test", "pool": {"sources": sources}, "labelled": labelled, **more}, SCHEMA
    )


def test_sky_of_each_tile_counts_once():
    assert len(plan.chunks(config())) == 4
    assert plan.sky_chunks(plan.chunks(config())) == ["1", "2"]


def test_only_the_gate_misses_the_incumbent():
    with pytest.raises(InputError, match=r"gate.incumbent is empty"):
        plan.incumbent(config())
    assert plan.incumbent(config(gate={"incumbent": "w.h5"})) == "w.h5"


# What follows trains networks: bright, simple objects, so that tiny ones learn them.
OUTPUTS = ("gate.csv", "changes.csv", "gate.png", "verdict.json")


@pytest.fixture(scope="module")
def networks(survey, training):
    """Weights by name: two good ones, and two with the faults that went into production."""
    folder, spectra, labels = survey
    recipe = training.Recipe(**QUICK)
    sky = labels["SPECTYPE"] == "SKY"
    mistaken = labels.copy()
    mistaken["SPECTYPE"][sky] = "QSO"
    mistaken["Z"][sky] = np.random.default_rng(0).uniform(0.5, 3, int(sky.sum()))
    low = ~((labels["SPECTYPE"] == "QSO") & (labels["Z"] > 3))
    every = np.ones(len(labels), bool)
    recipes = {
        "incumbent": (labels, every),
        "good": (labels, every),
        "no-high-z": (labels, low),
        "sky-as-quasars": (mistaken, every),
    }
    for seed, (name, (told, kept)) in enumerate(recipes.items(), start=1):
        wanted = targets.line_targets(
            told["SPECTYPE"][kept] == "QSO", told["Z"][kept], told["BAL"][kept], grid.LOG
        )
        session = training.Session([seed], report=lambda *line: None)
        examples = [training.Examples(spectra[kept], wanted)]
        [(network, _)] = training.train(examples, grid.LOG, recipe, session)
        weights.write_network(folder / f"{name}.h5", network, {})
    return folder


def compare(folder, candidate, *more, sky="sky.fits"):
    """Run the program; return its verdict and table. Networks so small differ in many classes."""
    out = folder / f"gate-{candidate}"
    compare_weights.main(
        [
            *("--candidate", str(folder / f"{candidate}.h5")),
            *("--incumbent", str(folder / "incumbent.h5")),
            *("--validation", str(folder / "validation.fits")),
            *("--pool", str(folder / "pool.fits"), "--sky", str(folder / sky)),
            *("--redshift-edges", "0", "1", "2", "3", "5", "--cut", str(CUT)),
            *("--wanted-purity", "0.9", "--allowed", "class_changed=0.3"),
            *("--table", str(out / "gate.csv"), "--changes", str(out / "changes.csv")),
            *("--figure", str(out / "gate.png"), "--verdict", str(out / "verdict.json")),
            *more,
        ]
    )
    return json.loads((out / "verdict.json").read_text()), pd.read_csv(out / "gate.csv")


def checks(result):
    return {line.split(":")[0] for line in result["broken"]}


def test_a_network_that_is_compared_with_itself_is_named(tmp_path, capsys):
    """It passes every check, also as a copy of another name."""
    network = random_network()
    for name in ("a", "b"):
        weights.write_network(tmp_path / f"{name}.h5", network, {"name": name})
    labels, catalog = pool.labels(60, "desi"), pool.catalog(60)
    labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"] = np.arange(60)
    labels["SPECTYPE"], labels["Z"] = ["QSO", "STAR"] * 30, [2.0, 0.0] * 30
    spectra = np.random.default_rng(1).normal(size=(60, grid.LOG.size)).astype(np.float32)
    pool.write(tmp_path / "known.fits", spectra, catalog, grid.LOG, labels)
    candidate, incumbent, known = (str(tmp_path / name) for name in ("a.h5", "b.h5", "known.fits"))
    comparison.compare(candidate, incumbent, comparison.Files(known), gate.Settings())
    assert f"{incumbent} is the network of {candidate}: the com" in capsys.readouterr().out


@pytest.mark.slow
def test_good_weights_pass(networks, program):
    """Another seed is no fault; and the same inputs give the same bytes."""
    other, table = compare(networks, "good")
    assert other["passed"], other["broken"]
    assert table.loc[table["check"] == "class_changed", "candidate"].iloc[0] > 0
    told = program("judge_weights.py", "--verdict", networks / "gate-good" / "verdict.json")
    assert told.returncode == 0
    assert told.stdout.startswith("gate: passed")
    files = [networks / "gate-good" / name for name in OUTPUTS]
    first = [path.read_bytes() for path in files]
    compare(networks, "good")
    assert first == [path.read_bytes() for path in files]


@pytest.mark.slow
def test_weights_without_high_redshifts_are_stopped(networks, program):
    result, table = compare(networks, "no-high-z")
    assert not result["passed"]
    assert "completeness (z 3-5)" in checks(result)
    assert not {"completeness (z 1-2)", "sky"} & checks(result)
    told = program("judge_weights.py", "--verdict", networks / "gate-no-high-z" / "verdict.json")
    assert told.returncode == 1
    assert "completeness (z 3-5): incumbent" in told.stdout
    assert "gate.csv" in told.stdout
    assert len(table) > 50
    assert (networks / "gate-no-high-z" / "gate.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_weights_that_take_sky_for_quasars_are_stopped(networks):
    result, _ = compare(networks, "sky-as-quasars")
    # Learning another thing, so small a network also moves its redshifts.
    assert {check for check in checks(result) if "shift" not in check} == {"sky"}


@pytest.mark.slow
def test_weights_pass_against_themselves_also_without_sky(networks):
    result, table = compare(networks, "incumbent", sky="no-sky.fits")
    assert result["passed"]
    assert "sky (all)" in result["not judged"]
    assert len((networks / "gate-incumbent" / "changes.csv").read_text().splitlines()) == 1
    assert table.set_index("check").loc["sky", "n"] == 0


@pytest.mark.slow
def test_too_few_quasars_are_no_pass(networks):
    with pytest.raises(InputError, match=r"quasars, but 10000 are needed"):
        compare(networks, "good", "--least", "10000")


@pytest.mark.slow
def test_another_grid_is_refused(networks, tmp_path):
    spectra = np.zeros((3, grid.LINEAR.size), np.float32)
    pool.write(
        tmp_path / "linear.fits", spectra, pool.catalog(3), grid.LINEAR, pool.labels(3, "test")
    )
    with pytest.raises(InputError, match=r"good.h5: is on the log grid.* on the linear grid"):
        compare(networks, "good", "--validation", str(tmp_path / "linear.fits"), "--pool", "--sky")


@pytest.mark.slow
def test_the_published_network_against_itself(shared_data, networks):
    """The weights that DESI uses can be an incumbent."""
    network = weights.read_network(shared_data / "quasarnp" / "test_weights.h5")
    weights.write_network(networks / "published.h5", network, {})
    result, _ = compare(networks, "published", "--incumbent", str(networks / "published.h5"))
    assert result["passed"]
