"""Odd input that is read nevertheless: exactly what is kept; and any bytes whatever."""

import gzip

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import corpus, samples
from helpers.networks import arrays, random_network
from helpers.paths import ROOT
from helpers.programs import end
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import vi
from quasarnet_al.inspection.merge import conflicts
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.network import weights
from quasarnet_al.spectra import desi, grid, pool, tiles, truth
from quasarnet_al.spectra.columns import SPECTYPES
from quasarnet_al.spectra.tables import read_targetids
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.plan import check

TARGETS = [samples.FIRST_TARGET + k for k in range(3)]
HEADER = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_comment"
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_coadds_packed_or_not(tmp_path, pack):
    plain = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits")
    packed = tmp_path / "coadd-9-1-thru2.fits.gz"
    packed.write_bytes(pack(plain.read_bytes()))
    got, want = (desi.extract(path, grid.LOG) for path in (packed, plain))
    np.testing.assert_array_equal(got.spectra, want.spectra)
    assert got.catalog["TARGETID"].tolist() == want.catalog["TARGETID"].tolist()


def test_pixels_without_weight_may_be_anything(tmp_path):
    """NaN where ivar is 0 is as no pixel; a spectrum of them alone is left out, and counted."""
    hdus = samples.arms(4)
    for arm in "BRZ":
        hdus[f"{arm}_FLUX"][1], hdus[f"{arm}_IVAR"][1] = np.nan, 0
    hdus["R_FLUX"][2, 5:9], hdus["R_IVAR"][2, 5:9] = np.inf, 0
    found = desi.extract(
        samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4, **hdus), grid.LOG
    )
    assert found.catalog["ROW"].tolist() == [0, 2, 3]
    assert found.dropped == {"no weight": 1}
    assert np.isfinite(found.spectra).all()


def merge(folder, monkeypatch, capsys, content, name="desi-vi_t-minibatch-01_Ann.csv", *more):
    """Merge one CSV into a batch of three; return status, labels, refused rows and stderr."""
    pd.DataFrame({"TARGETID": TARGETS, "MINIBATCH": 1}).to_csv(folder / "batch.csv", index=False)
    (folder / name).write_bytes(content)
    words = ["--batch", "batch.csv", "--vi", name, "--output", "labels.csv", "--refused"]
    words += ["refused.csv", "--agreement", "agreement.json", *more]
    status, _, err = end("merge_labels", words, folder, capsys, monkeypatch)
    if status:
        assert not (folder / "labels.csv").exists()
        return status, None, None, err
    labels = pd.read_csv(folder / "labels.csv", dtype={"TARGETID": "int64"})
    return status, labels, pd.read_csv(folder / "refused.csv", dtype=str), err


def rows(*cells):
    return "\n".join([HEADER, *cells, ""])


GOOD = [f"{target},Ann,4,2.{k},QSO,é" for k, target in enumerate(TARGETS)]


@pytest.mark.parametrize(
    "content",
    [
        rows(*GOOD).encode(),
        b"\xef\xbb\xbf" + rows(*GOOD).encode(),
        rows(*GOOD).encode("latin-1"),
        rows(*GOOD).replace("\n", "\r").encode(),
        rows(*GOOD).replace("\n", "\r\n").encode(),
        rows(*GOOD).replace("é", 'a","b').encode(),
        rows(*GOOD).replace("é", "a,b").encode(),
        rows(*GOOD).replace(",", ";").encode(),
        rows(*GOOD, *GOOD).encode(),
        rows(*(row.replace("é", '"a, ""b"""') for row in GOOD)).encode(),
    ],
    ids=[
        *("plain", "BOM", "Latin-1", "CR", "CR LF", "odd comma", "bare comma", "semicolons"),
        *("rows twice", "quoted"),
    ],
)
def test_csv_of_every_hand_gives_the_same_labels(tmp_path, monkeypatch, capsys, content):
    status, labels, refused, _ = merge(tmp_path, monkeypatch, capsys, content)
    assert status == 0
    assert labels["TARGETID"].tolist() == TARGETS
    assert labels["Z"].tolist() == [2.0, 2.1, 2.2]
    assert labels["STATUS"].tolist() == ["accepted"] * 3
    assert labels["N_INSPECTORS"].tolist() == [1] * 3
    assert len(refused) == 0


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (f"{corpus.MANGLED},Ann,4,2.1,QSO,", "did a spreadsheet round it?"),
        (f"{TARGETS[1]}.0,Ann,4,2.1,QSO,", "is not a whole number"),
        (f"{TARGETS[1]},Ann,4,-2,QSO,", "outside"),
        (f"{TARGETS[1]},Ann,4,1e400,QSO,", "outside"),
        (f"{TARGETS[1]},Ann,4,high,QSO,", "is not a number"),
        (f"{TARGETS[1]},Ann,4,2.1,ALIEN,", "is not QSO, GALAXY or STAR"),
        (f"{TARGETS[1]},Ann,7,2.1,QSO,", "is not one of"),
        (f"{TARGETS[1]},Ann,four,2.1,QSO,", "is not a number"),
        (f"{TARGETS[1]},Ann", "fields"),
        (f'{TARGETS[1]},Ann,4,2.1,QSO,"open', "quote"),
        ("12345,Ann,4,2.1,QSO,", "not in this batch"),
    ],
)
def test_a_bad_row_is_refused_alone_with_its_reason(tmp_path, monkeypatch, capsys, bad, reason):
    content = rows(GOOD[0], bad, GOOD[2]).encode()
    status, labels, refused, err = merge(tmp_path, monkeypatch, capsys, content)
    assert (status, err) == (0, "")
    assert labels["STATUS"].tolist() == ["accepted", "not inspected", "accepted"]
    assert refused["LINE"].tolist() == ["3"]
    assert reason in refused["REASON"][0]


def test_another_rounds_pages_do_not_pass(tmp_path, monkeypatch, capsys):
    content = rows("1,Ann,4,2.0,QSO,", "2,Ann,4,2.0,QSO,").encode()
    status, *_, err = merge(tmp_path, monkeypatch, capsys, content, "a_b.csv", "--whole")
    assert status == 2
    assert "the batch differs from" in err
    assert err.count("\n") == 1


def test_a_large_csv(tmp_path):
    """A hundred thousand rows here; time and memory grow with the rows alone."""
    path = tmp_path / "desi-vi_t_Ann.csv"
    first = samples.FIRST_TARGET
    path.write_text(rows(*(f"{first + k},Ann,4,2.0,QSO," for k in range(100_000))))
    read, refused = vi.read_vi(path)
    assert (len(read), refused) == (100_000, [])
    assert read["TARGETID"].iloc[-1] == first + 99_999


def test_contradicting_truth_is_no_label(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("TARGETID,SPECTYPE,Z\n1,QSO,2\n1,STAR,0\n2,QSO,2\n2,QSO,2\n")
    known = truth.read(path)
    assert known["QUALITY"].fillna(-1).to_dict() == {1: -1, 2: 4}


CONFIG = yaml.safe_load((ROOT / "tests/configs/tiny.yaml").read_text())
WRONG = [None, -1, ["x"], True, "'; touch owned; '"]
SCHEMA = ROOT / "config/schemas/config.schema.yaml"
RULES = yaml.safe_load(SCHEMA.read_text())


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_config_value_of_the_wrong_type_is_named_or_meant(value, monkeypatch):
    """Every key in turn; where the value has the right type it may be taken."""
    monkeypatch.setattr(yaml, "safe_load", lambda text: RULES)
    named = 0
    for key, old in check(CONFIG, SCHEMA).items():
        changes = [{key: value}]
        if isinstance(old, dict) and key not in ("mock", "labelled"):
            changes += [{key: {**CONFIG.get(key, {}), inner: value}} for inner in old]
        for change in changes:
            try:
                check(CONFIG | change, SCHEMA)
            except InputError as error:
                assert "\n" not in str(error)
                named += 1
    assert named > 40


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"batch": {"sizes": 3}},
        {"batch": {"size": 10, "minibatch": 4}},
        {"oracle": {"rounds": 1}},
        {"pool": {"sources": []}},
        {"pool": {"sources": [{"survey": "none"}]}},
        {"pool": {"sources": [{"survey": "pool"}, {"survey": "pool"}]}},
        {"pool": {"sources": [{"survey": "pool", "root": "x", "tiles": ["1/20260101"]}]}},
        {"labelled": {}},
        {"labelled": {"old": {"survey": "old", "validation": 0}}},
        {"labelled": {"old": {"survey": "old", "validation": 2}}},
        {"grid": "linear", "labelled": {"b": {"training_data": "a", "truth": "b"}}},
        {"task": "mnist"},
        {"run": "a b"},
        {"run": "$(touch owned)"},
        {"run": "../up"},
    ],
    ids=str,
)
def test_an_impossible_config_is_refused(change):
    with pytest.raises(InputError) as error:
        config = check(CONFIG | change, SCHEMA)
        plan.labelled_sets(config)
    assert "\n" not in str(error.value)


def result_or_input_error(read, path, content):
    path.write_bytes(content)
    try:
        return read(path)
    except InputError as error:
        assert "\n" not in str(error)
        assert path.name in str(error)
        return None


#: What tables are made of, put together in any way, and any bytes.
pieces = st.lists(
    st.sampled_from(
        [
            *("TARGETID", "Z", "SPECTYPE", "VI_quality", "VI_z", "VI_spectype", "BAL", "TILEID"),
            *("LASTNIGHT", "SURVEY", "PROGRAM", "STATUS", "MINIBATCH", "ACCEPTED", "#", " "),
            *(",", ",", ",", "\n", "\n", "\r", '"', "'", ";", "\t", "\0", "\ufeff", "é", "=1"),
            *("1", "39627634556011093", "-1", "nan", "inf", "1e400", "9" * 25, "QSO", "x"),
        ]
    ),
    max_size=60,
).map(lambda words: "".join(words).encode())
content = st.one_of(
    st.binary(max_size=300),
    pieces,
    pieces.map(lambda tail: b"TARGETID,Z,SPECTYPE,BAL,STATUS,MINIBATCH,ACCEPTED\n" + tail),
    pieces.map(lambda tail: b"TARGETID,VI_quality,VI_z,VI_spectype\n" + tail),
    pieces.map(lambda tail: b"TILEID,LASTNIGHT,SURVEY,PROGRAM\n1,20260101,a,b\n" + tail),
)


@quick
@given(content=content)
def test_any_text_is_a_table_or_an_input_error(tmp_path_factory, content):
    from quasarnet_al.spectra import sets

    path = tmp_path_factory.getbasetemp() / "any.csv"
    known = result_or_input_error(truth.read, path, content)
    if known is not None:
        assert known.index.dtype == np.int64
        assert not known.index.has_duplicates
    for read in (vi.read_vi, read_batch, conflicts, lambda path: sets.read_labels(path, SPECTYPES)):
        result_or_input_error(read, path, content)
    result_or_input_error(lambda path: read_targetids([path]), path, content)
    found = result_or_input_error(lambda path: tiles.read_tiles(path, "cumulative"), path, content)
    for tile in found or []:
        tiles.check_tile("cumulative", tile)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of small good files, by the function that reads them."""
    folder = tmp_path_factory.mktemp("whole")
    weights.write_network(folder / "w.h5", random_network(filters=2, layers=1, units=2), {})
    coadd = samples.write_coadd(folder / "coadd-0-1-thru2.fits", 3)
    found = desi.extract(coadd, grid.LOG)
    labels = pool.labels(3, "x")
    labels["TARGETID"] = found.catalog["TARGETID"]
    pool.write(folder / "set.fits", found.spectra, found.catalog, grid.LOG, labels)
    table = np.zeros(3, [("TARGETID", "i8"), ("Z", "f8"), ("SPECTYPE", "U6")])
    corpus.fitsio.write(str(folder / "truth.fits"), table)
    return {name: (folder / name).read_bytes() for name in ("w.h5", "set.fits", "truth.fits")}


@pytest.mark.parametrize(
    ("name", "read"),
    [("w.h5", weights.read_network), ("set.fits", pool.read_labelled), ("truth.fits", truth.read)],
)
@quick
@given(data=st.data())
def test_mutated_bytes_are_read_or_an_input_error(tmp_path_factory, whole, name, read, data):
    content = bytearray(whole[name])
    # Headers and structure are at the start; anywhere else as well.
    place = st.one_of(st.integers(0, 3000), st.integers(0, len(content) - 1))
    for at, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=12)):
        content[at] = byte
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path_factory.getbasetemp() / name
    found = result_or_input_error(read, path, bytes(content))
    if name == "w.h5" and found is not None:
        assert all(np.isfinite(values).all() for values in arrays(found))


def test_weights_with_a_link_to_another_file_stay_inside(tmp_path):
    """HDF5 may link to datasets of other files: such weights are refused or read as they are."""
    weights.write_network(tmp_path / "w.h5", random_network(), {})
    secret = tmp_path / "secret.h5"
    name = "model_weights/fc_box_0/fc_box_0/bias:0"
    with h5py.File(tmp_path / "w.h5", "r+") as file, h5py.File(secret, "w") as other:
        other["x"] = file[name][()]
        del file[name]
        file[name] = h5py.ExternalLink("secret.h5", "x")
    with pytest.raises(InputError, match="fc_box_0"):
        weights.read_network(tmp_path / "w.h5")
