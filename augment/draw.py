"""Random numbers as a hash of a key (seed, recipe, original, side) and counters (k, slot): a counter-based generator.

There is no stream with a state, so rows don't depend on the number of workers, on the order of the originals or on a
resume, and raising n_iter from 10 to 20 keeps the first 10 rows.
The hash is splitmix64 (Steele, Lea and Flood 2014), once over k and once over the slot.
"""

import hashlib

import numpy as np

RECIPE = 2  # raise it when a change makes the same seed draw other rows

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = (np.uint64(bits) for bits in (27, 30, 31, 11))


def draw_key(seed: int, source_id: str, side: str) -> int:
    """Return the 64-bit key of one side ("A" or "B") of one original."""
    name = f"{seed}|{RECIPE}|{source_id}|{side}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def uniforms(keys: int | np.ndarray, ks: np.ndarray, slots: int) -> np.ndarray:
    """Draw numbers from [0, 1) for the rows `ks` (uint64 [K]), of one key or one each: float64 [K, slots]."""
    return uniforms_from(0, keys, ks, np.full(len(ks), slots)).reshape(len(ks), slots)


def uniforms_from(slot: int, keys: int | np.ndarray, ks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Draw the numbers at `slot` and after it, `counts` (int64 [K]) of them, row after row: float64 [sum]."""
    firsts = np.cumsum(counts) - counts
    rows = mix(np.asarray(keys, np.uint64) + (ks + np.uint64(1)) * GAMMA)
    starts = rows + (np.uint64(slot + 1) - firsts.astype(np.uint64)) * GAMMA  # modulo 2^64, as all here
    bits = mix(np.repeat(starts, counts) + np.arange(counts.sum(), dtype=np.uint64) * GAMMA)
    return (bits >> _S11) * 2.0**-53


def mix(state: np.ndarray) -> np.ndarray:
    """Hash 64 bits to 64 bits: splitmix64's last step. uint64 of any shape."""
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)
