"""National Customer Satisfaction Index of Korea."""

from dataclasses import replace

from csindex.catalog.acsi import ACSI
from csindex.catalog.building import measured

# the Korea Productivity Center states the American methodology and its six constructs,
# as CSISG (Singapore) and NCSI-UK do: their model is csi.acsi()
NCSI = replace(
    ACSI,
    name="ncsi",
    constructs=tuple(measured(c.name, len(c.items)) for c in ACSI.constructs),
    instrument=(),
    title="National Customer Satisfaction Index",
    origin="South Korea",
    year=1998,
    reference=(
        "Korea Productivity Center, National Customer Satisfaction Index: methodology, "
        "after Fornell et al. (1996), Journal of Marketing 60(4)"
    ),
)
