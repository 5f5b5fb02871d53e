"""Answers of inspectors."""

import pandas as pd

from quasarnet_al.inspection import merge
from quasarnet_al.inspection.agreement import agreement as agree
from quasarnet_al.inspection.vi import (
    PROSPECT_COLUMNS,
    read_vi,
)

PROSPECT = ",".join(PROSPECT_COLUMNS)


BATCH = [39627640553871919, 39627640558066637, 39627634564404995]


def vi(path, *rows, header="TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_comment,VI_BAL"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read_all(*paths):
    return pd.concat([read_vi(path)[0] for path in paths])


def merged(*paths, batch=BATCH):
    rows = read_all(*paths)
    labels, refused, counts = merge.merge(rows, batch)
    agreement = counts | agree(merge.of_batch(rows, batch)[0])
    return labels.set_index("TARGETID"), refused, agreement


def write_answers(folder, name, scanner, targets, quality=4, z=2.0):
    rows = [f"{target},QSO,{z},{scanner},{quality},,{z},QSO,\n" for target in targets]
    header = "TARGETID,Redrock_spectype,Redrock_z,VI_scanner,VI_quality,VI_issue,VI_z,"
    (folder / name).write_text(header + "VI_spectype,VI_comment\n" + "".join(rows))
    return folder / name
