"""The in-cluster agent: reports what a cluster is, acts on signed commands, drains interrupted nodes on its own.

Stands on ``domain`` alone and ships as its own small image, so nothing else of ours may be imported here, and nothing
imports it. ``docs/agent.md`` tells how it is run, ``docs/agent-protocol.md`` what it says.
"""
