"""The risk registry's inside: evidence of capacity pools in, flags out. Pure: times come with the evidence."""
