"""Conversations of the Chat page: what they are, where they are kept, how they are found and handed on."""
