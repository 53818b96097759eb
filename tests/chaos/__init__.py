"""Random faults against the whole, judged from outside: `python -m tests.chaos`, or `make chaos`. See docs/chaos.md."""
