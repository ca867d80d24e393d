"""Documents that outlive the process that wrote them: a plan as one JSON object, with its schema."""
