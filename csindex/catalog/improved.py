"""The improved model: the American one after the four changes of the new barometer."""

from csindex.catalog.acsi import ACSI
from csindex.catalog.building import known, measured
from csindex.model import Model, reflective

# ten ties between a customer and a company: the outer ones bind by calculation, the
# inner ones by feeling
OUTER_TIES = ("legal", "economic", "technical", "geographic", "time")
INNER_TIES = ("knowledge", "social", "cultural", "values", "psychological")

PRICE = measured("price")
COMPLAINT_HANDLING = measured("complaint_handling", 2)
IMAGE = measured("image")
AFFECTIVE = reflective("affective_commitment", *(f"tie_{tie}" for tie in INNER_TIES))
CALCULATIVE = reflective(
    "calculative_commitment", *(f"tie_{tie}" for tie in OUTER_TIES)
)

_ITEMS = {construct.name: construct.items for construct in ACSI.constructs}

# the changes are read; that the ties are an affective and a calculative commitment,
# which satisfaction drives, is inferred from the new Norwegian barometer
IMPROVED = Model(
    "improved",
    constructs=(
        reflective("quality", *_ITEMS["quality"]),
        PRICE,
        COMPLAINT_HANDLING,
        reflective("satisfaction", *_ITEMS["satisfaction"]),
        IMAGE,
        AFFECTIVE,
        CALCULATIVE,
        reflective("loyalty", *_ITEMS["loyalty"]),
    ),
    paths=(
        *known(
            "verified",
            ("quality", "satisfaction"),
            ("price", "satisfaction"),
            ("price", "loyalty"),
            ("complaint_handling", "satisfaction"),
            ("complaint_handling", "loyalty"),
            ("satisfaction", "image"),
            ("image", "loyalty"),
            ("satisfaction", "loyalty"),
        ),
        *known(
            "inferred",
            ("satisfaction", "affective_commitment"),
            ("satisfaction", "calculative_commitment"),
            ("affective_commitment", "loyalty"),
            ("calculative_commitment", "loyalty"),
        ),
    ),
    index="satisfaction",
    instrument=ACSI.instrument,
    title="Improved model, with price, complaint handling, image and relationship ties",
    origin="proposal",
    year=2001,
    reference=(
        "After Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), Journal of "
        "Economic Psychology 22(2)"
    ),
)
