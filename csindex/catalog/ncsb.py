"""Norwegian Customer Satisfaction Barometer: the original, and the new one of 2001."""

from csindex.catalog.acsi import ACSI
from csindex.catalog.building import known, measured
from csindex.catalog.rater import RATER
from csindex.model import Model

# "identical to the American model except image"; that image drives satisfaction and
# loyalty, and not the other way round, is inferred
NCSB = Model(
    "ncsb",
    constructs=(
        measured("image"),
        *(measured(c.name, len(c.items)) for c in ACSI.constructs),
    ),
    paths=(
        *ACSI.paths,
        *known("inferred", ("image", "satisfaction"), ("image", "loyalty")),
    ),
    index="satisfaction",
    title="Norwegian Customer Satisfaction Barometer",
    origin="Norway",
    year=1996,
    reference=(
        "Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), Journal of Economic "
        "Psychology 22(2)"
    ),
)

# the quality drivers are SERVQUAL's dimensions; numbers of items are recalled
NCSB_2001 = Model(
    "ncsb_2001",
    constructs=(
        *RATER,
        measured("price"),
        measured("complaint_handling", 2),
        measured("satisfaction"),
        measured("image"),
        measured("affective_commitment"),
        measured("calculative_commitment"),
        measured("loyalty"),
    ),
    paths=(
        *known("verified", *((block.name, "satisfaction") for block in RATER)),
        *known(
            "verified",
            ("price", "satisfaction"),
            ("price", "loyalty"),
            ("complaint_handling", "satisfaction"),
            ("complaint_handling", "loyalty"),
            ("satisfaction", "image"),
            ("image", "loyalty"),
            ("affective_commitment", "loyalty"),
            ("calculative_commitment", "loyalty"),
        ),
        *known(
            "recalled",
            ("satisfaction", "affective_commitment"),
            ("satisfaction", "calculative_commitment"),
            ("satisfaction", "loyalty"),
        ),
    ),
    index="satisfaction",
    title="Norwegian Customer Satisfaction Barometer, new model",
    origin="Norway",
    year=2001,
    reference=(
        "Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), Journal of Economic "
        "Psychology 22(2)"
    ),
)
