"""EPSI Rating, the European Performance Satisfaction Index."""

from csindex.catalog.building import known, measured
from csindex.model import Model

# the seven constructs were read at EPSI Rating; what drives value and satisfaction in
# an excerpt that cites Martensen, Gronholdt & Kristensen (2000); the paths from
# expectation to the qualities and to satisfaction are recalled, as optional
EPSI = Model(
    "epsi",
    constructs=(
        measured("image"),
        measured("expectation"),
        measured("product_quality"),
        measured("service_quality"),
        measured("value"),
        measured("satisfaction"),
        measured("loyalty"),
    ),
    paths=(
        *known(
            "inferred",
            ("image", "expectation"),
            ("image", "value"),
            ("image", "satisfaction"),
            ("image", "loyalty"),
            ("expectation", "value"),
            ("product_quality", "value"),
            ("service_quality", "value"),
            ("product_quality", "satisfaction"),
            ("service_quality", "satisfaction"),
            ("value", "satisfaction"),
            ("satisfaction", "loyalty"),
        ),
        *known(
            "recalled",
            ("expectation", "product_quality"),
            ("expectation", "service_quality"),
            ("expectation", "satisfaction"),
        ),
    ),
    index="satisfaction",
    title="European Performance Satisfaction Index",
    origin="Northern Europe",
    year=2000,
    reference=(
        "Martensen, Gronholdt & Kristensen (2000), Total Quality Management 11(4-6)"
    ),
)
