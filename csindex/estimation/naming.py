"""How an estimator is called in a message."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass


def called(estimator: object) -> str:
    """Return an estimator with the options that differ from its defaults.

    Parameters
    ----------
    estimator : object
        An estimator, or what was given instead.

    Returns
    -------
    str
        Its class, and what was set; anything but a dataclass as it prints.

    Examples
    --------
    >>> from csindex.estimation import PLS
    >>> called(PLS()), called(PLS(mode="B"))
    ('PLS()', "PLS(mode='B')")
    """
    if not is_dataclass(estimator) or isinstance(estimator, type):
        return repr(estimator)
    given: list[str] = []
    for field in fields(estimator):
        usual = field.default
        if field.default_factory is not MISSING:
            usual = field.default_factory()
        value = getattr(estimator, field.name)
        if field.init and value != usual:
            given.append(f"{field.name}={value!r}")
    return f"{type(estimator).__name__}({', '.join(given)})"
