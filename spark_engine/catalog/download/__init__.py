"""Downloads of models: whole and checked or not at all, and continued after any interruption."""
