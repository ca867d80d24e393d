"""What the rest of the platform may ask of AWS."""
