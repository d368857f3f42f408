"""European Customer Satisfaction Index, and its form with complaints."""

from dataclasses import replace

from csindex.catalog.building import known
from csindex.model import Model, reflective

ECSI = Model(
    "ecsi",
    constructs=(
        reflective("image", "IMAG1", "IMAG2", "IMAG3", "IMAG4", "IMAG5"),
        reflective("expectation", "CUEX1", "CUEX2", "CUEX3"),
        reflective(
            "quality", "PERQ1", "PERQ2", "PERQ3", "PERQ4", "PERQ5", "PERQ6", "PERQ7"
        ),
        reflective("value", "PERV1", "PERV2"),
        reflective("satisfaction", "CUSA1", "CUSA2", "CUSA3"),
        reflective("loyalty", "CUSL1", "CUSL2", "CUSL3"),
    ),
    paths=known(
        "verified",
        ("image", "expectation"),
        ("expectation", "quality"),
        ("expectation", "value"),
        ("quality", "value"),
        ("image", "satisfaction"),
        ("expectation", "satisfaction"),
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
        ("image", "loyalty"),
        ("satisfaction", "loyalty"),
    ),
    index="satisfaction",
    title="European Customer Satisfaction Index",
    origin="European Union",
    year=1999,
    reference=(
        "ECSI Technical Committee (1998), European Customer Satisfaction Index: "
        "foundation and structure for harmonized national pilot projects"
    ),
)

# the mobile phone survey asks everyone how complaints were, or would be, handled:
# high is good, so satisfaction's effect on it is positive
ECSI_MOBI = replace(
    ECSI,
    name="ecsi_mobi",
    constructs=(
        *ECSI.constructs[:5],
        reflective("complaints", "CUSCO"),
        *ECSI.constructs[5:],
    ),
    paths=(
        *ECSI.paths[:8],
        *known("verified", ("satisfaction", "complaints")),
        *ECSI.paths[8:],
        *known("verified", ("complaints", "loyalty")),
    ),
    title="European Customer Satisfaction Index with complaints (mobile phones)",
    year=2005,
    reference=(
        "Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005), Computational Statistics "
        "& Data Analysis 48(1)"
    ),
)
