"""Active learning for QuasarNET on DESI spectra: pure functions on arrays and tables.

The wings, each of which imports only those before it (a test enforces it):

* `core`: files that appear whole or not at all, programs, `options` that a dataclass describes
  for the config and for programs, random numbers of a TARGETID.
* `spectra`: a spectrum is read (`desi`, `boss`), put on the pixels of a `grid` and
  normalised (`rebin`), kept with its catalogue (`pool`), and joined with labels (`truth`,
  `sets`). `hdus` opens what others wrote, `columns` says what every column means, `tables`
  reads and writes them, `tiles` reads a production's list of tiles.
* `mock`: a `survey` made of `templates`.
* `network`: `weights` reads the networks, `inference` runs them, `lines` makes lines,
  redshifts and classes of their output; `targets` turns labels into what `training`
  teaches, by a `recipe`, on a `gpu` where the job was given one.
* `learning`: `som` finds a spectrum's cell, `scores` keeps the members' votes and what
  `acquisition` makes of them, `selection` chooses, `batch` is what people are asked.
* `judging`: `metrics`, with the `statistics` and `votes` that they are made of, judge an
  ensemble, `outliers` the map's rule, `stopping` a round, `gate` the released network,
  `experiment` the method.
* `inspection`: `pages` show a spectrum (`record`, `line_lists`) to people, `vi` reads their
  answers, `merge` makes labels of them, `agreement` compares them; `prospect` is another
  viewer.
* `tasks`: what differs between `quasar` and `digits` (`task`, `registry`).
* `report`: `html` pages of figures in one `style`, of a `round` (`choice`, `quasar`, `digits`,
  `tasks`) and of the `studies`.
* `workflow`: what a `config` means, as its `schema` describes it: the `plan` of a run, its
  `rounds`, its `cost`, and what is looked at first on `slurm`.
"""

import os

__version__ = "0.1.0"

# Before h5py is imported: the file systems of computing centres (DVS, some of Lustre) refuse the
# locks that HDF5 takes, and nothing here needs them, as files appear whole under their names.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
