"""The vocabulary: frozen structs and pure functions that every other layer shares."""
