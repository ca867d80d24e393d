"""The model lab: models are judged in a sandbox, compared on what happens, graduated, and taken back."""
