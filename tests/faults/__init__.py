"""Every fault that docs/delivery.md makes a promise about, done to running consumers and judged from outside."""
