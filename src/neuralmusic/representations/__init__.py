"""What a model reads and writes: one module a representation, registered in REPRESENTATIONS.

A representation is a module with

`CLASSES` or `BITS`  the size of its vocabulary: a step is one of CLASSES classes, or BITS bits
`STEP`       what one step is called: "step", "frame", "event"
`encode`     (notes, steps_per_second) -> steps: int16 (T,), or uint8 (T, BITS)
`decode`     (steps, steps_per_second, max_note_seconds, before) -> `Decoded`: the notes, and how
             each of them ended. `before` are the steps before the first, whose notes do not count
`durations`  (steps) -> how many steps of the time grid each step takes: int64 (T,)
`cut`        (steps, length) -> the beginning of a piece, `length` steps of the time grid long
`transpose`  (steps (B, T), semitones (B,)) -> steps, each row moved as far as the keyboard allows
`GRAMMAR`    optional: what may follow, see `events.Grammar`

Nothing here needs PyTorch.
"""

from neuralmusic.representations import events, melody, pianoroll
from neuralmusic.representations.decoded import HIGHEST_KEY, LOWEST_KEY

REPRESENTATIONS = {
    "melody": melody,
    "pianoroll": pianoroll,
    "events": events,
}
# The lowest and the highest pitch of those that cannot hold all.
KEYS = {"pianoroll": (LOWEST_KEY, HIGHEST_KEY)}
