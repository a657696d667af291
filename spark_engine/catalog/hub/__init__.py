"""The model hub: what a repository offers, and its files, over the hub's own protocol or a mirror of it."""
