"""Measures of pieces and of sets of pieces: one file a theme, every measure a plain function.

`pitch`, `transitions` and `rhythm` measure one note list; `distances` compares sets by their
histograms and count matrices. What is undefined (a mean interval of one note) is None for one
piece and NaN in an array, never 0 and never an exception.
"""
