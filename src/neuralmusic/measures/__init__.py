"""Measures of pieces and of sets of pieces: one file a theme, every measure a plain function.

`pitch`, `transitions`, `rhythm`, `polyphony`, `dynamics` and `structure` measure one note list,
`bars` one with its bars; `registry` has them all by name. `originality` measures pieces against a
training set; `distances` compares sets by their histograms and count matrices. What is undefined
(a mean interval of one note) is None for one piece and NaN in an array, never 0 and never an
exception.

The docstring of a measure is also what users are told: its first paragraph, and its lines that
begin with Formula, Unit, Range, Direction and Source.
"""
