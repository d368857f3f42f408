"""China Customer Satisfaction Index of Tsinghua University and CNIS."""

from csindex.catalog.building import known, measured
from csindex.model import Model

# six constructs and eleven relations were read, not which eleven: image, expectation,
# quality, value and satisfaction, each driving all later ones, make ten, and loyalty
# the eleventh
CCSI = Model(
    "ccsi",
    constructs=(
        measured("image"),
        measured("expectation"),
        measured("quality"),
        measured("value"),
        measured("satisfaction"),
        measured("loyalty"),
    ),
    paths=known(
        "inferred",
        ("image", "expectation"),
        ("image", "quality"),
        ("image", "value"),
        ("image", "satisfaction"),
        ("expectation", "quality"),
        ("expectation", "value"),
        ("expectation", "satisfaction"),
        ("quality", "value"),
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
        ("satisfaction", "loyalty"),
    ),
    index="satisfaction",
    title="China Customer Satisfaction Index",
    origin="China",
    year=2005,
    reference=(
        "Tsinghua University and China National Institute of Standardization (since "
        "2005), China Customer Satisfaction Index"
    ),
)
