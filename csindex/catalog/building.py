"""How the catalogue's files are written: arrows with their status, blocks of items."""

from __future__ import annotations

from csindex.model import Construct, Path, Sign, Status, reflective


def known(
    status: Status, *arrows: tuple[str, str] | tuple[str, str, Sign]
) -> tuple[Path, ...]:
    """Return paths that are known in the same way.

    Parameters
    ----------
    status : {"verified", "inferred", "recalled", "assumed"}
        How they are known.
    *arrows : (source, target) or (source, target, sign)
        The paths.

    Returns
    -------
    tuple of Path
        The paths with their status.
    """
    return tuple(Path(*arrow)._replace(status=status) for arrow in arrows)


def measured(name: str, count: int = 3) -> Construct:
    """Return a reflective construct whose items have general names.

    Parameters
    ----------
    name : str
        Name of the construct.
    count : int
        Number of items.

    Returns
    -------
    Construct
        Its items are ``name_1``, ``name_2`` ...: no columns were published, and
        `Model.with_items` puts the survey's own in their place.
    """
    return reflective(name, *(f"{name}_{k}" for k in range(1, count + 1)))
