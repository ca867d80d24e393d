"""One customer cluster as a state machine: events in, commands out.

Pure: no clock (times come with events), no input or output, no randomness. Who hosts it carries the commands out.

What it holds to
----------------
- A Spot interruption is acted upon in its own turn, whatever the mode: the node ends anyway, so cordon and drain are
  protection, not optimisation. Its replacement is a plan and follows the mode.
- Safe mode queues nothing, for an interruption either: what would be done is written to the audit log as a dry run, the
  registry still hears of it, and plans are still made. What it kept back is done when it ends, if there is still time.
- A node is given up once for each instance: notices may come twice, late, in any order, or before the node is known.
- One plan is made at a time, the most urgent first. One is carried out at a time, by a saga that knows nothing of this
  state; beside it only those that replace what AWS takes.
- Whatever cannot be carried out says why: to the job, to the portal, to the audit log, and in the story of its cause.
"""
