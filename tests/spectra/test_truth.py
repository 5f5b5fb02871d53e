"""Truth tables of the forms that people have: class, redshift and quality of one judge."""

import gzip

import fitsio
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.samples import FIRST_TARGET, write_coadd
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import truth

FIRST = FIRST_TARGET


def read(folder, columns, extension=None, name="truth"):
    """Write columns as CSV, or as the FITS table `extension`, and read them as a truth."""
    path = folder / f"{name}.{'fits' if extension else 'csv'}"
    if extension:
        arrays = [np.array(values) for values in columns.values()]
        fitsio.write(str(path), arrays, names=list(columns), extname=extension, clobber=True)
    else:
        pd.DataFrame(columns).to_csv(path, index=False)
    return truth.read(path)


def labels(table):
    """The labels of a truth table: class and redshift by the last digits of TARGETID."""
    found = table[table["REASON"] == ""]
    return {
        int(key - FIRST): (spectype, round(z, 4))
        for key, spectype, z in zip(found.index, found["SPECTYPE"], found["Z"], strict=True)
    }


def ids(count):
    return FIRST + np.arange(count)


#: What redrock said: another class and another redshift than anybody else's here.
REDROCK = {"Redrock_spectype": "GALAXY", "Redrock_z": 0.777}
PIPELINE = {"SPECTYPE": "GALAXY", "Z": 0.777, "ZWARN": 0}
MERGED = {
    "best_z": [2.1, 0.8, 0.0, 1.5, 0.3, 2.5],
    "best_quality": [4, 4, 3, 1, 999, 2.5],
    "best_spectype": ["QSO", "GALAXY", "STAR", "QSO", "GALAXY", "QSO"],
}
MERGED_LABELS = {0: ("QSO", 2.1), 1: ("GALAXY", 0.8), 2: ("STAR", 0.0), 5: ("QSO", 2.5)}


def test_merged_inspections(tmp_path):
    table = read(tmp_path, {"TARGETID": ids(6)} | MERGED | REDROCK)
    assert labels(table) == MERGED_LABELS
    assert table["REASON"].tolist() == ["", "", "", "unsure label", "unresolved label", ""]
    assert "redshift BEST_Z" in table.attrs["taken"]


def test_inspections_as_prospect_writes_them(tmp_path):
    """An empty entry confirms redrock's; quality -1 is not an answer."""
    columns = {
        "TARGETID": [FIRST, FIRST + 1, FIRST + 2, FIRST + 3, FIRST, FIRST + 1],
        "VI_z": [2.1, None, 1.4, None, 2.102, None],
        "VI_spectype": ["QSO", "STAR", None, "QSO", "QSO", None],
        "VI_quality": [4, 3, 4, -1, 3, -1],
        "Redrock_z": [0.5, 0.001, 0.5, 0.5, 0.5, 0.001],
        "Redrock_spectype": ["GALAXY", "GALAXY", "GALAXY", "QSO", "GALAXY", "GALAXY"],
    }
    table = read(tmp_path, columns)
    assert labels(table) == {0: ("QSO", 2.101), 1: ("STAR", 0.001), 2: ("GALAXY", 1.4)}
    assert table.loc[FIRST, "QUALITY"] == 3.5
    assert table.loc[FIRST + 3, "REASON"] == "not inspected"


def test_inspectors_who_disagree_give_no_label(tmp_path):
    columns = {
        "TARGETID": np.repeat(ids(4), 2),
        "VI_z": [2.1, 2.1, 2.1, 2.2, 2.1, 2.1, 0.3, 0.3],
        "VI_spectype": ["QSO", "STAR", "QSO", "QSO", "QSO", "QSO", "GALAXY", "GALAXY"],
        "VI_quality": [4, 4, 4, 4, 4, 2, 4, 4],
    }
    table = read(tmp_path, columns)
    assert labels(table) == {3: ("GALAXY", 0.3)}
    assert set(table["REASON"]) == {"", "contradicting labels"}


QSO_CAT = {
    "TARGETID": [FIRST, FIRST, FIRST + 1, FIRST + 2, FIRST + 3],
    "Z": [2.4, 2.401, 1.3, 0.9, 3.1],
    "ZWARN": [0, 4, 0, 0, 0],
    "SPECTYPE": ["GALAXY", "GALAXY", "STAR", "QSO", "QSO"],
    "TILEID": [1, 2, 1, 1, 1],
}


@pytest.mark.parametrize(
    ("extension", "name", "more"),
    [
        ("QSO_CAT", "catalogue", {}),
        (None, "QSO_cat_iron_cumulative_v0", {}),
        ("X", "x", {"QSO_MASKBITS": [2, 2, 4, 8, 16], "Z_RR": 0.1, "Z_QN": 5.0}),
        (None, "x", {"QSO_MASKBITS": [2, 2, 4, 8, 16], "Z_RR": 0.1, "Z_QN": 5.0}),
    ],
)
def test_whatever_is_in_a_quasar_catalogue_is_a_quasar(tmp_path, extension, name, more):
    more = {key: np.broadcast_to(value, 5) for key, value in more.items()}
    table = read(tmp_path, QSO_CAT | more, extension, name)
    assert labels(table) == {
        0: ("QSO", 2.4005),
        1: ("QSO", 1.3),
        2: ("QSO", 0.9),
        3: ("QSO", 3.1),
    }
    assert (table["QUALITY"] == 4).all()


def test_a_target_that_its_catalogue_does_not_list_is_not_a_quasar(tmp_path):
    columns = {"TARGETID": ids(2), "Z": [2.0, 1.0], "QSO_MASKBITS": [2, 0]}
    assert labels(read(tmp_path, columns, "QSO_CAT")) == {0: ("QSO", 2.0)}


def test_a_quasar_catalogue_without_its_name_is_refused(tmp_path):
    """Redrock fits galaxies below z 1.7: a galaxy at 2.4 is the redshift of somebody else."""
    with pytest.raises(InputError, match=r"SPECTYPE says \w+ where"):
        read(tmp_path, QSO_CAT)


#: Identifiers of three SDSS spectra.
PLATE = {"PLATE": [3655, 3655, 9367], "MJD": [55240, 55240, 57758], "FIBERID": [2, 30, 386]}
SPECTRA = [3655552400002, 3655552400030, 9367577580386]


def sdss(table):
    found = table[table["REASON"] == ""]
    return dict(zip(found.index, zip(found["SPECTYPE"], found["Z"], strict=True), strict=True))


def test_sdss_superset(tmp_path):
    """A person's word comes first; the catalogue's counts where nobody looked."""
    columns = {key: values * 2 for key, values in PLATE.items()}
    columns["FIBERID"] = [2, 30, 386, 4, 5, 6]
    columns |= {
        "CLASS_PERSON": [3, 30, 1, 0, 0, 4],
        "Z_VI": [2.5, 2.6, 0.0, -1.0, -1.0, 0.4],
        # Whoever says no class has not inspected, whatever the confidence.
        "Z_CONF": [3, 3, 3, 3, 0, 2],
        "IS_QSO_FINAL": [1, 1, 0, 1, 0, 1],
        "Z": [0.7, 0.7, 0.7, 1.9, 1.8, 0.7],
        "Z_PIPE": 0.7,
        "ZWARNING": 0,
        "SOURCE_Z": "PIPE",
        "THING_ID": [1, 2, 3, 4, 5, 6],
    }
    columns = {key: np.broadcast_to(values, 6) for key, values in columns.items()}
    table = read(tmp_path, columns, "CAT")
    assert sdss(table) == {
        SPECTRA[0]: ("QSO", 2.5),
        SPECTRA[1]: ("QSO", 2.6),
        SPECTRA[2]: ("STAR", 0.0),
        3655552400004: ("QSO", 1.9),
    }
    assert table["REASON"].tolist()[4:] == ["not inspected", "unsure label"]
    assert "SDSS's inspectors (class CLASS_PERSON, redshift Z_VI" in table.attrs["taken"]


def test_sdss_dr12q_and_dr14q(tmp_path):
    """Catalogues of quasars without a class: the redshift of who made them."""
    dr12q = {"Z_VI": [2.5, 2.6, 2.7], "Z_PIPE": 0.1, "ZWARNING": 4, "Z_PCA": 0.2}
    dr12q |= {"BAL_FLAG_VI": [1, 0, 1], "BI_CIV": [900.0, 0.0, 0.0]}
    dr12q = PLATE | {key: np.broadcast_to(values, 3) for key, values in dr12q.items()}
    table = read(tmp_path, dr12q, "CAT")
    assert sdss(table) == {s: ("QSO", z) for s, z in zip(SPECTRA, (2.5, 2.6, 2.7), strict=True)}
    assert table["BAL"].tolist() == [1, 0, -1]
    dr14q = {"Z": [1.1, 1.2, 1.3], "SOURCE_Z": "VI", "Z_VI": -1.0, "Z_PIPE": 0.1, "ZWARNING": 4}
    dr14q = PLATE | {key: np.broadcast_to(values, 3) for key, values in dr14q.items()}
    table = read(tmp_path, dr14q, "CAT")
    assert sdss(table) == {s: ("QSO", z) for s, z in zip(SPECTRA, (1.1, 1.2, 1.3), strict=True)}


def test_sdss_pipeline_and_persons_of_dr9(tmp_path):
    columns = PLATE | {
        "CLASS": ["QSO", "GALAXY", "STAR"],
        "Z": [2.0, 0.4, 0.0],
        "ZWARNING": [0, 0, 4],
        "CLASS_NOQSO": ["GALAXY", "GALAXY", "STAR"],
        "Z_NOQSO": [0.3, 0.4, 0.0],
    }
    assert sdss(read(tmp_path, columns, "SPECOBJ")) == {
        SPECTRA[0]: ("QSO", 2.0),
        SPECTRA[1]: ("GALAXY", 0.4),
    }
    columns |= {"CLASS_PERSON": [1, 0, 3], "Z_PERSON": [0.0, 0.0, 3.1], "Z_CONF_PERSON": [3, 0, 3]}
    assert sdss(read(tmp_path, columns, "SPECOBJ")) == {
        SPECTRA[0]: ("STAR", 0.0),
        SPECTRA[2]: ("QSO", 3.1),
    }


@pytest.mark.parametrize("extension", ["ZCATALOG", "REDSHIFTS", None])
def test_a_productions_redshifts_count_without_a_warning(tmp_path, extension):
    """zall-*, zpix-*, ztile-* and redrock's own files: the best spectrum of each target."""
    columns = {
        "TARGETID": [FIRST, FIRST, FIRST + 1, FIRST + 2],
        "Z": [2.4, 0.3, 1.1, 0.2],
        "ZWARN": [0, 0, 4, 0],
        "SPECTYPE": ["QSO", "GALAXY", "QSO", "GALAXY"],
        "ZCAT_PRIMARY": [True, False, True, True],
    }
    table = read(tmp_path, columns, extension)
    assert labels(table) == {0: ("QSO", 2.4), 2: ("GALAXY", 0.2)}
    assert table.loc[FIRST + 1, "REASON"] == "redshift warning"
    assert "the pipeline, where it has no redshift warning" in table.attrs["taken"]
    del columns["ZCAT_PRIMARY"]
    table = read(tmp_path, columns, extension)
    assert labels(table) == {2: ("GALAXY", 0.2)}
    assert table.loc[FIRST, "REASON"] == "contradicting labels"


INSPECTED = {
    "VI_z": [2.1, 0.8, 0.0, 1.5, 0.3, 2.5],
    "VI_quality": [4, 4, 3, 1, 999, 2.5],
    "VI_spectype": ["QSO", "GALAXY", "STAR", "QSO", "GALAXY", "QSO"],
}
JOINED = {
    "Redrock_z": 0.777,
    "Redrock_spectype": "GALAXY",
    "ZWARN": 0,
    "Z": 0.777,
    "SPECTYPE": "GALAXY",
    "DELTACHI2": 99.0,
    "Z_RR": 0.5,
    "all_VI_comments": "QSO at 5",
    "CLASS": "STAR",
}


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_pipeline_columns_beside_inspectors_change_nothing(tmp_path_factory, data):
    """Whatever is joined to inspections, in any order and case: theirs are the labels."""
    said = data.draw(st.sampled_from([MERGED, INSPECTED]))
    more = data.draw(st.lists(st.sampled_from(sorted(JOINED)), unique=True))
    columns = {"TARGETID": ids(6)} | said | {name: JOINED[name] for name in more}
    names = data.draw(st.permutations(list(columns)))
    spell = st.sampled_from([str, str.lower, str.upper, lambda name: name.replace("_", " ")])
    columns = {data.draw(spell)(name): np.broadcast_to(columns[name], 6) for name in names}
    extension = data.draw(st.sampled_from([None, "JOINED"]))
    table = read(tmp_path_factory.getbasetemp(), columns, extension, "joined")
    assert labels(table) == MERGED_LABELS


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"VI_z": 2.0, "VI_quality": 4, "SPECTYPE": "GALAXY"}, "VI_Z, VI_QUALITY.*VI_SPECTYPE or"),
        ({"best_z": 2.0, "SPECTYPE": "GALAXY", "Z": 0.3}, "BEST_Z.*BEST_QUALITY"),
        ({"VI_z": 2.0, "VI_spectype": "QSO"}, "VI_QUALITY"),
        ({"SPECTYPE": "QSO", "CLASS": "STAR", "Z": 0.001, "ZWARN": 0}, "SPECTYPE and CLASS"),
        ({"SPECTYPE": "QSO", "Z": 2.0, "ZWARN": 0, "QUALITY": 4}, "ZWARN and QUALITY"),
        ({"Redrock_z": 2.0, "Redrock_spectype": "QSO"}, "no class and redshift"),
        ({"Z": 2.0, "ZWARN": 0}, "no class and redshift"),
        ({"Z_x": 2.0, "SPECTYPE_y": "QSO"}, "no class and redshift"),
        ({"VI_z": 2.0, "VI_quality": 4, "VI_class": 4}, "VI_CLASS holds no class"),
        ({"Z": 2.0, "z": 1.0, "SPECTYPE": "QSO"}, "Z twice"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, columns, named):
    rows = {key: np.broadcast_to(value, 2) for key, value in columns.items()}
    with pytest.raises(InputError, match=named):
        read(tmp_path, {"TARGETID": ids(2)} | rows)


@pytest.mark.parametrize("other", ["Z_RR", "Z_QN", "Z_VI", "z_pipe", "Redrock_z"])
@pytest.mark.parametrize("more", [{}, {"ZWARN": 0}, {"QUALITY": 4}])
def test_a_class_beside_two_redshifts_is_refused(tmp_path, other, more):
    """Part of a quasar catalogue: redrock's class, the catalogue's redshift, redrock's redshift."""
    columns = {"TARGETID": ids(2), "Z": [1.3, 2.4], "SPECTYPE": ["GALAXY", "QSO"], **more}
    assert len(read(tmp_path, columns)) == 2
    with pytest.raises(InputError, match=f"has Z, {other.upper()}, and SPECTYPE"):
        read(tmp_path, columns | {other: [0.3, 2.4]})
    # Whoever gave the class of a list of quasars, it is QSO.
    del columns["SPECTYPE"]
    if not more:
        found = read(tmp_path, columns | {other: [0.3, 2.4]}, name="my_qsos")
        assert labels(found) == {0: ("QSO", 1.3), 1: ("QSO", 2.4)}


@pytest.mark.parametrize(
    ("name", "extension"),
    [("LRG_NGC_clustering.dat", "LSS"), ("truth", None), ("zcat", "ZCATALOG")],
)
def test_a_table_without_a_class_is_not_one_of_quasars_unsaid(tmp_path, name, extension):
    """Catalogues of galaxies have the same two columns."""
    columns = {"TARGETID": ids(2), "Z": [0.7, 0.9], "WEIGHT": [1.0, 1.1]}
    with pytest.raises(InputError, match="one of quasars if its name says QSO"):
        read(tmp_path, columns, extension, name)
    for right in ("QSO_NGC_clustering.dat", "my-quasars"):
        assert labels(read(tmp_path, columns, extension, right)) == {
            0: ("QSO", 0.7),
            1: ("QSO", 0.9),
        }
    flagged = columns | {"IS_QSO": [True, False]}
    assert labels(read(tmp_path, flagged, extension, "qsos")) == {0: ("QSO", 0.7)}
    assert labels(read(tmp_path, flagged, extension, "QSO_cat_x")) == {0: ("QSO", 0.7)}


@pytest.mark.parametrize("name", ["qso_targets", "quasar-candidates", "non_QSO", "not-qso_main"])
@pytest.mark.parametrize("extension", [None, "LSS"])
def test_a_list_of_targets_is_not_one_of_quasars(tmp_path, name, extension):
    """A third of DESI's quasar targets are not quasars."""
    with pytest.raises(InputError, match="not that they are targets"):
        read(tmp_path, {"TARGETID": ids(2), "Z": [0.7, 2.9]}, extension, name)


def test_a_flag_that_contradicts_the_class_is_refused(tmp_path):
    """As where another's IS_QSO is joined to redrock's class."""
    columns = {"TARGETID": ids(3), "Z": [2.1, 0.7, 0.0], "SPECTYPE": ["QSO", "GALAXY", "STAR"]}
    assert len(labels(read(tmp_path, columns | {"IS_QSO": [True, False, False]}))) == 3
    for more in ({}, {"ZWARN": 0}):
        more = {name: np.broadcast_to(value, 3) for name, value in more.items()}
        with pytest.raises(InputError, match="SPECTYPE says GALAXY where IS_QSO is 1"):
            read(tmp_path, columns | {"IS_QSO": [True, True, False]} | more)


TEXT = f"""TARGETID,Z,SPECTYPE,BAL,by
{FIRST},2.1,QSO,true,Jörg
{FIRST + 1},0.8,galaxy,F,Bo
{FIRST + 2},,,,
"""
ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {name: TARGETID, datatype: int64}
# - {name: Z, datatype: float64, unit: "1"}
# - {name: SPECTYPE, datatype: string}
"""


@pytest.mark.parametrize(
    "text",
    [
        *(TEXT.replace(",", between) for between in (",", ";", "\t", ", ")),
        *(TEXT.replace("\n", end) for end in ("\r\n", "\r", "\n\n")),
        *(start + TEXT for start in ("# made by hand\n#\n", "#", "# ")),
        TEXT.replace(",", ";").replace(".", ","),
        ECSV + TEXT.replace(",,,,", ',"","","",""').replace(",", " "),
        "#" + TEXT.replace(",,,,", ",nan,--,null,-").replace(",", "   "),
        TEXT.replace("Bo", '"Bo, or ""Bea"""'),
        TEXT.replace("Bo", '"Bo\n\nor ""Bea"""') + ",,,,\n",
        TEXT.replace("Bo\n", "Bo\n TARGETID, Z,SPECTYPE,BAL,by\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_tables_of_text_as_people_write_them(tmp_path, text, encoding):
    path, packed = tmp_path / "truth.csv", tmp_path / "truth.csv.gz"
    path.write_bytes(text.encode(encoding))
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for table in map(truth.read, (path, packed)):
        assert table.index.tolist() == ids(3).tolist()
        assert table["SPECTYPE"].tolist() == ["QSO", "GALAXY", ""]
        assert table["Z"].tolist() == [2.1, 0.8, pytest.approx(np.nan, nan_ok=True)]
        assert table["BAL"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f'{FIRST + 1},4,0.8,GALAXY,"broad', "line 3: a quote is not closed"),
        (f"{FIRST + 1},4,0", "line 3 has 3 fields, its header 5"),
        (f"# {FIRST + 1},4,0.8,GALAXY,", "TARGETID '# "),
    ],
)
def test_no_row_of_a_table_of_text_is_lost(tmp_path, line, fault):
    """A quote that is not closed would take the rows up to the next one into a comment."""
    rows = [f"{FIRST + k},4,{k}.5,QSO,{comment}" for k, comment in ((1, 'narrow"'), (2, "fine"))]
    header = "TARGETID,VI_quality,VI_z,VI_spectype,VI_comment"
    (tmp_path / "vi.csv").write_text("\n".join([header, f"{FIRST},4,2.1,QSO,", line, *rows]))
    with pytest.raises(InputError, match=fault):
        truth.read(tmp_path / "vi.csv")


def test_comments_of_older_prospect_in_a_truth_table(tmp_path):
    path = tmp_path / "desi-vi_tile_amy.csv"
    header = "TARGETID,VI_quality,VI_z,VI_spectype,VI_comment"
    rows = [f'{FIRST},4,2.1,QSO,broad","bright', f'{FIRST + 1},4,0.8,GALAXY,a "" b","c']
    path.write_text("\n".join([header, *rows, f"{FIRST + 2},3,0,STAR,plain, simple"]))
    assert labels(truth.read(path)) == {0: ("QSO", 2.1), 1: ("GALAXY", 0.8), 2: ("STAR", 0.0)}


def test_a_star_is_not_at_redrocks_redshift_of_a_quasar(tmp_path):
    """As in the merge of what is handed in: an inspector of a star need not type a redshift."""
    columns = {"TARGETID": ids(3), "VI_z": np.nan, "VI_quality": 4}
    columns |= {"VI_spectype": ["STAR", "STAR", "QSO"], "Redrock_z": [2.1, 0.0004, 2.1]}
    columns = {name: np.broadcast_to(value, 3) for name, value in columns.items()}
    assert labels(read(tmp_path, columns)) == {
        0: ("STAR", 0.0),
        1: ("STAR", 0.0004),
        2: ("QSO", 2.1),
    }


def test_identifiers_that_are_text_in_a_fits_table(tmp_path):
    columns = {"TARGETID": ids(2).astype("S20"), "Z": [2.1, 0.8], "SPECTYPE": ["QSO ", "galaxy"]}
    assert labels(read(tmp_path, columns, "X")) == {0: ("QSO", 2.1), 1: ("GALAXY", 0.8)}


@pytest.mark.parametrize("z", [-99.0, -1.0, np.nan, 1e20, 0.0])
def test_what_stands_for_no_redshift_is_no_label_for_any_reader(tmp_path, z):
    """Studies and comparisons take what has no REASON."""
    columns = {"TARGETID": ids(3), "Z": [z, 0.8, 2.1], "SPECTYPE": ["QSO", "GALAXY", "QSO"]}
    table = read(tmp_path, columns, "X")
    assert labels(table) == {1: ("GALAXY", 0.8), 2: ("QSO", 2.1)}
    assert table["REASON"][FIRST] == "impossible redshift"


def test_tables_that_contradict_each_other_have_no_label(tmp_path):
    """Whichever is given first."""
    one = {
        "TARGETID": ids(4),
        "Z": [2.1, 0.8, 2.5, -1],
        "SPECTYPE": ["QSO", "GALAXY", "QSO", "QSO"],
    }
    two = {"TARGETID": ids(5)[1:], "Z": [0.8, 1.6, 2.2, 0.0]}
    two["SPECTYPE"] = ["GALAXY", "QSO", "QSO", "STAR"]
    for name, columns in (("a", one), ("b", two)):
        pd.DataFrame(columns).to_csv(tmp_path / f"{name}.csv", index=False)
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for order in (paths, paths[::-1]):
        assert labels(truth.read_all(order)) == {
            0: ("QSO", 2.1),
            1: ("GALAXY", 0.8),
            3: ("QSO", 2.2),
            4: ("STAR", 0.0),
        }
    assert len(truth.read_all(paths[:1])) == 3


def test_a_redshift_of_minus_nine_is_none(tmp_path):
    """Mean of -9, 5 and 6: a quasar at 0.67."""
    columns = {"TARGETID": [FIRST] * 3, "Z": [-9.0, 5.0, 6.0], "SPECTYPE": ["QSO"] * 3}
    assert read(tmp_path, columns)["REASON"].tolist() == ["contradicting labels"]


def test_a_column_named_twice_is_refused(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(f"TARGETID,Z,SPECTYPE,Z\n{FIRST},2.0,QSO,1.0\n")
    with pytest.raises(InputError, match="Z twice"):
        truth.read(path)


@pytest.mark.parametrize("kind", ["data", "header"])
def test_a_table_that_differs_from_its_checksums_is_refused(tmp_path, kind):
    path = tmp_path / "truth.fits"
    read(tmp_path, {"TARGETID": ids(3), "SPECTYPE": ["QSO"] * 3, "Z": [2.0, 2.1, 2.2]}, "LABELS")
    with fitsio.FITS(str(path), "rw") as fits:
        fits["LABELS"].write_checksum()
        start = fits["LABELS"].get_info()["data_start"]
    assert len(truth.read(path)) == 3
    content = bytearray(path.read_bytes())
    # The exponent of the first redshift, or a letter of the header.
    place = start + content[start:].index(np.array([2.0], ">f8").tobytes())
    content[place if kind == "data" else content.index(b"TTYPE2") + 12] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"truth\.fits: .* is damaged"):
        truth.read(path)


def test_what_was_taken_is_printed_and_kept(tmp_path, program):
    coadd = write_coadd(tmp_path / "coadd-0-1-thru2.fits")
    read(tmp_path, {"TARGETID": ids(6)} | MERGED)
    result = program(
        "extract_spectra.py", "--coadd", coadd, "--truth", tmp_path / "truth.csv",
        "--origin", "vi", "--output", tmp_path / "set.fits",
    )  # fmt: skip
    assert "redshift BEST_Z" in result.stdout
    assert "1 unresolved label, 1 unsure label" in result.stdout
    header = fitsio.read_header(str(tmp_path / "set.fits"), ext="SPECTRA")
    assert header["TRUTH"].startswith("truth.csv: 6 of the merge of inspections")


def test_a_rounded_targetid_is_no_label(tmp_path):
    """Read through a double, 39627634556011093 would label another object."""
    path = tmp_path / "truth.csv"
    for text in ("39627634556011093.0", "3.9627634556011093e16", "3.96276E+16"):
        path.write_text(f"TARGETID,Z\n{text},2.1\n")
        with pytest.raises(InputError, match="not a whole number"):
            truth.read(path)


@pytest.mark.parametrize("extension", [None, "LABELS"])
@pytest.mark.parametrize(
    "rounding", [lambda x: (x + 50) // 100 * 100, lambda x: x.astype(float).astype(int)]
)
def test_a_table_of_rounded_targetids_is_refused(tmp_path, extension, rounding):
    """Some of them are those of other targets."""
    targets = FIRST + 13 * np.arange(30)
    columns = {"TARGETID": targets, "SPECTYPE": ["QSO"] * 30, "Z": 2.0 + np.arange(30) / 100}
    assert len(read(tmp_path, columns, extension)) == 30
    with pytest.raises(InputError, match="all its TARGETIDs are rounded to"):
        read(tmp_path, columns | {"TARGETID": rounding(targets)}, extension)


@pytest.mark.parametrize(
    ("targets", "quality", "named"),
    [
        (ids(4)[:1] // 100 * 100, 4, "4 not in truth): its TARGETIDs are rounded;"),
        (ids(3) + 10**9, 4, "of another survey, program or tile;"),
        (np.array([3655552400002, 3655552400004]), 4, "are numbers of SDSS spectra"),
        (ids(4), 1, "(4 unsure label);"),
        (ids(0), 4, "its 0 targets"),
    ],
)
def test_a_table_that_labels_none_of_the_spectra_is_refused(
    tmp_path, targets, quality, named, program
):
    coadd = write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4)
    table = tmp_path / "truth.csv"
    rows = {"TARGETID": targets, "SPECTYPE": "QSO", "Z": 2.0, "QUALITY": quality}
    pd.DataFrame(rows).to_csv(table, index=False)
    result = program(
        "extract_spectra.py", "--coadd", coadd, "--truth", table,
        "--origin", "vi", "--output", tmp_path / "set.fits",
    )  # fmt: skip
    assert result.returncode == 2
    assert f"{table}: has a label for none of the 4 spectra of vi" in result.stderr
    assert named in result.stderr
    assert not (tmp_path / "set.fits").exists()


@pytest.mark.parametrize("z", ["", "-5", "40"])
def test_a_label_without_a_redshift_is_none(tmp_path, z):
    path = tmp_path / "truth.csv"
    path.write_text(f"TARGETID,Z,SPECTYPE,BAL\n5,{z},QSO,\n6,2.0,QSO,\n7,0.001,STAR,\n")
    table = truth.read(path)
    assert table["BAL"].tolist() == [-1, -1, 0]
    catalog = np.zeros(3, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [5, 6, 7]
    _, _, labels, dropped = truth.label(np.zeros((3, 443)), catalog, table, "vi")
    assert labels["TARGETID"].tolist() == [6, 7]
    assert dropped == {"impossible redshift": 1}


@pytest.mark.parametrize(
    "text", ["TARGETID,Z\n5,abc\n", "TARGETID,Z,BAL\n5,2,7\n", "Z\n2\n", "", "TARGETID\n5\n"]
)
def test_bad_truth_tables_get_one_line(tmp_path, text):
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(InputError):
        truth.read(tmp_path / "truth.csv")


def test_vi_truth(shared_data):
    """Sixteen rows of the published VI table: quality 2.5 and above counts."""
    table = truth.read(shared_data / "vi" / "desi_truth_sample.csv")
    assert len(table) == 16
    assert table.index.dtype == np.int64
    assert 39627634556011093 in table.index
    assert table.loc[39627634564404995, "SPECTYPE"] == "STAR"
    assert (table["BAL"][table["SPECTYPE"] == "QSO"] == -1).all()
    catalog = np.zeros(2, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [39627634556011093, 39627634556011094]  # quality 1 and 3
    _, _, labels, dropped = truth.label(np.zeros((2, 443)), catalog, table, "vi")
    assert labels["TARGETID"].tolist() == [39627634556011094]
    assert labels["Z"][0] == pytest.approx(1.3932)
    assert dropped == {"unsure label": 1}


def test_quasar_catalogue_is_a_truth(shared_data):
    table = truth.read(shared_data / "desi" / "QSO_cat_fuji_dark_tile.fits.gz")
    assert len(table) == 10
    assert set(table["SPECTYPE"]) == {"QSO"}


def test_unresolved_rows_of_the_published_merge_are_no_labels(tmp_path):
    """They carry quality 999, which passes a cut at 2.5."""
    path = tmp_path / "truth.csv"
    path.write_text("TARGETID,VI_Z,VI_CLASS,VI_QUALITY\n5,2.1,QSO,999\n6,2.2,QSO,3\n")
    catalog = np.zeros(2, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [5, 6]
    _, _, labels, _ = truth.label(np.zeros((2, 443)), catalog, truth.read(path), "vi")
    assert labels["TARGETID"].tolist() == [6]


@pytest.mark.parametrize("empty", ["", "nan", "N/A", "None", "--"])
def test_a_class_that_is_nothing_confirms_redrocks(tmp_path, empty):
    """In FITS too, where pandas and astropy write words for it."""
    columns = {"TARGETID": ids(2), "VI_Z": [2.1, 0.8], "VI_QUALITY": [4.0, 4.0]}
    columns |= {"VI_SPECTYPE": [empty, "GALAXY"], "Redrock_spectype": ["QSO", "QSO"]}
    for extension in (None, "X"):
        assert labels(read(tmp_path, columns, extension)) == {0: ("QSO", 2.1), 1: ("GALAXY", 0.8)}


def test_numbers_that_tnull_marks_are_nothing(tmp_path):
    """As astropy writes masked columns: after a join the others' flags are 999999, above 0."""
    path = tmp_path / "truth.fits"
    columns = {"TARGETID": ids(3), "Z": [2.0, 1.0, 1.5], "QSO_MASKBITS": [2, 999999, 4]}
    columns |= {"BAL": np.array([1, 0, 99], "u2")}
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write([np.array(v) for v in columns.values()], names=list(columns))
        fits[1].write_key("TNULL3", 999999)
        fits[1].write_key("TNULL4", 99 - 2**15)
    table = truth.read(path)
    assert labels(table) == {0: ("QSO", 2.0), 2: ("QSO", 1.5)}
    assert table["BAL"].tolist() == [1, 0, -1]


def test_empty_text_in_fits_is_no_number(tmp_path):
    columns = {"TARGETID": ids(3), "SPECTYPE": ["QSO", "QSO", "STAR"], "Z": ["2.0", "", "N/A"]}
    assert labels(read(tmp_path, columns, "X")) == {0: ("QSO", 2.0)}
