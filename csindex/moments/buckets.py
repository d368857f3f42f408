"""Random parts of a sample: who belongs to which, and what parts can be taken away."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from csindex.kernels.arrays import IntArray
from csindex.moments.sums import Sums

# increment and factors of the hash: Steele, Lea & Flood (2014), OOPSLA, splitmix64
_GAMMA = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
# bytes of each end of a file by which it is known again
_END = 65_536
_DIGEST = 16
_CLUSTERS = "clusters "
# whole numbers, as texts hold them; longer ones are names
_WHOLE = r"[+-]?\d{1,18}(?:\.0*)?"


def bucket_of(keys: NDArray[np.generic], buckets: int) -> IntArray:
    """Return the bucket of each key.

    Parameters
    ----------
    keys : ndarray of int of shape (n,)
        Row positions, or numbers of clusters.
    buckets : int
        Number of buckets.

    Returns
    -------
    ndarray of int of shape (n,)
        Buckets from zero; as good as random, and the same on every machine.

    References
    ----------
    Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators,
    OOPSLA.
    """
    mixed = (keys.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    high = mixed >> np.uint64(32)
    return ((high * np.uint64(buckets)) >> np.uint64(32)).astype(np.int64)


def row_keys(start: int, size: int, salt: int) -> NDArray[np.uint64]:
    """Return a number per row of one source.

    Parameters
    ----------
    start, size : int
        Position of the first row, and number of rows.
    salt : int
        Number of the file, so that rows at one place of two files differ.

    Returns
    -------
    ndarray of int of shape (size,)
        The numbers.
    """
    return np.arange(start, start + size, dtype=np.uint64) + np.uint64(salt)


def cluster_keys(column: pd.Series) -> NDArray[np.uint64]:
    """Return a number per cluster that depends on nothing but its label.

    Parameters
    ----------
    column : Series of length n
        The labels, without gaps.

    Returns
    -------
    ndarray of int of shape (n,)
        The numbers; 7, 7.0 and the text "7" have the same, for one file may hold as
        text what another holds as numbers.
    """
    codes, labels = pd.factorize(column)
    values = np.asarray(labels)
    if values.dtype.kind in "iub":
        return np.asarray(_hashed(values.astype(np.int64))[codes])
    if values.dtype.kind not in "fM":
        texts = pd.Series([str(label) for label in labels], dtype=object)
        whole = texts.str.fullmatch(_WHOLE).to_numpy(dtype=np.bool_)
        keys = _hashed(texts.to_numpy())
        numbers = [int(text.split(".")[0]) for text in texts[whole]]
        keys[whole] = _hashed(np.array(numbers, dtype=np.int64))
        return np.asarray(keys[codes])
    if values.dtype.kind == "M":
        values = values.astype("datetime64[ns]")
    keys = _hashed(values)
    if values.dtype.kind == "f":
        whole = (values % 1 == 0) & (np.abs(values) < 2**62)
        keys[whole] = _hashed(values[whole].astype(np.int64))
    return np.asarray(keys[codes])


def file_origin(path: Path) -> str:
    """Return a text by which a file is known again, wherever it lies.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        A digest of its size, its beginning and its end; a Parquet file's end holds
        its layout and statistics.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=_DIGEST)
    with path.open("rb") as file:
        digest.update(file.read(_END))
        file.seek(max(size - _END, 0))
        digest.update(file.read(_END))
    return digest.hexdigest()


def salt_of(origin: str) -> int:
    """Return the number that a file's rows are counted from.

    Parameters
    ----------
    origin : str
        The file's origin.

    Returns
    -------
    int
        A number below 2 ** 63.
    """
    return int(origin[:_DIGEST], 16) >> 1


def sums_origin(parts: Sums) -> str:
    """Return a text by which the rows of one pass are known again.

    Parameters
    ----------
    parts : Sums of shape (..., g)
        Sums of the rows by bucket.

    Returns
    -------
    str
        Their digest.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for sums in (parts.centre, parts.count, parts.weight, parts.first, parts.second):
        digest.update(np.ascontiguousarray(sums).tobytes())
    return digest.hexdigest()


def cluster_origin(column: str) -> str:
    """Return the origin of rows that their clusters' labels divide.

    Parameters
    ----------
    column : str
        The column of clusters.

    Returns
    -------
    str
        The same for every source.
    """
    return _CLUSTERS + column


def joined(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    """Return the origins of two samples together.

    Parameters
    ----------
    a, b : sequence of str
        Their origins.

    Returns
    -------
    tuple of str
        The origins of both, in order; none if one of them is unknown.
    """
    if not (a and b):
        return ()
    clusters = {origin for origin in (*a, *b) if origin.startswith(_CLUSTERS)}
    rows = [origin for origin in (*a, *b) if origin not in clusters]
    return tuple(sorted([*rows, *clusters]))


def left_over(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    """Return the origins of one sample without another that is part of it.

    Parameters
    ----------
    a, b : sequence of str
        Their origins.

    Returns
    -------
    tuple of str
        What remains; none if the second sample's rows may be in other buckets than
        they are in the first.
    """
    if len(a) == 1 and a == b and a[0].startswith(_CLUSTERS):
        return tuple(a)
    mine, theirs = Counter(a), Counter(b)
    by_label = any(origin.startswith(_CLUSTERS) for origin in b)
    if not b or by_label or theirs - mine:
        return ()
    return tuple(sorted((mine - theirs).elements()))


def _hashed(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    hashed: NDArray[np.uint64] = pd.util.hash_array(values)
    return hashed
