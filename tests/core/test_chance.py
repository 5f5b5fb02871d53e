"""Random numbers of a TARGETID, or of a row of the pool, and a seed."""

import numpy as np

from quasarnet_al.core import chance
from quasarnet_al.spectra import pool


def test_random_belongs_to_the_target_and_the_seed():
    targetid = np.random.default_rng(3).integers(-(2**62), 2**62, size=100_000)
    x = chance.random(targetid, seed=5)
    order = np.random.default_rng(4).permutation(len(x))
    assert np.array_equal(chance.random(targetid[order], seed=5), x[order])
    assert np.array_equal(chance.random(targetid[7:8], seed=5), x[7:8])
    other = chance.random(targetid, seed=6)
    assert abs(np.corrcoef(x, other)[0, 1]) < 0.02


def test_random_is_uniform_for_neighbouring_targets():
    """DESI numbers its targets one after the other."""
    x = chance.random(39627652591521792 + np.arange(100_000), seed=0)
    assert ((x >= 0) & (x < 1)).all()
    counts = np.histogram(x, bins=20, range=(0, 1))[0]
    # Chi squared with 19 degrees of freedom: 45 is a chance of one in a thousand.
    assert ((counts - 5000) ** 2 / 5000).sum() < 45
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.02


def test_known_numbers():
    """Batches and validation sets that exist were drawn with these."""
    targetid = np.array([0, 1, -5, 39_627_652_591_521_792])
    np.testing.assert_array_equal(
        chance.random(targetid, 1),
        [0.43152799704850997, 0.7457817572627011, 0.5575480192032958, 0.8799716635479796],
    )
    catalog = pool.catalog(2)
    catalog["TARGETID"], catalog["ROW"] = [7, 7], [0, 1]
    assert chance.sampling_keys(catalog, 3).tolist() == [5539503548916068642, 328494032289805368]
