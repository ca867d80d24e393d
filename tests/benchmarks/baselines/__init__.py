"""What the planner is compared with, written as fairly as we can."""
