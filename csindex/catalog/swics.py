"""Swiss Index of Customer Satisfaction."""

from csindex.catalog.building import known, measured
from csindex.model import Model

# the three constructs were read in an abstract; their paths are recalled
SWICS = Model(
    "swics",
    constructs=(measured("satisfaction"), measured("dialogue"), measured("loyalty")),
    paths=known(
        "recalled",
        ("satisfaction", "dialogue"),
        ("satisfaction", "loyalty"),
        ("dialogue", "loyalty"),
    ),
    index="satisfaction",
    title="Swiss Index of Customer Satisfaction",
    origin="Switzerland",
    year=1998,
    reference=(
        "Bruhn & Grund (2000), Total Quality Management 11(7), Swiss Index of Customer "
        "Satisfaction"
    ),
)
