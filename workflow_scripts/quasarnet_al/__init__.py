"""Active learning for QuasarNET on DESI spectra: pure functions on arrays and tables.

The way of a spectrum through the modules:

* `desi` and `boss` read it from its file, or `mock` (`mock_templates`) makes it up; `spectra`
  puts it on the pixels of `grid`, normalised; `pool` keeps it.
* `som` finds its cell. `weights` reads the networks, `inference` runs them, `classify` makes
  lines, redshifts and classes of their output; `scoring` keeps votes and what `acquisition`
  makes of them.
* `selection` chooses it. `page` (or `prospect`) shows it, `inspection` merges what people say.
* `sets` puts it with its label into the next training set; `truth` reads labels that are known
  already. `targets` turns labels into what `training` teaches, by a `recipe`.
* `metrics` judges the ensemble, `stopping` the round, `gate` the network that is released,
  `experiment` the method; `figures`, `report` and `round_report` show it all, `cost` adds up.

`tasks` is what differs between quasars and digits (`digits`, `digit_figures`). `plan` says what
a config means, `tile_table` reads its lists of tiles. `files`, `tables` and `progress` are the
manners of all programs; `slurm` is what a run on SLURM looks at first.
"""

__version__ = "0.1.0"
