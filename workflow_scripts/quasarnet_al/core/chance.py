"""Random numbers that follow from an identifier and a seed."""

import numpy as np


def random(targetid: np.ndarray, seed: int) -> np.ndarray:
    """Return numbers (n,) in [0, 1) that depend on TARGETID and `seed` alone.

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014), so that a spectrum's number
    does not change with the order or the chunk in which spectra are scored.
    """
    # Unsigned arithmetic wraps around: that is the hash.
    x = np.asarray(targetid, dtype=np.int64).astype(np.uint64)
    x += np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)) * 2.0**-53


def sampling_keys(catalog: np.ndarray, seed: int) -> np.ndarray:
    """Return a pseudo-random key, uint64 (n,), of each row of a pool's catalogue.

    The rows with the smallest keys are a random sample that depends on the seed and on
    the spectra, not on how these are spread over files. The mixing function is
    SplitMix64's (Steele et al. 2014, doi 10.1145/2660193.2660195).
    """
    key = np.full(len(catalog), np.random.default_rng([seed]).integers(2**64, dtype=np.uint64))
    for column in ("TARGETID", "TILEID", "ROW"):
        key ^= catalog[column].astype(np.int64).view(np.uint64)
        key += np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ key >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ key >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key
