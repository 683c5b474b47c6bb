"""What a model reads and writes: one module a representation, registered in REPRESENTATIONS.

A representation is a module with

`CLASSES`  the size of its vocabulary
`encode`   (notes, steps_per_second) -> classes of shape (steps,), int16
`decode`   (classes, steps_per_second) -> `Decoded`: the notes, and how many had to be closed
"""

from neuralmusic.representations import melody

REPRESENTATIONS = {
    "melody": melody,
}
