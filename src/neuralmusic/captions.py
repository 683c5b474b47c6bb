"""What the report says below each figure: what it shows and how to read it."""

from __future__ import annotations

CAPTIONS: dict[str, tuple[str, str]] = {
    "figure_5_2": (
        "Loss over training",
        "The mean negative log-likelihood of the next step, lower is better: on the windows of"
        " each epoch while it trains (left) and, after it, on the validation pieces, which no"
        " model was trained on (right). The left is measured with dropout, so that the two levels"
        " do not compare. A dot marks the epoch with the lowest held-out loss: its weights are the"
        " ones that are sampled. A dashed line is a model that is fitted at once. The first, steep"
        " epochs leave the top of the panels, so that the later differences show. Epochs count"
        " work, not time: a model with attention takes longer for one.",
    ),
    "figure_5_3": (
        "Pianorolls of a real piece and of one sample of each model",
        "Time runs across, pitch up; each bar is a note as long as it sounds. At the top is the"
        " first test piece as the models' representation has it, grey where it has ended; below is"
        " the first sample of each model, not chosen by ear. All were primed with the same steps"
        " of a validation piece, which are not shown.",
    ),
    "figure_5_5": (
        "Pitch-class transitions",
        "How often a note of one pitch class (row) is followed by one of another (column),"
        " octaves left out, as a share of all transitions of the set; the 144 cells of a panel sum"
        " to 1, and all panels share one scale. The diagonal is a repeated pitch class. A model"
        " that moves as real music does has the same pattern as `real`; the KL divergence (of"
        " table 5.1) sums up how far it is from that, 0 being the same.",
    ),
    "figure_5_6": (
        "Distances between pieces, and errors by pitch",
        "Left: for each piece the mean Euclidean distance of its pitch histogram (onsets per pitch"
        " and minute) to the other pieces of its own set (top) and to the real pieces (bottom), as"
        " kernel densities (Gaussian, Scott's bandwidth). A curve over that of `real`, which is the"
        " same in both, is best: a curve to the left of it at the top is a set that varies less"
        " than real music; to the right at the bottom, one that is far from it. Right: by pitch,"
        " how far a model's mean onsets per minute are from the real ones, and their total. The"
        " grey shape, on a scale of its own, is how often real pieces play each pitch.",
    ),
}
