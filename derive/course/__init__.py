"""A first course on convolutional and recurrent networks: the gallery's front door.

The content is data, a file a chapter. `derive.course.page` makes the page of it; the engine knows
nothing of it.
"""

from derive.course import (
    convolution,
    front,
    gates,
    neurons,
    pooling,
    recurrence,
    shapes,
    training,
)
from derive.course.networks import cnn, network_by_hand, neuron, residual_block

FOLDER = "course"  # of the pages of its own operations
OPERATIONS = (neuron, network_by_hand, cnn, residual_block)
FRONT = front.STOPS
CHAPTERS = (
    neurons.CHAPTER,
    convolution.CHAPTER,
    pooling.CHAPTER,
    recurrence.CHAPTER,
    gates.CHAPTER,
    shapes.CHAPTER,
    training.CHAPTER,
    training.BEYOND,
)
