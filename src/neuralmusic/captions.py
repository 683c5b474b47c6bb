"""What the report says below each kind of figure: what it shows and how to read it."""

from __future__ import annotations

from neuralmusic.table_text import LENGTHS

# What all images of attention have in common.
IMAGES = (
    "Each row of an image is one step and shows how it shares its attention out among itself and"
    " the steps before it: bright is more, on one logarithmic scale for all panels, and even"
    " attention darkens downwards, where there are more steps to share among. Strips along the"
    " edges tell what kind of event each step is. Of a model with several seeds the first is"
    " shown."
)
PATTERNS = (
    " Lines parallel to the diagonal are attention at a fixed distance; columns are steps that"
    " all later ones attend to, or, where they follow the colours of the strip, a kind of event."
)

CAPTIONS: dict[str, tuple[str, str]] = {
    "training_loss": (
        "Loss over training",
        "The mean negative log-likelihood of what comes next, lower is better: on the windows of"
        " each epoch while it trains (left) and, after it, on the validation pieces, which no"
        " model was trained on (right). The left is measured with dropout, so that the two levels"
        " do not compare; nor do losses of other representations, whose steps are others. A dot"
        " marks the epoch with the lowest held-out loss: its weights are the"
        " ones that are sampled. A dashed line is a model that is fitted at once. The first, steep"
        " epochs leave the top of the panels, so that the later differences show. Epochs count"
        " work, not time: a model with attention takes longer for one. Of models with several seeds"
        " a line is the mean, each seed is a thin one with a dot of its own, and the legend has the"
        " mean of their lowest losses.",
    ),
    "pianorolls": (
        "Pianorolls of a real piece and of one sample of each model",
        "Time runs across, pitch up; each bar is a note as long as it sounds, less a slit that"
        " keeps repeated notes apart. At the top is the first test piece as the models'"
        " representation has it, grey where it has ended; below is the first sample of each model,"
        " whole, not chosen by ear; where it has several seeds, of the first. All that were"
        " sampled here were primed with the same part of a validation piece, which is not shown.",
    ),
    "transition_matrices": (
        "Pitch-class transitions",
        "How often a note of one pitch class (row) is followed by one of another (column),"
        " octaves left out, as a share of all transitions of the set; the 144 cells of a panel sum"
        " to 1, and all panels share one scale. Notes that begin at once follow each other from"
        " the lowest to the highest. The diagonal is a repeated pitch class. A model that moves as"
        " real music does has the same pattern as `real`; the KL divergence above a panel, of the"
        " counts with one added to every cell, sums up how far it is from that, 0 being the same."
        " Where the scale ends in an arrow, a cell of a model that is far from all others is"
        " beyond it, and the panel says how high it is. Of models with several seeds all pieces"
        " are counted; the divergence is the mean over seeds. `source` is the real pieces before"
        f" encoding: in what they differ is what the representation loses. {LENGTHS}",
    ),
    "distance_densities": (
        "Distances between pieces, and errors by pitch",
        "Left: for each piece the mean Euclidean distance of its pitch histogram (onsets per pitch"
        " and minute) to the other pieces of its own set (top) and to the real pieces (bottom), as"
        " kernel densities (Gaussian; Scott's bandwidth, for the standard deviation or"
        " the interquartile range by 1.349, whichever is less). A curve over that of `real`, which"
        " is the same in both, is best: a curve to the left of it at the top is a set that varies"
        " less than real music; to the right at the bottom, one that is far from it. The axes hold"
        " `real` and most of the models; of a set that is far from the others, or has single far"
        " pieces, the legend in a panel tells what lies beyond its edges. Right: by pitch,"
        " how far a model's mean onsets per minute are from the real ones, and their total; a line"
        " along the upper edge is above it. The grey shape, on a scale of its own, is how often"
        " real pieces play each pitch. Of models with several seeds all pieces are shown, of which"
        f" those of one seed are a set. {LENGTHS}",
    ),
    "pianoroll_of_library": (
        "Our pianoroll beside that of pretty_midi",
        "The first file of the dataset that both read, on the grid of the pianoroll"
        " representation: a cell is one of the 88 keys of a piano during one step. Both follow the"
        " file's tempo and leave the sustain pedal out. All counts are of the whole file; shown is"
        " the part with the most differences. On a score, whose notes lie on the grid, there"
        " should be none. Elsewhere ours rounds a time to the nearest step and gives every note at"
        " least one, where pretty_midi cuts times down: its notes begin and end up to a step"
        " earlier, and one that begins and ends between the same two steps is not there. What"
        " would differ had ours cut times too is told below the panels, and comes from other"
        " habits: pretty_midi bends pitches as the file says and reads the tempo from the first"
        " track alone; ours ends a note where the same key of the same channel is struck again,"
        " and with the file where it is never ended.",
    ),
    "events_and_pianoroll": (
        "The beginning of a piece as a pianoroll and as events",
        "Two seconds of the first test piece from its first note on: of a score, where a quarter"
        " lasts half a second, a bar of four quarters. Notes that sound on are ended there. Above,"
        " each bar is a note; a dotted line stands where notes begin or end. Below is the same as"
        " a sequence of events, which the models read and write one by one, from left to right:"
        " a note-on or note-off takes no time, a time shift lets it pass (the small number is the"
        " time that it leads to), and a velocity holds for all notes until the next one. At one"
        " time notes are turned off before others are turned on, and from the lowest to the"
        " highest. Nothing in the sequence says which note-off belongs to which note-on, or how"
        " long a note has been on: a model has to remember.",
    ),
    "deteriorating_sample": (
        "A deteriorating sample above a real piece",
        "The sample with the highest stuck-note rate, of all samples with at least two notes;"
        " those of the Markov chain, which cannot remember a note, do not count; `basic.2` is the"
        " second seed of `basic`. It is shown, and its notes counted, to its end, where tables"
        " measure it up to the length of a real piece: what deteriorates does so late. Below"
        " is the first test piece, grey where it has ended. A note is stuck where decoding had to"
        " end it: because it lasted longer than the longest note allowed, where its bar ends, or"
        " because it was still on when a sequence of events ended.",
    ),
    "stuck_by_age": (
        "Notes never turned off, by age",
        "Of the notes that are still on at an age, the share that the sequence never turns off,"
        " with a 95 % band from resampling pieces; below, how many notes reach that age. Age"
        " counts what a model has read or written since the note began, not time. Curves"
        " stop where fewer than ten notes are left. A note still on when its piece ends was not"
        " turned off either, so that the share rises with age for any model; `real` shows how much"
        " that is. Of a sample those notes count that begin before the length of the real piece"
        " up to which tables measure it, however long they then sound. Did models forget a note"
        " once it has left the window that they were trained on, the curves would rise at the"
        " dashed line. Of models with"
        " several seeds the notes of all pieces are counted.",
    ),
    "model_ranking": (
        "Nearness to the real pieces",
        "The models from the nearest to the farthest, by the Fréchet distance over all measures"
        " that are numbers (left), with 95 % intervals over pieces and, where models have several,"
        " seeds; in brackets the places that 95 % of the resamples give a model. The dashed line is"
        " the ceiling, what one half of the real pieces is from the other, the dotted one the"
        " floor, a Markov chain. Right: the mean distance between two pieces of a model, which"
        " collapses where a model repeats itself; dashed, that of all real pieces. `source`,"
        " the real pieces before encoding, is what the representation alone changes, and has no"
        f" place. {LENGTHS}",
    ),
    "model_differences": (
        "Differences from the real pieces, measure by measure",
        "Each row is a measure, each dot a model: how far the mean over its pieces lies from that"
        " over the real ones, in standard deviations of the real pieces, with 95 % intervals. What"
        " lies on the line is as in real music. What copies the training set lies right of the line"
        " in the two last rows. `source` is the real pieces before encoding: what the"
        f" representation alone changes. {LENGTHS}",
    ),
    "measures_agree": (
        "Which measures agree",
        "Each cell says whether two measures put the models in the same order, by how far each is"
        " from the real pieces: red the same, blue the opposite. Of few models the correlations are"
        f" coarse. A measure in which all models are equal is left out. {LENGTHS}",
    ),
    "attention_network": (
        "The attention network",
        "The modules of one model as they run, from the steps that it has read to scores of every"
        " class that the next step may be of; it is the one, in bold in the table, with the most"
        " heads in all its blocks together. Beside each arrow is the shape of what goes along it,"
        " taken from the built model: steps and, after the embedding, numbers a step. Filled boxes"
        " have weights. Each half of a block normalises what it reads and adds what it makes to"
        " what came in, which the bent lines lead past it; several blocks run one after the other."
        " In the table, width is how many numbers a step has between blocks, and feed-forward how"
        " many between the layers `widen` and `narrow`.",
    ),
    "scores_of_one_event": (
        "What each head attends to where notes begin or end",
        "The models read a sequence made by hand, in which equal note-ons (left) or note-offs"
        " (right) stand among equal time shifts. "
        + IMAGES
        + " Columns at the note events that are brighter or darker than what is beside them are"
        " a head that attends to these events or avoids them; rows at the note events are what"
        " they attend to. Time shifts differ by their position alone, so that a pattern among them"
        " in a first block comes from positions.",
    ),
    "scores_of_two_events": (
        "What each head attends to between note-ons and note-offs",
        "The models read a sequence made by hand, in which note-ons and, later, note-offs of the"
        " same pitch stand among equal time shifts. "
        + IMAGES
        + " Where the rows of the note-offs meet the columns of the note-ons is what a note's end"
        " gives its beginning: it is brighter than what is around it in a head that looks back for"
        " the note that ends.",
    ),
    "scores_of_early_layer": (
        "What the first block attends to in a real piece",
        "Every head of the first block of each model, on the beginning of the first test piece. "
        + IMAGES
        + PATTERNS,
    ),
    "scores_of_late_layer": (
        "What the last block attends to in a real piece",
        "Every head of the last block of each model that has more than one, on the beginning of"
        " the first test piece. What a step holds here is no longer its event alone: the blocks"
        " before have mixed in what they attended to. " + IMAGES + PATTERNS,
    ),
}
