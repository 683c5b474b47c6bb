"""What is trained: one module a family, registered in MODELS.

A family is a module with a frozen dataclass `Settings`, whose fields are the keys of a model's
entry in params.yaml, and `build(settings, vocabulary, window_steps, objective) -> Model`.

The module it builds has one method for all uses,

    forward(inputs, state=None) -> (logits, state)

`inputs` (B, T) are the steps *before* the T steps that `logits` (B, T, V) predict, as the model's
`vocabulary` has them: classes (B, T), of which V stands for the start of a piece, or bits
(B, T, V). Given back (once: a state may be changed in place), the returned
state continues where the call ended, so that any cut of a sequence into calls gives the same
logits. A model that is counted rather than trained by gradient has `fit(pieces)`.

Axes: B batch, T steps, V classes or bits, D width, W window.
"""

from neuralmusic.models import decoder, markov, rnn

MODELS = {
    "decoder": decoder,
    "markov": markov,
    "rnn": rnn,
}
