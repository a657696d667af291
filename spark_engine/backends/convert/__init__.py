"""Makes files of one format out of another's: the programs behind a conversion, in a process of its own."""
