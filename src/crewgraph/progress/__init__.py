"""Progress of a kickoff: what is counted in ``tally``, how it is told in ``words``, and where it is shown in ``shown``."""
