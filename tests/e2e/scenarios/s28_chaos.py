"""SIGKILL while relaying: two ledgers prove that nothing is lost, and count what comes twice.
`tests/e2e/soak` does the same for as long as wanted."""
from harness import chaos
from harness.case import case


@case(seconds=200)
def kills_while_relaying(t):
    """The relay and the sink are killed in turns under a steady load."""
    chaos.run(t, seconds=60 if t.long else 12, rate=500, pause=2.0)
