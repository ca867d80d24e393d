"""What the cluster is: its objects, listed once and watched from then on, measured use, and what happens in it."""
