"""The embedded model for people without a key: scripted answers, or made-up ones of the wanted shape."""
