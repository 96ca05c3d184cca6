"""The beginning and the end of a session in its sandbox."""
