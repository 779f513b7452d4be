"""The ancestor's import path; new code imports from ``crewgraph``."""
