"""Figures of a report, which don't depend on time, place or settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

from csindex.language import Words
from csindex.plotting.style import FontWarning, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS_PER_INCH = 200


@dataclass(frozen=True, eq=False)
class Drawing:
    """A plot that is drawn when a format asks for it.

    Attributes
    ----------
    draw : callable
        Draws on the axes that it is given.
    size : tuple of float
        Width and height in inches.
    margins : bool
        Whether there is room for axis labels; without, the axes fill the figure.
    """

    draw: Callable[[Axes], object]
    size: tuple[float, float]
    margins: bool = True

    @cached_property
    def svg(self) -> bytes:
        """The plot as SVG: letters are paths, so no font is needed to see it."""
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        return self._saved("svg", nothing, transparent=True)

    @cached_property
    def png(self) -> bytes:
        """The plot as PNG, on white, for print."""
        return self._saved("png", {"Software": None}, dpi=PIXELS_PER_INCH)

    def _saved(self, kind: str, metadata: dict[str, None], **options: Any) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with _plain_settings():
            figure = Figure(
                figsize=self.size, layout="constrained" if self.margins else None
            )
            FigureCanvasAgg(figure)
            ax = figure.add_subplot() if self.margins else figure.add_axes((0, 0, 1, 1))
            self.draw(ax)
            content = BytesIO()
            figure.savefig(content, format=kind, metadata=metadata, **options)
        return content.getvalue()


@contextmanager
def told_once(words: Words, labels: Iterable[str]) -> Iterator[None]:
    """Warn of a missing font at once, and not again for every figure and letter.

    Parameters
    ----------
    words : Words
        The report's words.
    labels : iterable of str
        The labels in its figures.

    Yields
    ------
    None
        Within, matplotlib and the plots are silent about fonts.
    """
    drawable(words, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FontWarning)
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@contextmanager
def _plain_settings() -> Iterator[None]:
    """Put the user's matplotlib settings aside; equal data give equal bytes."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "csindex", "svg.fonttype": "path"})
        yield
