"""Two directions, each with a cell of its own: any two of them go together."""

from derive.ops.recurrent_networks import CELL, bidirectional

lstm_gru_bidirectional = bidirectional(
    CELL["lstm"],
    "concat",
    "lstm_gru_bidirectional",
    "Run a long short-term memory over sequences, and a gated recurrent unit from their ends.",
    backward=CELL["gru"],
)
