"""Model files read as what they hold: bounded parsers in plain Python, which no model library takes part in."""
