"""One customer cluster as a state machine: events in, commands out.

Pure: no clock (times come with events), no input or output, no randomness. Who hosts it carries the commands out.
"""
