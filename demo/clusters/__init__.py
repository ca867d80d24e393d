"""The five clusters of the demo, each of another character."""
