"""The numbers the thesis printed, to be held beside ours.

Its data were never published, so that ours need not meet them: its claims are what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MONOPHONIC, EVENTS, PIANOROLL = "monophonic", "polyphonic_events", "polyphonic_pianoroll"
ATTENTION = "attention"


@dataclass(frozen=True)
class PrintedTable:
    """One table of the thesis: where it stands, its caption, and its numbers by model."""

    experiment: str  # ours, beside which the numbers are shown
    section: str
    caption: str
    numbers: Mapping[str, float]
    remark: str = ""  # what must be known to read them


OF_EVENTS = (
    "The thesis does not say whether its polyphonic numbers are of events or of pianorolls; its"
    " text speaks of note-on and note-off events, so that they stand here."
)

THESIS: dict[str, PrintedTable] = {
    "table_5_1": PrintedTable(
        experiment=MONOPHONIC,
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
        experiment=MONOPHONIC,
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
        experiment=MONOPHONIC,
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
    "table_5_4": PrintedTable(
        experiment=EVENTS,
        section="5.4.3",
        caption="Polyphonic experiment: sum of inter distances",
        numbers={
            "attn_res_emb": 1781.840,
            "attn_res": 1813.039,
            "attn": 1834.427,
            "emb": 1834.581,
            "basic": 1826.264,
        },
        remark=OF_EVENTS,
    ),
    "table_5_5": PrintedTable(
        experiment=EVENTS,
        section="5.4.3",
        caption="Polyphonic experiment: sum of intra distances",
        numbers={
            "attn_res_emb": 423.424,
            "attn_res": 454.790,
            "attn": 444.436,
            "emb": 447.900,
            "basic": 442.526,
        },
        remark=OF_EVENTS,
    ),
    "table_5_6": PrintedTable(
        experiment=EVENTS,
        section="5.4.3",
        caption="Polyphonic experiment: average inter-onset-interval",
        numbers={
            "attn_res_emb": 0.104,
            "attn_res": 0.106,
            "attn": 0.091,
            "emb": 0.099,
            "basic": 0.108,
            "real": 0.114,
        },
        remark=(
            f'{OF_EVENTS} It heads them "interval (time-step)" and does not say how long a step is.'
        ),
    ),
    "table_5_7": PrintedTable(
        experiment=ATTENTION,
        section="5.5.3",
        caption="Attention experiment: sum of inter distances",
        numbers={"s1h1": 2088.857, "s1h3": 1775.623, "s3h1": 1860.495, "s2h2": 1860.365},
    ),
    "table_5_8": PrintedTable(
        experiment=ATTENTION,
        section="5.5.3",
        caption="Attention experiment: Mean of the used pitches",
        numbers={"s1h1": 48.98, "s1h3": 35.505, "s3h1": 37.285, "s2h2": 37.325, "real": 31.4},
    ),
    "table_5_9_raw": PrintedTable(
        experiment=ATTENTION,
        section="5.5.3",
        caption="Attention experiment: euclidean distance to the real dataset, raw pitch",
        numbers={"s1h3": 1775.623, "s3h1": 1860.495, "s2h2": 1860.365},
        remark="It leaves the raw distance of s1h1 out; the others are the sums of its table 5.7.",
    ),
    "table_5_9_transposed": PrintedTable(
        experiment=ATTENTION,
        section="5.5.3",
        caption="Attention experiment: euclidean distance to the real dataset, transposed pitch",
        numbers={"s1h1": 54.622, "s1h3": 56.807, "s3h1": 58.191, "s2h2": 57.307},
        remark="It does not say of what its transposed numbers are a sum or a mean.",
    ),
}
