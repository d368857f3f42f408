"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from csindex.language import visible
from csindex.report.blocks import Page

# a word beyond so many letters may be broken behind these marks
_LONGEST = 18
_PART = re.compile(r"[^_./-]*[_./-]+|[^_./-]+")

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


def html(page: Page) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    page : Page
        The report.

    Returns
    -------
    str
        One page without scripts, links to files or anything from the network.
    """
    return _template().render(page=page)


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("csindex.report")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_address"] = _data_address
    environment.filters["breakable"] = _breakable
    # the package's own style sheet, the only text that isn't escaped
    environment.globals["style"] = Markup(  # noqa: S704
        (folder / "style.css").read_text(encoding="utf-8")
    )
    template = (folder / "template.html").read_text(encoding="utf-8")
    return environment.from_string(template)


def _finalized(value: Any) -> Any:
    """Return what is shown for a value: no text that hides something."""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    return visible(value)


def _breakable(text: str) -> Markup:
    """Return a text whose very long words, as names of items, may be broken."""
    from markupsafe import Markup, escape

    words = [
        Markup("<wbr>").join(_PART.findall(word)) if len(word) > _LONGEST else word
        for word in visible(text).split(" ")
    ]
    return Markup(" ").join(map(escape, words))


def _data_address(svg: bytes) -> Markup:
    from markupsafe import Markup

    # letters, digits, "+", "/" and "=" only
    address = b64encode(svg).decode("ascii")
    return Markup(f"data:image/svg+xml;base64,{address}")  # noqa: S704
