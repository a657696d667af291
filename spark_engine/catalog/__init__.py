"""What models there are and which of them lie on this machine."""
