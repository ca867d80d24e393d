"""What clusters run and cost, reckoned from their snapshots; savings by the hour."""
