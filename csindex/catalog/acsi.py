"""American Customer Satisfaction Index."""

from csindex.catalog.building import known
from csindex.model import Item, Model, reflective

# the codes of the tolerance questions: 26 is "more than 25 percent", 101 is a
# non-numeric code of the public file
_TOLERANCE_CODES = (98.0, 99.0, 101.0)

# the paths were read in the matrix of a published example
ACSI = Model(
    "acsi",
    constructs=(
        reflective("expectation", "OVERALLX", "CUSTOMX", "WRONGX"),
        reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
        reflective("value", "PQ", "QP"),
        reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
        reflective("complaints", "COMP"),
        reflective("loyalty", "REPUR", "PTOL"),
    ),
    paths=known(
        "verified",
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
    instrument=(
        Item("COMP", scale=(0, 1)),
        Item("HANDLE", asked_if="COMP == 1"),
        Item(
            "HIGHPTOL",
            scale=(0, 26),
            missing=_TOLERANCE_CODES,
            asked_if="REPUR >= 6",
        ),
        Item(
            "LOWPTOL",
            scale=(0, 26),
            missing=_TOLERANCE_CODES,
            asked_if="REPUR <= 5",
        ),
        Item(
            "PTOL",
            scale=(0, 50),
            derive=(
                ("REPUR >= 6", "25 + min(HIGHPTOL, 25)"),
                ("REPUR <= 5", "25 - min(LOWPTOL, 25)"),
            ),
        ),
    ),
    title="American Customer Satisfaction Index",
    origin="United States",
    year=1994,
    reference=(
        "Fornell, Johnson, Anderson, Cha & Bryant (1996), Journal of Marketing 60(4)"
    ),
)
