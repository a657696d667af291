"""What can be converted into what, what that takes, and the words between engine and converting process."""
