"""Telecommunications Customer Satisfaction Index of China, of 2001 and of 2006."""

from dataclasses import replace

from csindex.catalog.building import known, measured
from csindex.model import Model

# the seven constructs were read; their paths are inferred as the American ones and
# those of image, which is the brand impression
TCSI = Model(
    "tcsi",
    constructs=(
        measured("image"),
        measured("expectation"),
        measured("quality"),
        measured("value", 2),
        measured("satisfaction"),
        measured("complaints", 1),
        measured("loyalty"),
    ),
    paths=known(
        "inferred",
        ("image", "expectation"),
        ("image", "satisfaction"),
        ("image", "loyalty"),
        ("expectation", "quality"),
        ("expectation", "value"),
        ("expectation", "satisfaction"),
        ("quality", "value"),
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
        ("satisfaction", "complaints", "-"),
        ("satisfaction", "loyalty"),
        ("complaints", "loyalty", "?"),
    ),
    index="satisfaction",
    title="Telecommunications Customer Satisfaction Index",
    origin="China",
    year=2001,
    reference=(
        "Ministry of Information Industry of China (2001), user satisfaction index of "
        "telecommunications services"
    ),
)

# the notice of 2006 names perceived fairness as the eighth construct and no paths;
# that it drives satisfaction is an assumption
TCSI_2006 = replace(
    TCSI,
    name="tcsi_2006",
    constructs=(
        *TCSI.constructs[:4],
        measured("fairness"),
        *TCSI.constructs[4:],
    ),
    paths=(*TCSI.paths, *known("assumed", ("fairness", "satisfaction"))),
    title="Telecommunications Customer Satisfaction Index, with fairness",
    year=2006,
    reference=(
        "Ministry of Information Industry of China (2006), notice on the user "
        "satisfaction index of telecommunications services"
    ),
)
