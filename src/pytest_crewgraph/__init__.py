"""The pytest plugin of crewgraph. A package of its own, so that pytest can load it without loading crewgraph."""
