"""Models that other programs keep on this machine: a module per program, each reading its folders only."""
