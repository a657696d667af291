"""What this machine has: its processor, its memory, its accelerators; one reader per kind."""
