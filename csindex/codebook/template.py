"""A codebook to fill in: which column of a survey asks about which construct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from csindex.codebook import rules
from csindex.codebook.codebook import Codebook
from csindex.codebook.drafting import draft
from csindex.codebook.writing import item_lines
from csindex.model import Item, Model

_NO_WORDING: Mapping[str, Item] = {}
_NOTHING = Codebook()


def codebook_template(
    model: Model,
    frame: pd.DataFrame | None = None,
    wording: Mapping[str, Item] = _NO_WORDING,
    known: Codebook = _NOTHING,
) -> str:
    """Return a codebook that says, once filled in, how a survey fits a model.

    Parameters
    ----------
    model : Model
        The model.
    frame : DataFrame, optional
        The answers: their columns are listed, each with a construct to fill in unless
        the model knows its name. None: the model's own items are listed, for the
        names of the columns to be put in.
    wording : mapping of str to Item, optional
        Questions that ask what the model's items do, shown as examples.
    known : Codebook
        What the file of the answers says about its columns.

    Returns
    -------
    str
        TOML, which `read_codebook` reads as it stands.

    Raises
    ------
    DataError
        If no column of the answers seems to be an item.

    See Also
    --------
    csindex.Model.with_items_of : takes the items from the filled-in codebook.

    Examples
    --------
    >>> from csindex.model import Construct
    >>> model = Model("m", (Construct("quality", ("q1", "q2")),))
    >>> print(codebook_template(model, pd.DataFrame({"F1": range(1, 11)})))
    # Codebook for the model m. Say of every item which construct it asks about, as
    # construct = "quality", and leave "" where it asks about none. Check the rest too.
    #
    # quality: q1, q2
    <BLANKLINE>
    scale = [1, 10]
    <BLANKLINE>
    [items.F1]
    construct = ""
    <BLANKLINE>
    """
    published = _published(model, wording)
    if frame is None:
        head = [
            f"# Codebook for the model {model.name}. Put your own column into every "
            "[items.COLUMN],",
            "# also where a rule names it, add or remove items, and check scale and "
            "missing.",
        ]
        book = Codebook(list(published.values()), scale=(1, 10), missing=(98, 99))
    else:
        first = model.construct_names[0]
        head = [
            f"# Codebook for the model {model.name}. Say of every item which construct "
            "it asks about, as",
            f'# construct = "{first}", and leave "" where it asks about none. Check '
            "the rest too.",
            "#",
            *_asked(model, wording),
        ]
        book = _with_known(draft(frame, known), published, set(map(str, frame.columns)))
    general = replace(book, items=()).to_toml().rstrip("\n")
    tables = ["\n".join(_table(item)) for item in book.items]
    return "\n\n".join(["\n".join(head), general, *tables]) + "\n"


def _published(model: Model, wording: Mapping[str, Item]) -> dict[str, Item]:
    """Return what is known of the model's items and what they are computed from."""
    instrument = {item.name: item for item in model.instrument}
    owner = {item: c.name for c in model.constructs for item in c.items}
    derived = [
        source
        for name in model.items
        for source in sorted(_sources(instrument.get(name, Item(name))))
    ]
    found: dict[str, Item] = {}
    for name in dict.fromkeys([*model.items, *derived]):
        asked = wording.get(name, Item(name))
        known = instrument.get(name, Item(name))
        found[name] = replace(
            known,
            construct=owner.get(name, ""),
            en=known.en or asked.en,
            zh=known.zh or asked.zh,
        )
    return found


def _asked(model: Model, wording: Mapping[str, Item]) -> Iterator[str]:
    """Yield comments on what the model's constructs are asked by."""
    for construct in model.constructs:
        items = ", ".join(construct.items)
        yield f"# {construct.name}: {items}"
        for name in construct.items:
            if name in wording and wording[name].en:
                yield f"#   {' '.join(wording[name].en.split())}"


def _with_known(
    book: Codebook, published: Mapping[str, Item], columns: set[str]
) -> Codebook:
    """Return a draft with the constructs of the items that the model knows.

    Items that are computed from columns of the answers are added.
    """
    items = [
        replace(item, construct=published[item.name].construct)
        if item.name in published
        else item
        for item in book.items
    ]
    computed = [
        item
        for name, item in published.items()
        if item.derive and name not in columns and columns.issuperset(_sources(item))
    ]
    return replace(book, items=[*items, *computed])


def _sources(item: Item) -> set[str]:
    """Return the columns that an item is computed from."""
    return {name for pair in item.derive for rule in pair for name in rules.names(rule)}


def _table(item: Item) -> Sequence[str]:
    """Return the lines of an item; its construct also where it is open."""
    head, *rest = item_lines(item)
    return [head, *([] if item.construct else ['construct = ""']), *rest]
