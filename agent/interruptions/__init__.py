"""Nodes that AWS takes: noticed on the node itself (`node`), and acted upon at once by whoever leads (`guard`)."""
