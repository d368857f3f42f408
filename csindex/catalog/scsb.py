"""Swedish Customer Satisfaction Barometer, the first national index."""

from csindex.catalog.building import known, measured
from csindex.model import Model

# value is the model's perceived performance: quality given price and price given
# quality. The antecedents were read in a thesis that paraphrases Johnson et al. (2001);
# the exit-voice consequences are recalled from Fornell (1992).
SCSB = Model(
    "scsb",
    constructs=(
        measured("expectation"),
        measured("value", 2),
        measured("satisfaction"),
        measured("complaints", 1),
        measured("loyalty"),
    ),
    paths=(
        *known(
            "verified",
            ("expectation", "value"),
            ("expectation", "satisfaction"),
            ("value", "satisfaction"),
        ),
        *known(
            "recalled",
            ("satisfaction", "complaints", "-"),
            ("satisfaction", "loyalty"),
            ("complaints", "loyalty", "?"),
        ),
    ),
    index="satisfaction",
    title="Swedish Customer Satisfaction Barometer",
    origin="Sweden",
    year=1989,
    reference="Fornell (1992), Journal of Marketing 56(1)",
)
