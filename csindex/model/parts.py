"""The parts of a model: items, constructs and paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Measurement = Literal["reflective", "composite"]
Sign = Literal["+", "-", "?"]
Status = Literal["", "verified", "inferred", "recalled", "assumed"]


@dataclass(frozen=True)
class Item:
    """One question of a questionnaire and what its answers mean.

    Parameters
    ----------
    name : str
        Name of its column.
    scale : tuple of float, optional
        Lowest and highest possible answer. None: said elsewhere, or unknown.
    reversed : bool
        Whether a high answer means a bad opinion; such answers are turned round
        to ``low + high - answer`` before anything is computed.
    missing : tuple of float
        Codes that mean "no answer", as 98 and 99.
    asked_if : str, optional
        Skip rule: the item is asked only where this holds, as ``"COMP == 1"``.
    derive : tuple of (str, str)
        For an item that is computed: pairs of a condition and a formula; the
        first condition that holds gives the value. See
        `csindex.codebook.rules.evaluate` for the language.
    construct : str
        Name of the construct it belongs to, for reading; a `Model` decides.
    en, zh : str
        The question's wording in English and in Chinese.
    parent : str
        The specific indicator (level 3 of the hierarchy) that it belongs to, as
        ``"staff"``; empty if it stands for itself.
    score_map : str or tuple of float
        Points, 0 to 100, of the answers from the scale's low to its high end, as
        ``(100, 80, 60, 30, 0)``, or the name of a convention; see
        `csindex.codebook.maps`. Empty: answers are spaced evenly.
    controllable : bool, optional
        Whether the company can change what is asked about. None: not said.
    labels : tuple of (float, str)
        What the codes in its column mean, as ``((1, "north"), (2, "south"))``; they
        name the groups of a column that divides the sample.
    """

    name: str
    scale: tuple[float, float] | None = None
    reversed: bool = False
    missing: tuple[float, ...] = ()
    asked_if: str | None = None
    derive: tuple[tuple[str, str], ...] = ()
    construct: str = ""
    en: str = ""
    zh: str = ""
    parent: str = ""
    score_map: str | tuple[float, ...] = ()
    controllable: bool | None = None
    labels: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Construct:
    """A latent variable and the items that measure it.

    Parameters
    ----------
    name : str
        Name of the construct, in the field's words: ``"satisfaction"``.
    items : tuple of str
        Names of its items.
    measurement : {"reflective", "composite"}
        Whether the items are effects of the construct or make it up.
    """

    name: str
    items: tuple[str, ...]
    measurement: Measurement = "reflective"


class Path(NamedTuple):
    """An arrow of the structural model.

    Attributes
    ----------
    source, target : str
        Names of two constructs.
    sign : {"+", "-", "?"}
        The direction of the effect that theory expects; ``"?"`` leaves it open.
    status : {"", "verified", "inferred", "recalled", "assumed"}
        How the arrow of a published model is known: read in a source; inferred from
        what was read; recalled from the literature without having been read again;
        or assumed, where the publication doesn't say. Empty in a model of one's own.
    """

    source: str
    target: str
    sign: Sign = "+"
    status: Status = ""


def reflective(name: str, *items: str) -> Construct:
    """Return a construct whose items are its effects.

    Parameters
    ----------
    name : str
        Name of the construct.
    *items : str
        Names of its items.

    Returns
    -------
    Construct
        The construct.

    Examples
    --------
    >>> reflective("value", "PQ", "QP").items
    ('PQ', 'QP')
    """
    return Construct(name, items, "reflective")


def composite(name: str, *items: str) -> Construct:
    """Return a construct that its items make up.

    Parameters
    ----------
    name : str
        Name of the construct.
    *items : str
        Names of its items.

    Returns
    -------
    Construct
        The construct.

    Examples
    --------
    >>> composite("price", "p1").measurement
    'composite'
    """
    return Construct(name, items, "composite")
