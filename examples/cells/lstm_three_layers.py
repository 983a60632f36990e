"""Three layers of a long short-term memory: deeper networks are two lines."""

from derive.ops.recurrent_networks import CELL, stacked

summary = "Run three layers of a long short-term memory over sequences."
lstm_three_layers = stacked(CELL["lstm"], 3, "lstm_three_layers", summary)
