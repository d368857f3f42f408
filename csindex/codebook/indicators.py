"""Specific indicators: the third level, between constructs and questions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Indicator:
    """A specific indicator, which some items ask about.

    Parameters
    ----------
    name : str
        Its name, as ``"staff"``; items name it as their parent.
    construct : str
        The construct that it is a part of.
    en, zh : str
        What it is called in English and in Chinese.
    controllable : bool, optional
        Whether the company can change it. None: not said.
    """

    name: str
    construct: str = ""
    en: str = ""
    zh: str = ""
    controllable: bool | None = None
