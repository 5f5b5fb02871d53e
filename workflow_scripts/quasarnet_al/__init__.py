"""Active learning for QuasarNET on DESI spectra: functions of arrays and tables.

The wings. Each imports only those before it, which a test enforces (see docs/architecture.md).

* `core`: `files` that appear complete or not at all, open `fits` files, the command line of a
  `program`, `options` that a dataclass describes for config and programs, reproducible random
  numbers (`chance`).
* `spectra`: `desi` and `boss` read spectra, `rebin` puts them on the pixels of a `grid` and
  normalises them, `flaws` measures what the reduction left in them, `pool` keeps them with their
  catalogue, and `truth` and `sets` join them with labels. `extraction` leaves out what is broken
  and `counts` tells how much was left out, `columns` defines every column, `tables` reads and
  writes tables, `afterburner` is a table of DESI's pipeline, `hdus` opens files of others, and
  `tiles` reads a production's list of tiles.
* `mock`: a mock `survey`, made from `templates`.
* `network`: `weights` reads and writes networks, whose `architecture` it checks; `inference` runs
  them; `lines` derives lines, redshifts and classes from their output, and `views` lets a network
  see spectra in several positions. `targets` turns labels into
  what `training` fits, by a `recipe`, on a `gpu` if the job was given one; `augmentation` varies
  the spectra in each epoch.
* `learning`: `som` finds the cell of a spectrum; `scores` combines the members' votes,
  `acquisition` measures their uncertainty, `selection` chooses spectra, and `batch` is the table of
  the chosen ones.
* `judging`: `metrics`, `statistics` and `votes` judge an ensemble, whose probabilities
  `calibration` corrects, `outliers` the outlier rule, `stopping` a round, `check` and `gate` a
  released network, `comparison` two sets of weights, and `experiment` the query strategies;
  `classified` is the table of what networks find.
* `inspection`: `pages` show spectra (`record`, `line_lists`) to inspectors, with what a
  `production` of DESI says of them and the model of `redrock`; `handed_in` records what inspectors
  hand in, `vi` reads it, `merge` makes labels from it, and `agreement` compares inspectors.
  `prospect` writes files for another viewer.
* `tasks`: what differs between `quasar` and `digits` (`task`, `registry`), the `team` of members
  that one job trains, and a `study` of query strategies.
* `report`: `html` pages of figures in one `style`: of a `round` (`choice`, `quasar`, `digits`,
  `tasks`), of a `run`, and of the `studies`, with what the `sets` behind them are made of.
* `workflow`: the meaning of a `config` and its `schema`: the `plan` of a run, its `rounds`, its
  `cost`, what is asked of `slurm` before jobs are submitted, which `retries` of failed jobs make
  sense, and which `revisions` of the code made the inputs.
"""

import os

__version__ = "0.1.0"

# Before h5py is imported: the file systems of computing centres (DVS, some of Lustre) refuse the
# locks that HDF5 takes, and nothing here needs them, as files appear whole under their names.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
