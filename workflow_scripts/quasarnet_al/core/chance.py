"""Random numbers that follow from an identifier and a seed.

They do not change with the order of spectra or with how these are spread over files. All come from
the finaliser of SplitMix64 (Steele, Lea & Flood 2014, doi 10.1145/2660193.2660195).
"""

import numpy as np

#: 2^64 over the golden ratio, the step of SplitMix64.
_GOLDEN = 0x9E3779B97F4A7C15


def random(targetid: np.ndarray, seed: int) -> np.ndarray:
    """Return numbers float64 (n,) in [0, 1) that depend on TARGETID and `seed` alone."""
    x = np.asarray(targetid, dtype=np.int64).astype(np.uint64)
    # Unsigned arithmetic wraps around: that is the hash.
    x = _mixed(x + np.uint64((seed + 1) * _GOLDEN % 2**64))
    return (x >> np.uint64(11)) * 2.0**-53


def sampling_keys(catalog: np.ndarray, seed: int) -> np.ndarray:
    """Return a pseudo-random key, uint64 (n,), of each row of a pool's catalogue.

    The rows with the smallest keys are a random sample of the exposures (TARGETID, TILEID,
    ROW) that depends on the seed.
    """
    key = np.full(len(catalog), np.random.default_rng([seed]).integers(2**64, dtype=np.uint64))
    for column in ("TARGETID", "TILEID", "ROW"):
        key ^= catalog[column].astype(np.int64).view(np.uint64)
        key = _mixed(key + np.uint64(_GOLDEN))
    return key


def _mixed(x: np.ndarray) -> np.ndarray:
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)
