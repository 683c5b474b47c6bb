"""The numbers the thesis printed, to be held beside ours.

Its data were never published, so that ours need not meet them: its claims are what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedTable:
    """One table of the thesis: where it stands, its caption, and its numbers by model."""

    section: str
    caption: str
    numbers: Mapping[str, float]


THESIS: dict[str, PrintedTable] = {
    "table_5_1": PrintedTable(
        section="5.3.3",
        caption="Monophonic experiment: KL-divergence of transitions occurrences",
        numbers={
            "attn_res_emb": 0.0431,
            "attn_res": 0.0482,
            "attn": 0.0495,
            "emb": 0.0485,
            "basic": 0.0502,
        },
    ),
    "table_5_2": PrintedTable(
        section="5.3.3",
        caption="Monophonic experiment: sum of intra distances",
        numbers={
            "attn_res_emb": 1469.066,
            "attn_res": 1507.901,
            "attn": 1526.397,
            "emb": 1583.879,
            "basic": 1553.075,
        },
    ),
    "table_5_3": PrintedTable(
        section="5.3.3",
        caption="Monophonic experiment: sum of inter distances",
        numbers={
            "attn_res_emb": 3255.256,
            "attn_res": 3142.493,
            "attn": 3034.470,
            "emb": 2949.661,
            "basic": 2981.271,
        },
    ),
}
