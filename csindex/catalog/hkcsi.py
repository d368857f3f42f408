"""Hong Kong Consumer Satisfaction Index."""

from csindex.catalog.building import known, measured
from csindex.model import Model, composite

# that the consumers' characteristics are inputs of the model was read in an abstract;
# the list of paths is recalled
HKCSI = Model(
    "hkcsi",
    constructs=(
        composite("customer_characteristics", "age", "education", "income"),
        measured("expectation"),
        measured("quality"),
        measured("value", 2),
        measured("satisfaction"),
        measured("complaints", 1),
        measured("loyalty"),
    ),
    paths=known(
        "recalled",
        ("customer_characteristics", "expectation", "?"),
        ("customer_characteristics", "quality", "?"),
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
    title="Hong Kong Consumer Satisfaction Index",
    origin="Hong Kong",
    year=1998,
    reference="City University of Hong Kong, Hong Kong Consumer Satisfaction Index",
)
